"""Who comes home is searched for no more, and who did not, after all, is searched for again: pages, steps, a site."""

from pathlib import Path

from sqlalchemy import text

from review.doors import form_token
from review.roles import Role
from storage.stores import Stores
from tests.office import Office
from tests.pipeline.conftest import WANTED
from tests.review.conftest import Browser, serving
from tests.servers.video_site import Page, VideoSite

OTHER = "AL-1975"
LIST = "number;names;status\n1;Lin-Manuel Example;returned\n2;Alex Example;returned\n"
FIELDS = {"title": "Exchange of 31 January", "body": "ministry", "dated": "2026-01-31"}
SAID = {"says": "returned", "body": "ministry", "source": "decision", "reference": "order 31", "dated": "2026-02-01"}


def searched(stores: Stores) -> dict[str, tuple[str, int, int]]:
    """Register number -> status, templates, open candidates."""
    found = text("""
        SELECT register_number, status,
               (SELECT count(*) FROM templates JOIN reference_photos ON reference_photos.id = photo_id
                 WHERE person_id = persons.id),
               (SELECT count(*) FROM candidates WHERE person_id = persons.id AND state = 'open') FROM persons""")
    with stores.db.begin() as db:
        return {row[0]: (row[1], row[2], row[3]) for row in db.execute(found)}


def take_in(officer: Browser) -> None:
    data = {"token": form_token(next(iter(officer.cookies.values()))), **FIELDS, "do": "import"}
    sent = officer.post("/lists/new", data=data, files={"file": ("exchange.csv", LIST.encode())})
    assert sent.headers["location"] == "/lists/1"


def test_two_who_came_home_by_an_exchange_list_and_who_did_not_after_all(
    office: Office, site: VideoSite, clip: Page, register: Path, stores: Stores
) -> None:
    ours = Office(office.settings.model_copy(update={"legal_basis": "decision 7"}), stores)
    ours.run("register", "import", str(register))
    ours.run("source", "add", "video_site", site.url(clip.path), "--reason", "a test")
    ours.run("run")
    before = searched(stores)
    assert min(before[WANTED][1:]) >= 1
    assert before[OTHER][1] >= 1
    gone = dict.fromkeys((WANTED, OTHER), ("returned", 0, 0))
    with serving(stores, ours.settings) as pages:
        officer = pages.signed_in(Role.CASE_OFFICER)
        take_in(officer)
        for line, number in ((1, WANTED), (2, OTHER)):
            officer.submit(f"/lists/lines/{line}/decide", number=number, same="yes", sets="1")
        ours.run("run")
        after = searched(stores)
        assert {number: after[number] for number in gone} == gone
        assert {number: after[number] for number in before if number not in gone} == {
            number: kept for number, kept in before.items() if number not in gone
        }
        assert officer.submit("/lists/1/undo", reason="the other exchange was meant").status_code == 303
        assert searched(stores)[WANTED] == ("missing", 0, 0), "their photos are enrolled by the next run"
        ours.run("run")
        assert searched(stores) == before

        asks = officer.submit(f"/people/{WANTED}/statements", **SAID, sets="on")
        assert f"{before[WANTED][2]}" in asks.text
        assert searched(stores) == before, "it asks first"
        officer.submit(f"/people/{WANTED}/statements", **SAID, sets="on", confirmed="1")
        assert searched(stores)[WANTED] == gone[WANTED]
        with stores.db.begin() as db:
            said = db.execute(text("SELECT max(id) FROM statements")).scalar_one()
        officer.submit(f"/statements/{said}/withdraw", reason="a namesake", confirmed="1")
        ours.run("run")
    assert searched(stores) == before
    assert ours.ask("verify")["ok"]

"""Lists on the pages: taken in with a preview, decided, contradictions, and who is shown what."""

import html
import re
from collections.abc import Mapping

import httpx
import pytest
from sqlalchemy import text

from lastseen.records import PersonStatus, Says, StatementSource, TieKind
from review.doors import form_token
from review.roles import Role
from storage import register, statements, ties
from storage.custody import Action
from storage.statements import Said
from tests.review.conftest import Browser, Site
from tests.review.seeding import Story, seed
from tests.storage.listing import DATED, kept, line, listed, person, propose

CSV = "ПІБ;Рік народження;Статус\nІваненко Петро;1990;загинув\n<b>Ко</b> Ольга;90;полон\n"
FIELDS = {"title": "List of 31 January", "body": "Side A", "dated": "2026-01-31"}


def send(
    browser: Browser, content: bytes = b"", encoded: str = "", fields: Mapping[str, str] = FIELDS, **more: str
) -> httpx.Response:
    """The form with its file, or with one that was previewed (`encoded`)."""
    token = form_token(next(iter(browser.cookies.values())))
    files = {"file": ("a.csv" if content else "", content)}
    return browser.post("/lists/new", data={"token": token, "content": encoded, **fields, **more}, files=files)


def count(site: Site, table: str) -> int:
    with site.stores.db.begin() as db:
        return int(db.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())  # noqa: S608  our own words


def hidden(page: str, name: str) -> str:
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found
    return html.unescape(found[1])


def status(site: Site, number: str) -> PersonStatus:
    with site.stores.db.begin() as db:
        return register.held(db, number).status


def test_a_file_is_previewed_and_only_then_imported(site: Site) -> None:
    person(site.stores, "26-001", "Іваненко Петро Олексійович", 1990)
    browser = site.signed_in(Role.CASE_OFFICER)
    shown = send(browser, CSV.encode(), do="preview")
    assert shown.status_code == 200
    assert "Іваненко Петро" in shown.text
    assert "write four digits" in shown.text
    assert "<b>Ко</b>" not in shown.text
    assert (count(site, "lists"), count(site, "list_entries")) == (0, 0)
    content = hidden(shown.text, "content")
    chosen = {"column-names": "ПІБ", "column-birth_year": "Рік народження", "column-says": "Статус"}
    done = send(
        browser, encoded=content, fields={**FIELDS, **chosen, "chosen": "1", "file_name": "a.csv", "save_as": "A"},
        do="import",
    )  # fmt: skip
    assert (done.status_code, done.headers["location"]) == (303, "/lists/1")
    page = browser.get("/lists/1").text
    assert "26-001" in page
    assert "List of 31 January" in page
    assert [event.action for event in site.log() if event.action == Action.LISTED] == [Action.LISTED]
    again = send(browser, CSV.encode(), do="import")
    assert again.status_code == 422
    assert "came of the same file" in again.text
    assert send(browser, CSV.encode(), do="import", again="1").status_code == 303


def test_what_is_wrong_stands_on_the_form(site: Site) -> None:
    browser = site.signed_in(Role.CASE_OFFICER)
    for content, dated, why in (
        (b"", "2026-01-31", "Choose a file"),
        (b"%PDF-1.7 ...", "2026-01-31", "it is a PDF"),
        (CSV.encode(), "", "Say of which day the list is."),
        (CSV.encode(), "x", "“x” is no day"),
        (CSV.encode(), "2999-01-31", "2999-01-31 is still to come."),
    ):
        answer = send(browser, content, fields={**FIELDS, "dated": dated}, do="import")
        assert answer.status_code == 422
        assert why in answer.text
        assert "Side A" in answer.text
    assert send(browser, b"x" * (12 << 20), do="import").status_code == 422
    too_large = send(browser, b"x" * (13 << 20), do="import")
    assert too_large.status_code == 413
    assert "larger than its page takes" in too_large.text
    assert count(site, "lists") == 0


def test_faults_are_told_in_the_language_of_the_page(site: Site) -> None:
    browser = site.signed_in(Role.CASE_OFFICER)
    browser.headers["Accept-Language"] = "uk"
    rows = "ПІБ;Рік народження;Статус\nКоваль Ольга;90;полон\nКоваль;1990;щось\n"
    for answer in (send(browser, rows.encode(), do="preview"), send(browser, rows.encode(), do="import")):
        page = browser.get(answer.headers["location"] + "?show=all") if answer.status_code == 303 else answer
        for said in ("«90» — не рік", "тут лише одне слово", "ніхто не сказав, що означає «щось»"):
            assert said in page.text, (answer.status_code, said)
        assert "is no year" not in page.text
    assert "це не цілий файл XLSX" in send(browser, b"PK\x03\x04 and no more", do="preview").text
    with site.stores.db.begin() as db:
        (english, *_more) = db.execute(text("SELECT fault FROM list_entries ORDER BY id")).scalars()
    assert english == "Рік народження: “90” is no year: write four digits, as 1990"


def test_the_text_of_a_post_becomes_a_list(site: Site) -> None:
    seed(site.stores, Story(state="rejected", permalink="https://videos.example/watch/7", text="Коваль Ольга, 1990"))
    browser = site.signed_in(Role.CASE_OFFICER)
    link = "https://videos.example/watch/7"
    assert f'value="{link}"' in browser.get("/lists/new", params={"post": link}).text
    assert "Коваль Ольга" in send(browser, do="preview", post=link, says="dead").text
    assert send(browser, do="import", post=link, says="dead").headers["location"] == "/lists/1"
    with site.stores.db.begin() as db:
        assert db.execute(text("SELECT file_name FROM lists")).scalar() == link
    unknown = send(browser, do="preview", post="https://videos.example/watch/8")
    assert (unknown.status_code, "No post with this link" in unknown.text) == (422, True)
    assert ("viewed", "post:1") in [(event.action, event.subject) for event in site.log()]


def test_who_may_be_asked_about_a_post_is_not_shown_its_text_as_a_list(site: Site) -> None:
    seed(site.stores, Story(permalink="https://videos.example/watch/7", text="Коваль Ольга, 1990"))
    link = "https://videos.example/watch/7"
    kept_back = send(site.signed_in(Role.SENIOR), do="preview", post=link, says="dead")
    assert kept_back.status_code == 422
    assert "Коваль Ольга" not in kept_back.text
    assert "Коваль Ольга" in send(site.signed_in(Role.CASE_OFFICER), do="preview", post=link, says="dead").text


def test_a_form_with_a_file_needs_its_token_and_other_doors_take_none(site: Site) -> None:
    browser = site.signed_in(Role.CASE_OFFICER)
    assert browser.post("/lists/new", data=dict(FIELDS), files={"file": ("a.csv", b"x")}).status_code == 403
    token = form_token(next(iter(browser.cookies.values())))
    other = browser.post("/lists/1/undo", data={"token": token, "reason": "x"}, files={"file": ("a.csv", b"x")})
    assert other.status_code == 415


def test_a_line_is_confirmed_and_the_office_takes_it_for_what_is(site: Site) -> None:
    id_ = person(site.stores, "A", "Ada One")
    list_ = kept(site.stores, [line(2, "Ada One", "returned"), line(3, "Ada Two", "returned")])
    for entry in (1, 2):
        propose(site.stores, entry, id_)
    browser = site.signed_in(Role.CASE_OFFICER)
    assert browser.get(f"/lists/{list_}/next").headers["location"] == "/lists/lines/1"
    asking = browser.get("/lists/lines/1").text
    assert "The search for them ends" in asking and "/people/B" not in asking
    person(site.stores, "B", "Ada Once More")
    with site.stores.db.begin() as db:
        ties.declare(db, ("A", "B"), TieKind.SAME, "keeper", 1)
    assert "/people/B" in browser.get("/lists/lines/1").text, "by that entry the search goes on"
    done = browser.submit("/lists/lines/1/decide", number="A", same="yes", sets="1")
    assert done.headers["location"] == f"/lists/{list_}/next?after=1"
    assert status(site, "A") is PersonStatus.RETURNED
    assert browser.submit("/lists/lines/2/decide", number="A", same="no").status_code == 303
    assert browser.submit("/lists/lines/2/decide", number="A", same="yes").status_code == 409
    assert (
        browser.submit("/lists/lines/2/decide", number="A", same="yes", reason="their sister wrote").status_code == 303
    )
    assert browser.submit(f"/lists/{list_}/undo", reason="of another office").status_code == 303
    assert status(site, "A") is PersonStatus.MISSING
    assert "of another office" in browser.get(f"/lists/{list_}").text
    assert browser.submit("/lists/lines/1/decide", number="A", same="no", reason="x").status_code == 409


def test_whoever_ticks_lines_is_told_by_which_other_entries_the_search_goes_on(site: Site) -> None:
    list_ = kept(site.stores, [line(2, "Ada One", "returned"), line(3, "Ada Two", "dead")])
    for entry, number in ((1, "A"), (2, "B")):
        propose(site.stores, entry, person(site.stores, number))
    for number, other in (("A", "A-again"), ("B", "B-again")):
        person(site.stores, other)
        with site.stores.db.begin() as db:
            ties.declare(db, (number, other), TieKind.SAME, "keeper", 1)
    browser = site.signed_in(Role.CASE_OFFICER)
    waiting = browser.get(f"/lists/{list_}").text
    assert ("/people/A-again" in waiting, "/people/B-again" in waiting) == (True, False), "dead is a claim: none ends"
    browser.submit(f"/lists/{list_}/decide", same="yes", sets="1", **{"line-1": "A"})
    for page in (f"/lists/{list_}?show=matched", "/lists/lines/1"):
        assert "/people/A-again" in browser.get(page).text, f"{page}: it ended, and goes on there"
    with site.stores.db.begin() as db:
        statements.enter(
            db, "A-again", Said(Says.RETURNED, "us", StatementSource.DECISION, "1", DATED, sets=True), "x", 5
        )
    for page in (f"/lists/{list_}?show=matched", "/lists/lines/1"):
        assert "/people/A-again" not in browser.get(page).text, f"{page}: nobody searches there, either"


def test_several_lines_are_decided_together_and_each_is_an_answer(site: Site) -> None:
    list_ = kept(site.stores, [line(row, f"Ada {row}") for row in (2, 3, 4)])
    for entry in (1, 2, 3):
        propose(site.stores, entry, person(site.stores, f"N{entry}", f"Ada {entry}"))
    browser = site.signed_in(Role.SENIOR)
    done = browser.submit(f"/lists/{list_}/decide", same="yes", **{"line-1": "N1", "line-2": "N2"})
    assert done.status_code == 303
    assert (count(site, "list_decisions"), count(site, "statements")) == (2, 2)
    partly = browser.submit(f"/lists/{list_}/decide", same="no", **{"line-2": "N2", "line-3": "N3"})
    assert partly.status_code == 409
    assert count(site, "list_decisions") == 3
    assert browser.submit(f"/lists/{list_ + 1}/decide", same="no", **{"line-1": "N2"}).status_code == 404


def test_a_contradiction_stands_beside_the_line_before_it_is_decided(site: Site) -> None:
    id_ = person(site.stores, "A", "Ada One")
    said = Said(Says.RETURNED, "Side B", StatementSource.DOCUMENT, "Letter 7", DATED)
    with site.stores.db.begin() as db:
        statements.enter(db, id_, said, "tester", 5)
    list_ = kept(site.stores, [line(2, "Ada One", "dead")])
    propose(site.stores, 1, id_)
    browser = site.signed_in(Role.CASE_OFFICER)
    for page in (f"/lists/{list_}", "/lists/lines/1", f"/lists/{list_}?show=contradicting"):
        shown = browser.get(page).text
        assert "Side B" in shown, page
        assert "Letter 7" in shown, page
    browser.submit("/lists/lines/1/decide", number="A", same="yes")
    assert "Side B" in browser.get(f"/lists/{list_}?show=contradicting").text


def test_a_line_is_kept_from_whoever_may_still_be_asked_whose_face_it_is(site: Site) -> None:
    seeded = seed(site.stores, Story(number="SEEDED"))
    list_ = kept(site.stores, [line(2, "Somebody Else", "dead")])
    propose(site.stores, 1, seeded.person)
    senior, officer = site.signed_in(Role.SENIOR), site.signed_in(Role.CASE_OFFICER)
    page = senior.get(f"/lists/{list_}").text
    assert "Somebody Else" not in page
    assert "is not shown to you" in page
    assert senior.get("/lists/lines/1").status_code == 409
    assert senior.get(f"/lists/{list_}/next").headers["location"].startswith(f"/lists/{list_}?")
    assert senior.submit("/lists/lines/1/decide", number="SEEDED", same="yes").status_code == 404
    assert count(site, "list_decisions") == 0
    assert "Somebody Else" in officer.get(f"/lists/{list_}").text
    assert count(site, "tellings_of_people") == 1


def test_of_a_file_that_was_erased_it_is_said_that_it_was_and_when(site: Site) -> None:
    list_, _line = listed(site.stores, "A")
    browser = site.signed_in(Role.CASE_OFFICER)
    assert "a.csv" in browser.get(f"/lists/{list_}").text
    with site.stores.owner.begin() as db:
        asked = "INSERT INTO erasures (subject, reason, order_reference, asked_by) VALUES ('person:A', 'x', 'y', 'z')"
        db.execute(text(asked))
        db.execute(text("INSERT INTO erasure_acts (erasure_id, act, actor) VALUES (1, 'confirmed', 'z')"))
        db.execute(text("SELECT set_config('lastseen.erasure', '1', true)"))
        db.execute(text("UPDATE lists SET object_key = '', file_name = '', erased_at = '2026-03-01T12:00Z'"))
    page = browser.get(f"/lists/{list_}").text
    assert re.search(r"Erased on <time[^>]*>[^<]*2026|Erased on [^<]*2026", page), "no empty name"


def test_hostile_lines_are_shown_as_text(site: Site) -> None:
    hostile = "<script>alert(1)</script>"
    list_ = kept(site.stores, [line(2, hostile, raw={hostile: hostile}, fault=hostile)], body=hostile, title=hostile)
    propose(site.stores, 1, person(site.stores, "A/../<x>", hostile))
    browser = site.signed_in(Role.CASE_OFFICER)
    for page in ("/lists", f"/lists/{list_}?show=all", "/lists/lines/1"):
        assert "<script>alert" not in browser.get(page).text, page


@pytest.mark.parametrize("role", [Role.ANALYST, Role.REGISTER_KEEPER, Role.COLLECTOR, Role.ADMINISTRATOR])
def test_lists_are_for_officers(site: Site, role: Role) -> None:
    list_, entry = listed(site.stores, "A")
    browser = site.signed_in(role)
    for page in ("/lists", "/lists/new", f"/lists/{list_}", f"/lists/lines/{entry}"):
        assert browser.get(page).status_code == 403


def test_lines_in_every_state_have_their_page_and_their_place_on_the_list(site: Site) -> None:
    faulty = line(2, "", "", names=[], fault="tests wrote it so", raw={"names": ""})
    twice = [line(3, "Ada One"), line(3, "Ada One", part=2), line(4, "Ada Three")]
    list_ = kept(site.stores, [faulty, *twice, *(line(row, f"Ada {row}") for row in range(5, 60))])
    kept(site.stores, [line(2, "Ada One")], title="Another list")
    one, other = person(site.stores, "A", "Ada One", 1990), person(site.stores, "B", "Ada Two")
    propose(site.stores, 2, one, other)
    with site.stores.owner.begin() as db:
        db.execute(text("UPDATE persons SET region = 'the east', names = CASE id WHEN 2 THEN '{}' ELSE names END"))
        why = """{"score": 0.9, "fitting": 3, "reasons": [{"field": "surname", "said": "", "registered": "",
                  "verdict": "agrees", "how": "initials"}]}"""
        db.execute(text("UPDATE list_matches SET why = CAST(:why AS jsonb)"), {"why": why})
    browser = site.signed_in(Role.CASE_OFFICER)
    waits = browser.get("/lists/lines/2").text
    assert all(each in waits for each in ("Also named in", "Another list", "the east", "3 entries", "Unnamed"))
    assert browser.submit("/lists/lines/2/decide", number="A", same="no").status_code == 303
    assert browser.submit("/lists/lines/4/decide", number="B", same="yes", reason="by hand").status_code == 303
    said = {1: ("tests wrote it so", "no name"), 2: ("Refused by",), 3: ("3.2",), 4: ("Named by hand", "Confirmed by")}
    for id_, words in said.items():
        shown = browser.get(f"/lists/lines/{id_}")
        assert shown.status_code == 200, id_
        assert all(each in shown.text for each in words), id_
    every = browser.get(f"/lists/{list_}?show=all").text
    assert all(each in every for each in ("3.2", "refused", "confirmed", "fits 3", "Further lines", "more than once"))
    assert browser.get(f"/lists/{list_}?show=all&after=50").status_code == 200
    assert "None." in browser.get(f"/lists/{list_}?show=contradicting").text
    assert browser.submit(f"/lists/{list_}/undo", reason="of another office").status_code == 303
    for id_ in said:
        assert "This list was undone" in browser.get(f"/lists/lines/{id_}").text
    assert "(undone)" in browser.get("/lists").text


def test_before_any_list_there_is_none_and_a_form_keeps_what_was_chosen(site: Site) -> None:
    browser = site.signed_in(Role.CASE_OFFICER)
    assert "None." in browser.get("/lists").text
    assert send(browser, CSV.encode(), do="import", save_as="side A").status_code == 303
    again = send(browser, CSV.encode(), do="preview", mapping="side A", encoding="utf-8").text
    assert all(each in again for each in ("I want it twice", "<details open>", "selected>side A"))
    headless = send(browser, CSV.encode(), do="preview", no_header="1")
    assert (headless.status_code, 'value="1" checked' in headless.text) == (422, True), (
        "nobody said which column is what"
    )

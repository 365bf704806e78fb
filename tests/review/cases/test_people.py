"""A person's page and the list of people: what stands, who wrote it down, what contradicts, and who is shown it."""

import html
import re
from datetime import date, timedelta

import httpx
import pytest
from sqlalchemy import text

from lastseen.clock import utcnow
from lastseen.records import PersonStatus, Says, StatementSource, TieKind
from review.roles import Role
from storage import accounts, contradictions, custody, list_lines, lists, statements, ties
from storage.accounts import User
from storage.custody import Action
from storage.database import Connection
from storage.statements import Said
from tests.review.conftest import Browser, Site
from tests.review.seeding import Seeded, Story, seed
from tests.review.test_api import V1, program, refused
from tests.review.test_blindness import told
from tests.storage import listing
from tests.storage.casting import row
from tests.storage.judged import conclude
from tests.storage.lettered import went_out

HOSTILE = "<script>alert(1)</script> & 'quotes'"
HOME = Said(Says.RETURNED, "ministry", StatementSource.DECISION, "order 31", date(2025, 12, 1), sets=True)
DEAD = Said(Says.DEAD, "side A", StatementSource.DOCUMENT, "list of May", date(2024, 5, 1), date(2024, 4, 2))
PERSON = "/people/HC-0001"
FORM = {
    "body": "ICRC",
    "says": "captive",
    "source": "letter",
    "reference": "letter 17/4",
    "dated": "2025-06-01",
    "since": "2025-05-20",
    "note": "by post",
}


@pytest.fixture
def shown(site: Site) -> Seeded:
    """A possible sighting of HC-0001, whom side A calls dead before that was published."""
    seeded = seed(site.stores)
    with site.stores.db.begin() as db:
        conclude(db, seeded.candidate, 3, 3)
        statements.keep(db, seeded.person, DEAD, "ada")
    return seeded


def signed_in(site: Site, *roles: Role) -> tuple[User, Browser]:
    with site.stores.db.begin() as db:
        user = accounts.add_user(db, f"the.{'.'.join(roles)}", None, roles)
    return user, site.as_user(user)


def officer(site: Site) -> Browser:
    return signed_in(site, Role.CASE_OFFICER)[1]


def status(site: Site) -> str:
    with site.stores.db.begin() as db:
        return str(db.execute(text("SELECT status FROM persons ORDER BY id LIMIT 1")).scalar_one())


def said(site: Site) -> list[statements.Statement]:
    with site.stores.db.begin() as db:
        return list(statements.of_person(db, 1))


def actions(site: Site) -> list[str]:
    return [event.action for event in site.log()]


def words(page: httpx.Response) -> str:
    """What the page says, without its tags."""
    return " ".join(re.sub(r"<[^>]+>", " ", page.text).split())


# --- what is shown -----------------------------------------------------------------------------------------


def test_the_page_tells_the_status_what_contradicts_and_everything_in_order(site: Site, shown: Seeded) -> None:
    page = officer(site).get(PERSON)
    assert page.status_code == 200
    told_ = words(page)
    assert "missing possible sighting" in told_
    assert "As the register has it" in told_
    assert "Seen in a recording that was published after a claimed death" in told_
    assert "it may have been filmed any time before" in told_
    assert "list of May" in told_
    order = [page.text.index('id="statement-1"'), page.text.index('class="sighting"'), page.text.index('class="post"')]
    assert order == sorted(order)
    assert f"/sightings/{shown.candidate}" in page.text


def test_hostile_words_of_others_are_only_words(site: Site, shown: Seeded) -> None:
    with site.stores.db.begin() as db:
        hostile = Said(Says.DEAD, HOSTILE, StatementSource.POST, HOSTILE, date(2025, 5, 1), note=HOSTILE)
        made, _ = statements.keep(db, shown.person, hostile, HOSTILE)
        held = statements.find(db, made)
        assert held is not None
        statements.mark(db, held, HOSTILE, HOSTILE)
    page = officer(site).get(PERSON).text
    assert "<script>alert" not in page
    assert page.count("&lt;script&gt;alert(1)") == 6
    assert "<s><b>" in page, "it is struck through, and still there"


def test_letters_and_lines_of_lists_stand_on_the_timeline(site: Site, shown: Seeded) -> None:
    with site.stores.db.begin() as db:
        written_to(db, shown.person)
        listed_as(db, shown.person)
    told_ = words(officer(site).get(PERSON))
    assert "letter About 18 people , to Central Tracing Agency" in told_
    assert "sent, ben" in told_
    assert "ministry says: returned Exchange of May , dated" in told_
    assert "1 May 2025 , row 17: Ada Exampel . Decided by cora" in told_


def written_to(db: Connection, person: int) -> None:
    """A letter about somebody, which was sent."""
    to = row(db, "letter_recipients", kind="icrc", name="Central Tracing Agency", language="en", added_by="ada")
    words_ = {"language": "en", "subject": "About 18 people", "body": "b", "with_package": False, "made_by": "ada"}
    letter = row(db, "letters", recipient_id=to, **words_)
    about = {"letter": letter, "person": person}
    db.execute(text("INSERT INTO letter_people (letter_id, person_id) VALUES (:letter, :person)"), about)
    went_out(db, letter, date(2026, 1, 5), "ben")


def listed_as(db: Connection, person: int) -> None:
    """A line of a list that was decided to speak of somebody."""
    file = {"file_name": "l.csv", "sha256": "0" * 64, "size": 1, "object_key": "k", "mapping": {}, "kind": "csv"}
    about = {"title": "Exchange of May", "body": "ministry", "dated": date(2025, 5, 1), "imported_by": "ada"}
    made = row(db, "lists", **file, **about)
    entry = row(db, "list_entries", list_id=made, row=17, names=["Ada Exampel"], says="returned", raw={})
    row(db, "list_decisions", entry_id=entry, person_id=person, same=True, decided_by="cora")


def test_entries_that_are_one_person_are_one_page_of_statements(site: Site, shown: Seeded) -> None:
    other = seed(site.stores, Story(number="HC-0002"))
    with site.stores.db.begin() as db:
        ties.declare(db, ("HC-0001", "HC-0002"), TieKind.SAME, "ada", 5)
        alive = Said(Says.ALIVE, "side B", StatementSource.LETTER, "l", date(2025, 1, 1))
        statements.keep(db, other.person, alive, "ada")
        assert len(contradictions.of_person(db, other.person)) == 2
    browser = officer(site)
    assert "side B says: alive HC-0002" in words(browser.get(PERSON))
    asks = browser.submit(f"{PERSON}/statements", **{**FORM, "sets": "on"})
    assert "only this one changes" in words(asks)
    assert 'href="/people/HC-0002?whole=1"' in asks.text
    assert browser.submit(f"{PERSON}/statements", **FORM, sets="on", confirmed="1").status_code == 303
    with site.stores.db.begin() as db:
        held = db.execute(text("SELECT status FROM persons ORDER BY id")).scalars().all()
    assert held == ["captive", "missing"]


# --- who is shown it ---------------------------------------------------------------------------------------


def test_who_may_be_asked_about_faces_is_shown_nothing_that_was_said(site: Site, shown: Seeded) -> None:
    asked = seed(site.stores, Story(number="HC-0002"))
    with site.stores.db.begin() as db:
        statements.keep(db, asked.person, DEAD, "ada")
        captive = Said(Says.CAPTIVE, "ICRC", StatementSource.LETTER, "l", date(2025, 1, 1), sets=True)
        statements.enter(db, asked.person, captive, "ada", 5)
    for roles in ([Role.ANALYST], [Role.SENIOR], [Role.ANALYST, Role.CASE_OFFICER]):
        user, browser = signed_in(site, *roles)
        page = words(browser.get("/people/HC-0002"))
        assert "searched for" in page
        for kept in ("captiv", "side A", "ICRC", "contradict", "waiting for people"):
            assert kept not in page, (roles, kept)
        assert told(site, user) == []
        assert asked.candidate not in told(site, user)


def test_a_senior_who_wants_to_know_is_told_and_asked_no_more(site: Site, shown: Seeded) -> None:
    user, browser = signed_in(site, Role.SENIOR)
    other = seed(site.stores, Story(number="HC-0002"))
    assert "From then on you are not asked" in words(browser.get("/people/HC-0002"))
    assert "As the register has it" in words(browser.get("/people/HC-0002?whole=1"))
    assert told(site, user) == [other.candidate]


def test_an_analyst_who_asks_for_all_is_not_shown_it(site: Site, shown: Seeded) -> None:
    user, browser = signed_in(site, Role.ANALYST)
    page = words(browser.get(f"{PERSON}?whole=1"))
    assert "side A" not in page
    assert "Show what was said" not in page
    assert told(site, user) == [shown.candidate], "of the sighting, which is decided"


def test_nobody_is_filtered_by_their_fate_for_who_may_be_asked(site: Site, shown: Seeded) -> None:
    _, browser = signed_in(site, Role.SENIOR)
    page = words(browser.get("/people"))
    assert "Ada Example" in page
    assert "possible sighting" not in page.replace("Possible sightings", "")
    for asked in ("show=contradicted", "show=sighted", "status=captive"):
        assert browser.get(f"/people?{asked}").status_code == 403
    assert "Ada Example" in words(browser.get("/people?words=exam"))


def test_the_list_is_filtered_by_status_contradiction_and_words(site: Site, shown: Seeded) -> None:
    seed(site.stores, Story(number="HC-0002", names=("100% Other_Name",)))
    browser = officer(site)
    for asked, found in {
        "": {"HC-0001", "HC-0002"},
        "show=sighted": {"HC-0001"},
        "show=contradicted": {"HC-0001"},
        "status=missing": {"HC-0001", "HC-0002"},
        "status=captive": set(),
        "words=0002": {"HC-0002"},
        "words=100%25": {"HC-0002"},
        "words=r_n": {"HC-0002"},
        "words=%25": {"HC-0002"},
    }.items():
        page = browser.get(f"/people?{asked}").text
        assert set(re.findall(r'href="/people/(HC-\d+)"', page)) == found, asked
    for asked in ("status=asleep", "words=%00", "words=Ada%00"):
        assert browser.get(f"/people?{asked}").status_code == 400, asked


def test_five_hundred_people_are_seen_once_each_page_by_page(site: Site) -> None:
    many = text("""
        INSERT INTO persons (register_number, names, status)
        SELECT 'M-' || lpad(CAST(n AS text), 4, '0'), ARRAY['Person ' || n],
               CASE WHEN n % 2 = 0 THEN 'captive' ELSE 'missing' END FROM generate_series(1, 500) AS n""")
    with site.stores.db.begin() as db:
        db.execute(many)
    browser = officer(site)
    for asked, count in (("show=all", 500), ("status=captive", 250), ("words=Person+4", 111)):
        seen: list[str] = []
        address = f"/people?{asked}"
        while address:
            page = browser.get(address).text
            seen += re.findall(r'href="/people/(M-\d+)"', page)
            older = re.search(r'href="(/people[?][^"]*before=[^"]*)"', page)
            address = html.unescape(older[1]) if older else ""
        assert (len(seen), len(set(seen))) == (count, count), asked


# --- what is written down ----------------------------------------------------------------------------------


def test_a_claim_is_written_down_at_once_and_changes_nothing(site: Site, shown: Seeded) -> None:
    browser = officer(site)
    answer = browser.submit(f"{PERSON}/statements", **FORM)
    assert answer.status_code == 303
    one = said(site)[-1]
    assert (one.body, one.says, one.source, one.reference) == ("ICRC", "captive", "letter", "letter 17/4")
    assert (one.dated, one.since, one.note, one.status) == (date(2025, 6, 1), date(2025, 5, 20), "by post", None)
    assert one.entered_by == "the.case_officer"
    assert status(site) == "missing"
    assert Action.STATED in actions(site)


def test_a_new_status_asks_first_and_says_what_it_sets_going(site: Site, shown: Seeded) -> None:
    waiting = seed(site.stores, Story(number="HC-0009"))
    browser = officer(site)
    form = {**FORM, "says": "returned", "sets": "on"}
    path = "/people/HC-0009/statements"
    page = browser.submit(path, **form)
    assert "1 open candidate closes" in words(page)
    assert "returned" in words(page)
    with site.stores.db.begin() as db:
        assert statements.of_person(db, waiting.person) == []
    again = dict(re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)">', page.text.split("<main")[1]))
    again.pop("token")
    assert browser.submit(path, **again).status_code == 303
    with site.stores.db.begin() as db:
        (one,) = statements.of_person(db, waiting.person)
        state = db.execute(text("SELECT state FROM candidates WHERE id = :id"), {"id": waiting.candidate}).scalar_one()
    assert (one.status, one.since, state) == (PersonStatus.RETURNED, date(2025, 5, 20), "withdrawn")
    assert "returned since 20 May 2025" in words(browser.get("/people/HC-0009"))
    assert actions(site)[-3:] == [Action.STATED, Action.REGISTER_CHANGED, Action.VIEWED]


def test_a_statement_is_withdrawn_with_a_reason_and_what_stood_before_counts(site: Site, shown: Seeded) -> None:
    with site.stores.db.begin() as db:
        made, _, entries = statements.enter(db, shown.person, HOME, "ada", 5)
        custody.append_all(db, "ada", entries)
    browser = officer(site)
    path = f"/statements/{made}/withdraw"
    assert browser.submit(path, reason=" ").status_code == 422
    page = words(browser.submit(path, reason="another person"))
    assert "status then missing" in page
    assert "1 photo is enrolled and searched with again" in page
    assert status(site) == "returned"
    assert browser.submit(path, reason="another person", confirmed="1").status_code == 303
    assert status(site) == "missing"
    assert browser.submit(path, reason="again", confirmed="1").status_code == 409
    assert "another person" in words(browser.get(PERSON))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"dated": ""}, "of which day"),
        ({"dated": "1.6.2025"}, "write it as 2026-03-01"),
        ({"dated": (utcnow() + timedelta(days=3)).date().isoformat()}, "still to come"),
        ({"since": (utcnow() + timedelta(days=3)).date().isoformat()}, "still to come"),
        ({"says": "dead", "sets": "on", "confirmed": "1"}, "sets no status"),
        ({"body": " "}, "Say who says so"),
        ({"reference": ""}, "Say who says so"),
        ({"source": "list"}, "import the list first"),
    ],
)
def test_what_says_too_little_is_told_and_nothing_of_it_is_lost(
    site: Site, shown: Seeded, change: dict[str, str], why: str
) -> None:
    page = officer(site).submit(f"{PERSON}/statements", **{**FORM, **change})
    assert page.status_code == 422
    assert why in words(page)
    assert "by post" in page.text
    assert len(said(site)) == 1


def test_a_keeper_writes_down_what_sets_a_status_and_no_claims(site: Site, shown: Seeded) -> None:
    _, browser = signed_in(site, Role.REGISTER_KEEPER)
    assert "Claims are written down by" in words(browser.submit(f"{PERSON}/statements", **FORM))
    assert browser.submit(f"{PERSON}/statements", **FORM, sets="on", confirmed="1").status_code == 303
    assert status(site) == "captive"
    claim, sets = said(site)
    page = browser.get(PERSON).text
    assert f"/statements/{sets.id}/withdraw" in page
    assert f"/statements/{claim.id}/withdraw" not in page
    refused = browser.submit(f"/statements/{claim.id}/withdraw", reason="a mistake")
    assert (refused.status_code, "Claims are withdrawn by" in words(refused)) == (422, True)
    assert all(one.stands for one in said(site))
    back = browser.submit(f"/statements/{sets.id}/withdraw", reason="a mistake", confirmed="1")
    assert (back.status_code, status(site)) == (303, "missing")


def test_who_writes_something_down_knows_it(site: Site, shown: Seeded) -> None:
    user, browser = signed_in(site, Role.SENIOR)
    assert browser.submit(f"{PERSON}/statements", **FORM).status_code == 303
    assert told(site, user) == [shown.candidate]


def test_nothing_is_written_down_of_who_is_not_there(site: Site) -> None:
    browser = officer(site)
    for sets in ({}, {"sets": "on"}):
        assert browser.submit("/people/nobody/statements", **FORM, **sets).status_code in (404, 422)


# --- programs ----------------------------------------------------------------------------------------------


def test_a_program_writes_down_reads_and_withdraws(site: Site, shown: Seeded) -> None:
    one = program(site, "clerk", Role.CASE_OFFICER)
    given = {"says": "returned", "body": "ministry", "reference": "order 31", "dated": "2025-12-01", "sets": True}
    asked = refused(one.do(f"{PERSON}/statements", given), 409)
    assert "from missing to returned; 0 open candidates close, and" in asked.detail
    assert one.see(PERSON)["status"] == "missing"
    given |= {"confirmed": True}
    made = one.do(f"{PERSON}/statements", given).json()
    assert (made["changed"], made["status"]) == (True, "returned")
    found = one.see(PERSON)
    assert found["status"] == "returned"
    assert [each["says"] for each in found["statements"]] == ["dead", "returned"]
    assert {each["kind"] for each in found["contradictions"]} >= {"seen after a claimed death"}
    withdraw = f"/statements/{made['statement']}/withdraw"
    assert "from returned to missing" in refused(one.do(withdraw, {"reason": "r"}), 409).detail
    assert one.see(PERSON)["status"] == "returned"
    assert one.do(withdraw, {"reason": "r", "confirmed": True}).json()["status"] == "missing"
    assert one.see(PERSON)["statements"][1]["why_withdrawn"] == "r"
    assert [each["register_number"] for each in one.see("/people?show=contradicted")["rows"]] == ["HC-0001"]
    refused(one.do("/people/nobody/statements", given), 404)
    refused(one.do(f"{PERSON}/statements", {**given, "says": "dead"}), 409)


def test_a_program_of_somebody_who_reviews_is_told_as_they_are(site: Site, shown: Seeded) -> None:
    one = program(site, "eve", Role.SENIOR)
    found = one.see(PERSON)
    assert (found["status"], found["statements"], found["contradictions"]) == (None, None, None)
    assert found["searched"]
    assert one.see("/people")["rows"][0]["status"] is None
    refused(one.get(f"{V1}/people?show=contradicted"), 409)
    assert one.see(f"{PERSON}?whole=true")["statements"][0]["body"] == "side A"


def test_a_program_is_told_by_which_other_entries_the_search_goes_on(site: Site, shown: Seeded) -> None:
    one = program(site, "clerk", Role.CASE_OFFICER)
    given = {"says": "returned", "body": "ministry", "reference": "order 31", "dated": "2025-12-01", "sets": True}
    assert "searched for by that" not in refused(one.do(f"{PERSON}/statements", given), 409).detail
    listing.person(site.stores, "HC-0002")
    with site.stores.db.begin() as db:
        ties.declare(db, ("HC-0001", "HC-0002"), TieKind.SAME, "keeper", 1)
    asked = refused(one.do(f"{PERSON}/statements", given), 409)
    assert "the same person is HC-0002, and still searched for by that" in asked.detail


def test_what_was_refused_undone_or_is_gone_stands_on_the_timeline_as_that(site: Site, shown: Seeded) -> None:
    _list, entry = listing.listed(site.stores, "other")
    listing.propose(site.stores, entry, shown.person)
    undone = listing.kept(site.stores, [listing.line(2, "Ada Example", "returned")], title="A list undone")
    with site.stores.db.begin() as db:
        list_lines.decide(db, entry, "HC-0001", False, "cora", 5)
        (line,) = lists.entries_of(db, undone)
        list_lines.decide(db, line, "HC-0001", True, "cora", 5)
        lists.undo(db, undone, "of another office", "cora", 5)
    with site.stores.owner.begin() as db:
        db.execute(text("UPDATE posts SET seen = 'gone', published_at = NULL, published_known_at = NULL"))
        db.execute(
            text("UPDATE persons SET names = '{Ada,Adah}', birth_year = 1990 WHERE id = :id"), {"id": shown.person}
        )
    told_ = words(officer(site).get(PERSON))
    for said_ in ("not this person", "also written", "Born in 1990", "no site says when it was published", "gone"):
        assert said_ in told_, said_
    keeper = words(signed_in(site, Role.REGISTER_KEEPER)[1].get(PERSON))
    assert "A list" in keeper, "whom a keeper may read, without a link to the list"
    with site.stores.owner.begin() as db:
        db.execute(text("UPDATE persons SET names = '{}' WHERE id = :id"), {"id": shown.person})
    assert all("Unnamed" in words(officer_.get(page)) for officer_ in (site.signed_in(Role.CASE_OFFICER),)
               for page in (PERSON, "/people"))  # fmt: skip

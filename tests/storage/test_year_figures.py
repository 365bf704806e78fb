"""Figures of a year are what the records held at a moment, whatever is added, withdrawn or undone later."""

from dataclasses import replace
from datetime import datetime, timedelta

from sqlalchemy import text

from lastseen import yearly
from lastseen.clock import utcnow
from lastseen.records import StatementSource
from lastseen.yearly import Period
from storage import custody, posts, statements, ties, year_figures
from storage.database import Connection
from storage.stores import Stores
from tests.storage import judged
from tests.storage import yearly_office as office
from tests.storage.casting import Seen, candidate, video
from tests.storage.casting import row as insert

TODAY = utcnow().date()
YEAR = Period.named(f"{TODAY:%Y}")


def counts(stores: Stores, as_of: datetime, period: Period = YEAR) -> dict[str, int]:
    """The figures that are not 0."""
    with stores.db.begin() as db:
        found = yearly.records(period, year_figures.facts(db, period, as_of))
    return {name: yearly.number(counted) for name, counted in found.items() if counted}


def test_an_empty_office_reports_nothing(stores: Stores) -> None:
    assert counts(stores, office.moment(stores)) == {}


def test_the_same_moment_says_the_same_after_everything_has_changed(stores: Stores) -> None:
    with stores.db.begin() as db:
        who = office.people(db)
        office.sighting(db, who.ada, "one.example")
        office.state(db, who.ada, office.DEAD)
    with stores.db.begin() as db:
        office.sighting(db, who.ada, "two.example")
        seen = office.sighting(db, who.ben, "three.example")
        list_, _ = office.listed(db, who.cy)
        returned = office.state(db, who.cy, office.home(TODAY))
        old = office.letter(db, TODAY - timedelta(days=40))
        new = office.letter(db, TODAY)
        office.event(db, new, "answered", TODAY)
    first = office.moment(stores)
    told = counts(stores, first)
    assert told == {
        "identified": 3, "identified.video_site": 2, "identified.list": 1, "identified.missing": 2,
        "identified.returned": 1, "added": 1, "added.video_site": 1, "added.missing": 1, "sightings": 3,
        "returned": 1, "contradicted": 1, "contradicted.seen_after_death": 2, "lists": 1, "listed": 1,
        "sent": told["sent"], "answered": 1, "awaited": 1, "overdue": 1,
    }  # fmt: skip
    with stores.db.begin() as db:
        office.tie(db, "26-1", "26-2")
    with stores.db.begin() as db:
        undo(db, list_)
        held = statements.find(db, returned)
        assert held is not None
        statements.mark(db, held, "another person", "ada")
        office.event(db, old, "answered", TODAY)
        office.sighting(db, who.cy, "four.example")
        judged.take_back(db, seen)
    later = counts(stores, office.moment(stores))
    assert counts(stores, first) == told
    assert (later["identified"], later["added"], later["answered"]) == (2, 1, 2)
    assert not {"overdue", "returned", "lists", "listed"} & later.keys()


def undo(db: Connection, list_: int) -> None:
    """A list was imported by mistake."""
    db.execute(
        text("INSERT INTO list_undos (list_id, reason, undone_by) VALUES (:list, 'twice', 'ada')"), {"list": list_}
    )


def test_a_tie_counts_from_when_it_was_declared_until_it_was_taken_back(stores: Stores) -> None:
    with stores.db.begin() as db:
        who = office.people(db)
        office.sighting(db, who.ben, "one.example")
        office.sighting(db, who.ben_again, "two.example")
    apart = office.moment(stores)
    with stores.db.begin() as db:
        office.tie(db, "26-2", "26-3")
    one = office.moment(stores)
    with stores.db.begin() as db:
        custody.append_all(db, "keeper", ties.untie(db, ("26-2", "26-3"), "two brothers", 5))
    found = [counts(stores, moment) for moment in (apart, one, office.moment(stores))]
    assert [(each["identified"], each.get("added", 0)) for each in found] == [(2, 0), (1, 1), (2, 0)]


def test_what_a_tip_led_to_counts_as_such_from_when_it_was_taken_up(stores: Stores) -> None:
    with stores.db.begin() as db:
        who = office.people(db)
        office.sighting(db, who.ada, "one.example")
        tip = insert(db, "tips", code_hash=b"x", language="en", came_by="form", received_by="form")
    before = office.moment(stores)
    with stores.db.begin() as db:
        source = db.execute(text("SELECT max(id) FROM sources")).scalar_one()
        insert(db, "tip_notes", tip_id=tip, kind="taken up", source_id=source, noted_by="ada")
    after = counts(stores, office.moment(stores))
    assert (after["identified.tip"], after["tips"], after["tips_taken"]) == (1, 1, 1)
    assert "identified.tip" not in counts(stores, before)


def test_where_a_recording_came_from_is_what_was_known_then(stores: Stores) -> None:
    """A post that was seen earlier, and whose file was fetched later, changes nothing of the past."""
    with stores.db.begin() as db:
        who = office.people(db)
        office.sighting(db, who.ada, "one.example")
    before = office.moment(stores)
    with stores.db.begin() as db:
        blob = db.execute(text("SELECT max(id) FROM blobs")).scalar_one()
        made = insert(db, "sources", platform="telegram", address="c", reason="r", legal_basis="b", added_by="me")
        post = insert(
            db, "posts", source_id=made, platform="telegram", platform_post_id="1", permalink="p", seen="present",
            first_seen_at=office.EARLY - timedelta(days=9), last_seen_at=office.EARLY,
        )  # fmt: skip
        item = insert(db, "media_items", post_id=post, ordinal=0, kind="video", address="a")
        posts.carry(db, item, blob)
    assert "identified.video_site" in counts(stores, before)
    assert "identified.telegram" in counts(stores, office.moment(stores))


def test_a_group_is_counted_by_eye_or_by_the_recording_that_shows_most(stores: Stores) -> None:
    with stores.db.begin() as db:
        who = office.people(db)
        shown = video(db, Seen(0, 1000), Seen(2000, 3000), Seen(4000, 5000), links=[(0, 1)])
        case = insert(db, "group_cases", title="g", reason="r", opened_by="ada")
        why = {"reason": "first", "decided_by": "ada"}
        insert(db, "group_case_decisions", group_case_id=case, blob_id=shown.blob, belongs=True, **why)
        candidate(db, shown.tracks[0], who.ada, "sighting")
    followed = office.moment(stores)
    with stores.db.begin() as db:
        insert(db, "group_case_notes", group_case_id=case, kind="counted", people=5, note="by eye", noted_by="ada")
    counted = office.moment(stores)
    with stores.db.begin() as db:
        insert(db, "group_case_notes", group_case_id=case, kind="closed", people=1, note="done", noted_by="ada")
    told = [counts(stores, moment) for moment in (followed, counted, office.moment(stores))]
    assert [(one["cases"], one.get("cases_open", 0), one["shown"], one["accounted"]) for one in told] == [
        (1, 1, 2, 1), (1, 1, 5, 1), (1, 0, 5, 1),
    ]  # fmt: skip


def test_a_list_counts_no_more_once_what_was_written_down_of_it_is_withdrawn(stores: Stores) -> None:
    with stores.db.begin() as db:
        who = office.people(db)
        _, line = office.listed(db, who.cy)
        office.listed(db, who.ada, same=False)
        said = replace(office.home(TODAY), source=StatementSource.LIST, list_entry=line)
        made = office.state(db, who.cy, said)
    assert counts(stores, office.moment(stores))["listed"] == 1
    with stores.db.begin() as db:
        held = statements.find(db, made)
        assert held is not None
        statements.mark(db, held, "a namesake", "ada")
    assert "listed" not in counts(stores, office.moment(stores))


def test_nothing_is_settled_that_somebody_is_still_writing(stores: Stores) -> None:
    with stores.db.begin() as writing:
        insert(writing, "group_cases", title="g", reason="r", opened_by="ada")
        with stores.db.begin() as db:
            began = writing.execute(text("SELECT now()")).scalar_one()
            assert year_figures.settled(db) == began
    with stores.db.begin() as db:
        assert year_figures.settled(db) > began

"""Figures of a year are what the records held at a moment, whatever is added, withdrawn or undone later."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random
from typing import Final

import pytest
from hypothesis import Phase, given, settings, strategies
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from lastseen import yearly
from lastseen.clock import utcnow
from lastseen.errors import WrongUse
from lastseen.records import (
    PersonEntry,
    PersonFacts,
    PersonStatus,
    Platform,
    PostSeen,
    Says,
    Seen,
    Source,
    StatementSource,
)
from lastseen.yearly import Period
from storage import custody, group_cases, posts, register, statements, ties, year_figures
from storage.database import Connection, Engine, connect
from storage.embedded import Endpoints
from storage.stores import Stores
from tests.conftest import fresh_database
from tests.storage import judged
from tests.storage import yearly_office as office
from tests.storage.casting import Seen as Track
from tests.storage.casting import Video, analyse, candidate, post, repost, video
from tests.storage.casting import row as insert

TODAY = utcnow().date()
YEAR = Period.named(f"{TODAY:%Y}")


def counts(stores: Stores, as_of: datetime, period: Period = YEAR) -> dict[str, int]:
    """The figures that are not 0."""
    return counted(stores.db, as_of, period)


def counted(engine: Engine, as_of: datetime, period: Period = YEAR) -> dict[str, int]:
    """The same of a database."""
    with engine.begin() as db:
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
        shown = video(db, Track(0, 1000), Track(2000, 3000), Track(4000, 5000), links=[(0, 1)])
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


def test_a_group_is_counted_as_on_its_page(stores: Stores) -> None:
    """One person in two recordings counts once, whom sightings or the footage tell to be one; a poor face does not."""
    with stores.db.begin() as db:
        who = office.people(db)
        one = video(db, Track(0, 900), Track(0, 900, x=300), Track(0, 9, x=500, gate="24"))
        copy, again = video(db, Track(0, 900), Track(0, 900, x=300)), video(db, Track(0, 900, x=200), Track(0, 900))
        repost(db, one, copy, (0, 60_000), (0, 60_000))
        candidate(db, one.tracks[0], who.ada, "sighting")
        candidate(db, again.tracks[0], who.ada, "sighting")
        case, _ = group_cases.open_(db, one.blob, "Yard", "seen together", "ada")
        for more in (copy, again):
            group_cases.decide(db, case, more.blob, belongs=True, reason="the same yard", actor="ada")
    told = counts(stores, office.moment(stores))
    with stores.db.begin() as db:
        (page,) = group_cases.every(db)
    assert (page.shown, page.accounted) == (told["shown"], told["accounted"]) == (3, 1)
    with stores.db.begin() as db:
        group_cases.count(db, case, 9, "by eye", "ada")
        (page,) = group_cases.every(db)
    assert page.shown == counts(stores, office.moment(stores))["shown"] == 9


def test_a_day_of_publication_that_a_site_states_later_counts_from_then_on(stores: Stores) -> None:
    """By the code that keeps what was read; the death was claimed after it was published, and before it was seen."""
    with stores.db.begin() as db:
        who = office.people(db)
        shown = video(db, Track(0, 1000))
        source, item = noted(db, None)
        posts.carry(db, item, shown.blob)
        candidate(db, shown.tracks[0], who.ada, "sighting")
        office.state(db, who.ada, replace(office.DEAD, since=TODAY - timedelta(days=9)))
    before = office.moment(stores)
    told = counts(stores, before)
    with stores.db.begin() as db:
        noted(db, utcnow() - timedelta(days=99), source)
    later = counts(stores, office.moment(stores))
    assert (told["contradicted"], later.get("contradicted")) == (1, None)
    assert counts(stores, before) == told
    with stores.db.begin() as db:
        noted(db, utcnow() - timedelta(days=5), source)
    assert "contradicted" not in counts(stores, office.moment(stores))  # what a site said first stays


def noted(db: Connection, published: datetime | None, source: int = 0) -> tuple[int, int]:
    """A post is read; row ids of its source, and of its file if that is new."""
    source = source or insert(
        db, "sources", platform="video_site", address="https://late.example/", reason="r", legal_basis="b",
        added_by="me",
    )  # fmt: skip
    of = Source(source, Platform.VIDEO_SITE, "https://late.example/", "r")
    seen = PostSeen("1", "https://late.example/1", utcnow(), "m", Seen.PRESENT, b"", "k", "c", published_at=published)
    made = posts.note(db, of, seen, "s", changed=True)
    known = db.execute(text("SELECT id FROM media_items WHERE post_id = :post"), {"post": made.post}).scalar()
    return source, known or insert(db, "media_items", post_id=made.post, ordinal=0, kind="video", address="a")


def test_what_the_register_said_first_counts_until_something_else_was_said(stores: Stores) -> None:
    with stores.db.begin() as db:
        made = register.keep_person(db, entry(PersonStatus.MISSING), 5).person
        insert(
            db, "reference_photos", person_id=made, file_name="1", sha256="s", size=1, media_type="m", object_key="k"
        )
        office.listed(db, (made, 0))
    before = office.moment(stores)
    with stores.db.begin() as db:
        assert register.keep_person(db, entry(PersonStatus.RETURNED), 5).changed
    assert counts(stores, before)["identified.missing"] == 1
    assert counts(stores, office.moment(stores))["identified.returned"] == 1


def entry(status: PersonStatus) -> PersonEntry:
    return PersonEntry("26-77", PersonFacts(("Dee",), None, status), ())


def test_what_letters_rest_on_is_never_changed(stores: Stores) -> None:
    """A recipient of a letter answers within as many days as when it was written."""
    with stores.db.begin() as db:
        office.letter(db, TODAY)
        db.execute(text("UPDATE letter_recipients SET retired_at = now(), retired_by = 'ada'"))
    for change in ("answers_within_days = 1", "name = 'Other'", "address = 'Elsewhere'", "language = 'uk'"):
        with pytest.raises(DBAPIError, match="letter_recipients"), stores.db.begin() as db:
            db.execute(text(f"UPDATE letter_recipients SET {change}"))  # noqa: S608  ours


# --- whatever happens --------------------------------------------------------------------------------------


@dataclass
class Office:
    """One to which anything happens, one thing after another."""

    db: Connection
    chosen: Random
    who: office.People

    def any(self, ids: str) -> int | None:
        """One of the row ids that a query finds."""
        found = self.db.execute(text(ids)).scalars().all()
        return self.chosen.choice(found) if found else None

    def somebody(self) -> tuple[int, int]:
        return self.chosen.choice([self.who.ada, self.who.ben, self.who.ben_again, self.who.cy])

    def sighting(self) -> None:
        """In a recording of several people."""
        shown = video(self.db, Track(0, 1000), Track(0, 1000, x=300), Track(2000, 3000))
        post(self.db, shown.blob, f"{shown.sha256[:8]}.example", office.EARLY)
        candidate(self.db, shown.tracks[0], self.somebody(), "sighting")
        candidate(self.db, shown.tracks[1], self.who.cy)

    def doubt(self) -> None:
        if one := self.any("SELECT id FROM candidates WHERE state = 'sighting'"):
            judged.take_back(self.db, one)

    def confirm(self) -> None:
        if one := self.any("SELECT id FROM candidates WHERE state = 'open' ORDER BY id"):
            judged.conclude(self.db, one, 3, 3)

    def claim(self) -> None:
        says = self.chosen.choice([Says.DEAD, Says.ALIVE, Says.NOT_HELD])
        day = TODAY - timedelta(days=self.chosen.randrange(4000))
        office.state(self.db, self.somebody(), replace(office.DEAD, says=says, since=day, body=f"side {day.day % 3}"))

    def state(self) -> None:
        says = self.chosen.choice([Says.CAPTIVE, Says.RETURNED, Says.DNA])
        office.state(self.db, self.somebody(), replace(office.home(TODAY), says=says))

    def withdraw(self) -> None:
        free = """SELECT id FROM statements WHERE id NOT IN (SELECT statement_id FROM statement_withdrawals)"""
        if one := self.any(free):
            held = statements.find(self.db, one)
            assert held is not None
            statements.mark(self.db, held, "another person", "ada")

    def list(self) -> None:
        office.listed(self.db, self.somebody(), same=self.chosen.random() < 0.8)

    def undo(self) -> None:
        if one := self.any("SELECT id FROM lists WHERE id NOT IN (SELECT list_id FROM list_undos)"):
            undo(self.db, one)

    def letter(self) -> None:
        office.letter(self.db, TODAY - timedelta(days=self.chosen.randrange(60)))

    def answer(self) -> None:
        if one := self.any("SELECT id FROM letters"):
            office.event(self.db, one, self.chosen.choice(["answered", "given up"]), TODAY)

    def tie(self) -> None:
        office.tie(self.db, *self.chosen.sample(["26-1", "26-2", "26-3", "26-4"], 2))

    def untie(self) -> None:
        for tie in ties.listed(self.db)[:1]:
            custody.append_all(self.db, "keeper", ties.untie(self.db, (tie.one, tie.other), "two people", 5))

    def tip(self) -> None:
        code = self.chosen.randbytes(8)
        made = insert(self.db, "tips", code_hash=code, language="en", came_by="form", received_by="form")
        if source := self.any("SELECT id FROM sources"):
            insert(self.db, "tip_notes", tip_id=made, kind="taken up", source_id=source, noted_by="ada")

    def post_again(self) -> None:
        if blob := self.any("SELECT id FROM blobs"):
            post(self.db, blob, f"{self.chosen.randrange(10**9)}.example", office.EARLY - timedelta(days=9))
            item = self.db.execute(text("SELECT max(id) FROM media_items")).scalar_one()
            posts.carry(self.db, item, blob)

    def open_case(self) -> None:
        if blob := self.any("SELECT id FROM blobs"):
            group_cases.open_(self.db, blob, "Yard", "seen together", "ada")

    def add_to_case(self) -> None:
        case, blob = self.any("SELECT id FROM group_cases"), self.any("SELECT id FROM blobs")
        belongs = self.chosen.random() < 0.7
        files = "SELECT blob_id FROM group_case_files WHERE group_case_id = :case"
        mine = self.db.execute(text(files), {"case": case}).scalars().all()
        if case and blob and (blob in mine) is not belongs and mine != [blob]:
            group_cases.decide(self.db, case, blob, belongs=belongs, reason="r", actor="ada")

    def count(self) -> None:
        if case := self.any("SELECT id FROM group_cases"):
            group_cases.count(self.db, case, self.chosen.randrange(1, 9), "by eye", "ada")

    def close(self) -> None:
        if case := self.any("SELECT id FROM group_cases"):
            closed = next(one for one in group_cases.every(self.db) if one.id == case).closed
            (group_cases.reopen if closed else group_cases.close)(self.db, case, "why", "ada")

    def analyse_again(self) -> None:
        if blob := self.any("SELECT id FROM blobs"):
            seen = [Track(0, 1000), Track(0, 1000, x=300), Track(0, 1000, x=500), Track(2000, 3000)]
            analyse(self.db, Video(blob, ""), *seen[: self.chosen.randrange(1, 5)], links=[])

    def same_footage(self) -> None:
        blobs = self.db.execute(text("SELECT id FROM blobs ORDER BY id")).scalars().all()
        if len(blobs) > 1:
            one, other = (Video(blob, "") for blob in self.chosen.sample(blobs, 2))
            start = self.chosen.randrange(100)
            repost(self.db, one, other, (start, 60_000), (start, 60_000))

    def part(self) -> None:
        self.db.execute(
            text("""
            UPDATE repost_links SET withdrawn_at = now(), withdrawn_by = 'ada'
             WHERE id = (SELECT min(id) FROM repost_links WHERE withdrawn_at IS NULL)""")
        )

    def reject(self) -> None:
        if track := self.any("SELECT id FROM tracks"):
            blob = "SELECT blob_id FROM analyses JOIN tracks ON analysis_id = analyses.id WHERE tracks.id = :track"
            of = self.db.execute(text(blob), {"track": track}).scalar_one()
            insert(
                self.db, "rejections", person_id=self.somebody()[0], blob_id=of, track_id=track, reason="r",
                rejected_by="ada",
            )  # fmt: skip


HAPPENS: Final[list[Callable[[Office], None]]] = [
    Office.sighting, Office.sighting, Office.doubt, Office.confirm, Office.claim, Office.claim, Office.state,
    Office.withdraw, Office.list, Office.undo, Office.letter, Office.answer, Office.tie, Office.untie, Office.tip,
    Office.post_again, Office.open_case, Office.add_to_case, Office.count, Office.close, Office.analyse_again,
    Office.same_footage, Office.part, Office.reject,
]  # fmt: skip


@settings(max_examples=5, deadline=None, derandomize=True, phases=[Phase.generate])  # a smaller case takes minutes
@given(happens=strategies.lists(strategies.sampled_from(HAPPENS), min_size=20, max_size=30), seed=strategies.integers())
def test_no_figure_of_a_moment_changes_by_anything_that_is_recorded_later(
    endpoints: Endpoints, happens: list[Callable[[Office], None]], seed: int
) -> None:
    with fresh_database(endpoints) as url:
        engine = connect(url)
        try:
            told = list(_lived(engine, happens, Random(seed)))
            for what, as_of, before in told:
                assert counted(engine, as_of) == before, what
        finally:
            engine.dispose()


def _lived(
    engine: Engine, happens: list[Callable[[Office], None]], chosen: Random
) -> Iterator[tuple[str, datetime, dict[str, int]]]:
    """One thing after another, and what was counted after each."""
    with engine.begin() as db:
        who = office.people(db)
        first = Office(db, chosen, who)
        first.sighting()
        first.open_case()
    for thing in happens:
        with suppress(WrongUse), engine.begin() as db:
            thing(Office(db, chosen, who))
        with engine.begin() as db:
            as_of = office.now(db)
        yield thing.__name__, as_of, counted(engine, as_of)

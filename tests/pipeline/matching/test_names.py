"""Words of posts against names of the register, whatever comes first, and what happens when either changes."""

import pytest
from sqlalchemy import text

from lastseen.clock import utcnow
from lastseen.records import PersonEntry, PersonFacts, PersonStatus, Platform, PostSeen, Seen
from lastseen.settings import Settings
from matchers.names.index import VERSION
from pipeline.matching import names
from pipeline.runner import Runner
from storage import custody, name_hints, posts, register, sources
from storage.custody import Action
from storage.database import Connection
from storage.stores import Stores
from storage.work import Queue
from tests.review.seeding import Story, seed

NAZAR = "Дорошевець Назар Ілліч"


class Desk:
    """An office that reads posts and keeps a register, and sees no faces."""

    def __init__(self, stores: Stores, settings: Settings) -> None:
        self.stores, self.settings = stores, settings
        self.runner = Runner(stores, settings, "tester")
        self.step = names.step(settings)
        with stores.db.begin() as db:
            self.source = sources.add(db, Platform.VIDEO_SITE, "http://site/", "a test", "test", "tester").source

    def person(self, number: str, name: str, year: int | None, status: PersonStatus = PersonStatus.MISSING) -> None:
        entry = PersonEntry(number, PersonFacts((name,), year, status), ())
        with self.stores.db.begin() as db:
            register.keep_person(db, entry, self.settings.people_per_track)

    def post(self, number: str, said: str, title: str = "") -> None:
        """A post, or what it says now."""
        with self.stores.db.begin() as db:
            self.note(db, number, said, title)

    def note(self, db: Connection, number: str, said: str, title: str = "") -> None:
        """The same, in a transaction."""
        seen = PostSeen(
            number, f"http://site/{number}", utcnow(), "test", Seen.PRESENT, b"{}", f"raw/{number}/{hash(said)}",
            f"{hash(said)}", title, said, utcnow(),
        )  # fmt: skip
        posts.note(db, self.source, seen, "0" * 64, changed=True)

    def compare(self) -> int:
        """Work off what is due.  Returns how many blocks that were."""
        with self.stores.db.begin() as db:
            names.fill(db, Queue(names.NAME, VERSION))
        tally = self.runner.drain(self.step)
        assert not tally.faults
        return tally.done

    def hints(self) -> set[tuple[str, str, bool]]:
        """(register number, post, of an earlier text)"""
        with self.stores.db.begin() as db:
            return {
                (one.register_number, one.permalink.rpartition("/")[2], one.earlier) for one in name_hints.listed(db)
            }


@pytest.fixture
def desk(stores: Stores, settings: Settings) -> Desk:
    return Desk(stores, settings)


def test_an_entry_and_a_post_meet_whichever_came_first(desk: Desk) -> None:
    desk.post("before", f"Зник {NAZAR}, 1996 р.н.")
    assert desk.compare() == 1
    assert desk.hints() == set()
    desk.person("A", NAZAR, 1996)
    desk.compare()
    desk.post("after", "Хто бачив Назара Дорошевця, 1996 р.н.?", title="Звернення")
    desk.compare()
    assert desk.hints() == {("A", "before", False), ("A", "after", False)}
    assert desk.compare() == 0, "nothing is left to do"


def test_comparing_twice_changes_nothing(desk: Desk) -> None:
    desk.person("A", NAZAR, 1996)
    desk.post("p", NAZAR)
    desk.compare()
    with desk.stores.db.begin() as db:
        before = db.execute(text("SELECT * FROM name_hints")).all()
        db.execute(text("DELETE FROM name_looks"))
    assert len(before) == 1
    assert desk.compare() == 1
    with desk.stores.db.begin() as db:
        assert db.execute(text("SELECT * FROM name_hints")).all() == before


def test_an_observation_that_is_committed_late_is_compared_all_the_same(desk: Desk) -> None:
    desk.person("A", NAZAR, 1996)
    with desk.stores.db.begin() as late:
        desk.note(late, "late", NAZAR)
        desk.post("newer", "Нічого нового")
        assert desk.compare() == 1
    assert desk.compare() == 1
    assert desk.hints() == {("A", "late", False)}


def test_what_a_post_once_said_stays_a_hint(desk: Desk) -> None:
    desk.person("A", NAZAR, 1996)
    desk.post("p", NAZAR)
    desk.post("p", "Текст вилучено")
    desk.compare()
    assert desk.hints() == {("A", "p", True)}


def test_who_is_found_has_no_hints_and_who_is_missing_again_has(desk: Desk) -> None:
    desk.person("A", NAZAR, 1996)
    desk.post("p", NAZAR)
    desk.compare()
    desk.person("A", NAZAR, 1996, PersonStatus.FOUND)
    with desk.stores.db.begin() as db:
        assert db.execute(text("SELECT count(*) FROM name_hints")).scalar_one() == 0, "at once, and not at the next run"
    desk.compare()
    assert desk.hints() == set()
    desk.person("A", NAZAR, 1996)
    desk.compare()
    assert desk.hints() == {("A", "p", False)}


def test_a_hint_goes_when_the_entry_is_corrected(desk: Desk) -> None:
    desk.person("A", NAZAR, 1996)
    desk.post("p", f"{NAZAR}, 1996 р.н.")
    desk.compare()
    desk.person("A", NAZAR, 1969)
    desk.compare()
    assert desk.hints() == set()


def test_the_log_tells_of_it_without_names(desk: Desk) -> None:
    desk.person("A", NAZAR, 1996)
    desk.post("p", NAZAR)
    desk.compare()
    with desk.stores.db.begin() as db:
        told = [event for event in custody.events(db) if event.action == Action.SEARCHED]
        notes = db.execute(text("SELECT why FROM work WHERE step = 'names'")).scalars().all()
    assert [event.subject for event in told] == ["words:0"]
    assert told[0].detail == {"matcher": VERSION, "texts": 1, "hints": 1, "new": 1, "gone": 0}
    assert notes == ["1 texts, 1 people, 1 hints"]


def states(stores: Stores) -> dict[str, str]:
    """Of each person's candidate."""
    said = "SELECT register_number, state FROM candidates JOIN persons ON persons.id = person_id"
    with stores.db.begin() as db:
        return {row.register_number: row.state for row in db.execute(text(said))}


def test_whom_a_later_hint_names_is_asked_about_and_no_longer_when_it_goes(desk: Desk) -> None:
    """Six people are near a face, five are asked about: the nearest, but whom the post names goes before them."""
    nearest = seed(desk.stores, Story(number="P1", distance=0.1, text=f"Зник {NAZAR}"))
    for number in (2, 3, 4, 5):
        seed(desk.stores, Story(number=f"P{number}", distance=number / 10), at_track=nearest)
    seed(desk.stores, Story(number="P6", distance=0.6, state="displaced"), at_track=nearest)
    asked = dict.fromkeys(("P1", "P2", "P3", "P4", "P5"), "open") | {"P6": "displaced"}
    desk.compare()
    assert states(desk.stores) == asked
    desk.person("P6", NAZAR, 1996)
    desk.compare()
    assert states(desk.stores) == asked | {"P5": "displaced", "P6": "open"}
    desk.person("P6", "Мороз Іван Петрович", 1996)
    desk.compare()
    assert states(desk.stores) == asked


def test_reasons_are_kept_field_by_field(desk: Desk) -> None:
    desk.person("A", NAZAR, 1996)
    desk.post("p", "Шукаємо Дорошевця Назара Ілліча, 1996 р.н.")
    desk.compare()
    with desk.stores.db.begin() as db:
        (hint,) = name_hints.listed(db)
    told = [(one.field, one.said, one.registered, one.verdict, one.how) for one in hint.reasons]
    assert told == [
        ("surname", "Дорошевця", "Дорошевець", "agrees", "genitive or accusative"),
        ("given name", "Назара", "Назар", "agrees", "another case"),
        ("patronymic", "Ілліча", "Ілліч", "agrees", ""),
        ("birth", "1996", "1996", "agrees", ""),
    ]
    assert (hint.score, hint.namesakes, hint.candidates) == (1.0, 1, ())

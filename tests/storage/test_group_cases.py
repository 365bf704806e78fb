"""Cases of groups: who is shown, each once; who is accounted for, and confirmed by whom; and what is still open."""

import csv
import io
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta

import pytest
from sqlalchemy import event, text

from lastseen.errors import WrongUse
from lastseen.records import Says, StatementSource, TieKind
from lastseen.sheets import sheet
from storage import group_case, group_cases, judgements, statements, ties
from storage.custody import Action
from storage.database import Connection, Engine, connect
from storage.embedded import Endpoints
from storage.group_case import GroupCase
from storage.statements import Said
from tests.conftest import fresh_database
from tests.storage import judged
from tests.storage.casting import SEEN, Seen, Video, candidate, person, post, repost, row, video
from tests.storage.lettered import went_out

DAY = timedelta(days=1)
LETTER = StatementSource.LETTER


@pytest.fixture(scope="module")
def engine(endpoints: Endpoints) -> Iterator[Engine]:
    """One database for all: whoever uses it rolls back."""
    with fresh_database(endpoints) as url:
        made = connect(url)
        yield made
        made.dispose()


@pytest.fixture
def one(engine: Engine) -> Iterator[Connection]:
    """A transaction that is rolled back."""
    with engine.connect() as connection:
        yield connection


def opened(db: Connection, shown: Video, *more: Video) -> int:
    """A case of these recordings."""
    made, _ = group_cases.open_(db, shown.blob, "Yard, in November", "seen together", "ada")
    for other in more:
        group_cases.decide(db, made, other.blob, belongs=True, reason="the same yard", actor="ada")
    return made


def state(db: Connection, of: tuple[int, int], says: Says, body: str = "the committee") -> int:
    """Somebody says something of a person; the statement's row id."""
    made, _ = statements.keep(db, of[0], Said(says, body, LETTER, "letter 17", date(2026, 11, 9)), "ada")
    return made


def counts(case: GroupCase) -> dict[str, int]:
    return {
        "shown": case.shown, "accounted": case.accounted, "waiting": case.waiting, "unaccounted": case.unaccounted,
        "confirmed": case.confirmed, "open": case.open,
    }  # fmt: skip


# --- of one recording --------------------------------------------------------------------------------------


def test_a_case_tells_of_each_face_how_far_it_is(one: Connection) -> None:
    shown = video(one, Seen(0, 900), Seen(0, 900, x=300), Seen(0, 900, x=500), Seen(2000, 2900), Seen(0, 9, gate="24"))
    home, held = person(one, "P-1"), person(one, "P-2")
    candidate(one, shown.tracks[0], home, "sighting")
    candidate(one, shown.tracks[1], held, "sighting")
    candidate(one, shown.tracks[2], person(one, "P-3"))
    state(one, home, Says.RETURNED, "the ministry")
    state(one, held, Says.ALIVE, "a comrade")
    case = group_cases.of(one, opened(one, shown))
    assert counts(case) == {
        "shown": 4, "accounted": 2, "waiting": 1, "unaccounted": 1, "confirmed": 1, "open": 3,
    }  # fmt: skip
    assert case.not_searched == 1
    told = [(member.number, str(member.state), member.confirmed) for member in case.members]
    assert sorted(told) == [
        (1, "sighting", True),
        (2, "sighting", False),
        (3, "candidate", False),
        (5, "unknown", False),
    ]
    first, second = case.members[:2]
    assert [(said.body, said.says) for said in first.known[0].confirmations] == [("the ministry", Says.RETURNED)]
    assert [(said.body, said.says) for said in second.known[0].claims] == [("a comrade", Says.ALIVE)]


@pytest.mark.parametrize(
    ("says", "confirmed"),
    [
        (Says.CAPTIVE, True), (Says.RETURNED, True), (Says.DNA, True), (Says.FOUND, True),
        (Says.DEAD, False), (Says.ALIVE, False), (Says.NOT_HELD, False), (Says.MISSING, False),
    ],
)  # fmt: skip
def test_only_who_says_what_became_of_somebody_confirms(one: Connection, says: Says, confirmed: bool) -> None:
    shown = video(one, Seen(0, 900))
    who = person(one, "P-1")
    candidate(one, shown.tracks[0], who, "sighting")
    state(one, who, says)
    assert group_cases.of(one, opened(one, shown)).confirmed == confirmed


def test_what_changes_elsewhere_shows_at_once(one: Connection) -> None:
    """Nothing is copied: a statement that is withdrawn and a judgement that is undone count no more."""
    shown = video(one, Seen(0, 900))
    who = person(one, "P-1")
    sighted = candidate(one, shown.tracks[0], who, "sighting")
    case = opened(one, shown)
    made = state(one, who, Says.CAPTIVE)
    assert group_cases.of(one, case).open == 0
    statements.withdraw(one, made, "of somebody else", "ben", 5)
    assert (group_cases.of(one, case).confirmed, group_cases.of(one, case).accounted) == (0, 1)
    *_, last = judged.standing(one, sighted)
    judgements.undo(one, last.id, judged.account(one, last.reviewer), 5)
    assert (group_cases.of(one, case).accounted, group_cases.of(one, case).waiting) == (0, 1)


def test_since_when_it_is_open_is_by_the_first_publication_or_when_it_was_seen_first(one: Connection) -> None:
    shown = video(one, Seen(0, 900), Seen(2000, 2900))
    post(one, shown.blob, "later.example", SEEN + 3 * DAY)
    post(one, shown.blob, "first.example", SEEN)
    case = opened(one, shown)
    assert group_cases.of(one, case).since == SEEN
    one.execute(
        text("UPDATE posts SET published_at = :at WHERE first_seen_at > :seen"), {"at": SEEN - 9 * DAY, "seen": SEEN}
    )
    found = group_cases.of(one, case)
    assert (found.since, found.first_seen_at, found.first_published_at) == (SEEN - 9 * DAY, SEEN, SEEN - 9 * DAY)
    assert group_case.days(found.since, SEEN) == 9
    assert [place.permalink for place in found.members[0].places] == [
        "https://first.example/1",
        "https://later.example/1",
    ]


def test_what_is_counted_by_eye_is_believed_and_dated(one: Connection) -> None:
    shown = video(one, Seen(0, 900), Seen(2000, 2900))
    case = opened(one, shown)
    assert (group_cases.of(one, case).shown, group_cases.of(one, case).counted) == (2, None)
    (entry,) = group_cases.count(one, case, 7, "five turn away", "ada")
    found = group_cases.of(one, case)
    assert found.counted
    assert (found.shown, found.people, found.counted.people, found.counted.by) == (7, 2, 7, "ada")
    assert (found.open, found.unaccounted, found.is_counted_anew_due) == (7, 7, False)
    assert (entry.action, entry.subject, entry.detail["people"]) == (Action.CASE_CHANGED, f"group:{case}", 7)
    assert "turn away" not in str(entry.detail)
    for none in (0, 100_001):
        with pytest.raises(WrongUse, match="from 1 to 100,000"):
            group_cases.count(one, case, none, "", "ada")


def test_a_count_never_hides_whom_people_accounted_for(one: Connection) -> None:
    shown = video(one, Seen(0, 900), Seen(0, 900, x=400))
    for track, number in zip(shown.tracks, ("P-1", "P-2"), strict=True):
        candidate(one, track, person(one, number), "sighting")
    case = opened(one, shown)
    group_cases.count(one, case, 1, "", "ada")
    assert (group_cases.of(one, case).shown, group_cases.of(one, case).open) == (2, 2)


# --- one person, counted once ------------------------------------------------------------------------------


def test_two_faces_of_one_person_are_one_member(one: Connection) -> None:
    shown = video(one, Seen(0, 900), Seen(5000, 5900))
    who = person(one, "P-1")
    for track in shown.tracks:
        candidate(one, track, who, "sighting")
    case = group_cases.of(one, opened(one, shown))
    assert (case.people, case.accounted) == (1, 1)
    assert [[face.face.number for face in member.shown] for member in case.members] == [[1, 2]]


def test_two_who_are_to_be_seen_at_one_time_stay_two_whatever_was_said_and_that_is_told(one: Connection) -> None:
    shown = video(one, Seen(0, 900), Seen(500, 1500, x=400))
    who = person(one, "P-1")
    for track in shown.tracks:
        candidate(one, track, who, "sighting")
    case = group_cases.of(one, opened(one, shown))
    assert (case.people, case.torn) == (2, ("P-1",))


def test_two_entries_that_are_one_person_are_one_member_and_what_is_said_of_either_counts(one: Connection) -> None:
    shown, other = video(one, Seen(0, 900)), video(one, Seen(0, 900))
    first, second = person(one, "P-1"), person(one, "P-2")
    candidate(one, shown.tracks[0], first, "sighting")
    candidate(one, other.tracks[0], second, "sighting")
    ties.declare(one, ("P-1", "P-2"), TieKind.SAME, "ada", 5)
    state(one, second, Says.CAPTIVE)
    case = group_cases.of(one, opened(one, shown, other))
    assert (case.people, case.confirmed) == (1, 1)


def test_the_same_footage_in_two_recordings_is_counted_once(one: Connection) -> None:
    """Cropped and cut: strangers, too, by time and place."""
    film = video(one, Seen(0, 2000), Seen(0, 2000, x=400), Seen(9000, 9900, x=200))
    copy = video(one, Seen(0, 1000), Seen(0, 1000, x=400))
    repost(one, film, copy, (1000, 2000), (0, 1000))
    case = group_cases.of(one, opened(one, film, copy))
    assert case.people == 3
    assert [len(member.shown) for member in case.members] == [2, 2, 1]


def test_recordings_of_other_footage_are_joined_by_sightings_and_never_by_strangers_faces(one: Connection) -> None:
    film, later = video(one, Seen(0, 900), Seen(0, 900, x=400)), video(one, Seen(0, 900), Seen(0, 900, x=400))
    who = person(one, "P-1")
    candidate(one, film.tracks[0], who, "sighting")
    candidate(one, later.tracks[1], who, "sighting")
    case = group_cases.of(one, opened(one, film, later))
    assert (case.people, case.accounted, case.unaccounted) == (3, 1, 2)
    assert [(shown.call.blob, shown.face.number) for shown in case.members[0].shown] == [
        (film.blob, 1),
        (later.blob, 2),
    ]


def test_who_waits_joins_nothing(one: Connection) -> None:
    """Two questions about one person are answered each by itself."""
    film, later = video(one, Seen(0, 900)), video(one, Seen(0, 900))
    who = person(one, "P-1")
    candidate(one, film.tracks[0], who)
    candidate(one, later.tracks[0], who)
    case = group_cases.of(one, opened(one, film, later))
    assert (case.people, case.waiting) == (2, 2)


def test_a_recording_that_came_after_the_count_asks_for_another(one: Connection) -> None:
    film, later = video(one, Seen(0, 900)), video(one, Seen(0, 900))
    case = opened(one, film)
    group_cases.count(one, case, 3, "", "ada")
    values = {"case": case, "blob": later.blob}
    one.execute(
        text("""INSERT INTO group_case_decisions (group_case_id, blob_id, belongs, reason, decided_by, decided_at)
                VALUES (:case, :blob, true, 'r', 'ada', now() + interval '1 second')"""),
        values,
    )
    assert group_cases.of(one, case).is_counted_anew_due


# --- seen again --------------------------------------------------------------------------------------------


def test_copies_are_proposed_where_they_show_somebody_of_the_case(one: Connection) -> None:
    film = video(one, Seen(0, 2000), Seen(5000, 5900))
    copy, elsewhere = video(one, Seen(0, 1000)), video(one)
    repost(one, film, copy, (1000, 2000), (0, 1000))
    repost(one, film, elsewhere, (3000, 4000), (0, 1000))
    case = opened(one, film)
    (found,) = group_cases.of(one, case).proposals
    assert (found.sha256, found.members, found.people, found.refused) == (copy.sha256, (1,), (), None)


def test_recordings_with_several_of_its_people_are_proposed(one: Connection) -> None:
    film, later, chance = (video(one, Seen(0, 900), Seen(0, 900, x=400)) for _ in range(3))
    people = [person(one, "P-1"), person(one, "P-2")]
    for track, who in zip(film.tracks, people, strict=True):
        candidate(one, track, who, "sighting")
    again = [candidate(one, track, who, "sighting") for track, who in zip(later.tracks, people, strict=True)]
    candidate(one, chance.tracks[0], people[0], "sighting")
    candidate(one, chance.tracks[1], people[1])
    (found,) = group_cases.of(one, opened(one, film)).proposals
    assert (found.sha256, found.people, found.candidates) == (later.sha256, ("P-1", "P-2"), tuple(again))


def test_an_officer_adds_or_refuses_with_a_reason_and_may_come_to_something_else(one: Connection) -> None:
    film, copy = video(one, Seen(0, 900)), video(one, Seen(0, 900))
    repost(one, film, copy, (0, 900), (0, 900))
    case = opened(one, film)
    (refused,) = group_cases.decide(one, case, copy.blob, belongs=False, reason="a montage", actor="ben")
    assert (refused.detail["what"], refused.reason) == ("recording refused", ""), "the log has the hash alone"
    (proposal,) = group_cases.of(one, case).proposals
    assert proposal.refused
    assert (proposal.refused.why, proposal.refused.by) == ("a montage", "ben")
    group_cases.decide(one, case, copy.blob, belongs=True, reason="the same after all", actor="ada")
    found = group_cases.of(one, case)
    assert [file.sha256 for file in found.files] == [film.sha256, copy.sha256]
    assert (found.proposals, found.people) == ((), 1)
    (out,) = group_cases.decide(one, case, copy.blob, belongs=False, reason="by mistake", actor="ada")
    assert out.detail["what"] == "recording taken out"
    assert group_cases.of(one, case).people == 1
    assert len(one.execute(text("SELECT * FROM group_case_decisions")).all()) == 4


def test_what_makes_no_sense_is_refused_with_a_reason(one: Connection) -> None:
    film = video(one, Seen(0, 900))
    case = opened(one, film)
    acts: dict[str, Callable[[], object]] = {
        "already": lambda: group_cases.decide(one, case, film.blob, belongs=True, reason="r", actor="a"),
        "at least one": lambda: group_cases.decide(one, case, film.blob, belongs=False, reason="r", actor="a"),
        "Say why": lambda: group_cases.decide(one, case, film.blob, belongs=False, reason=" ", actor="a"),
        "no such recording": lambda: group_cases.decide(one, case, 999, belongs=True, reason="r", actor="a"),
        "no case 999": lambda: group_cases.note(one, 999, "n", "a"),
        "There is no case": lambda: group_cases.of(one, 999),
        "empty": lambda: group_cases.note(one, case, " ", "a"),
        "title": lambda: group_cases.open_(one, film.blob, " ", "r", "a"),
        "Say": lambda: group_cases.open_(one, film.blob, "t", " ", "a"),
        "is open": lambda: group_cases.reopen(one, case, "r", "a"),
    }
    for why, act in acts.items():
        with pytest.raises(WrongUse, match=why):
            act()


# --- its life ----------------------------------------------------------------------------------------------


def test_a_case_is_closed_with_what_is_left_open_and_opened_again(one: Connection) -> None:
    film, other = video(one, Seen(0, 900), Seen(0, 900, x=400)), video(one, Seen(0, 900))
    who = person(one, "P-1")
    candidate(one, film.tracks[0], who, "sighting")
    case = opened(one, film)
    (entry,) = group_cases.close(one, case, "the yard is empty", "ada")
    assert (entry.detail["what"], entry.detail["people"]) == ("closed", 2)
    state(one, who, Says.RETURNED)
    closed = group_cases.of(one, case)
    assert closed.closed
    assert (closed.closed.people, closed.closed.note, closed.open) == (2, "the yard is empty", 1)
    group_cases.note(one, case, "also after its end", "ada")
    acts: tuple[Callable[[], object], ...] = (
        lambda: group_cases.decide(one, case, other.blob, belongs=True, reason="r", actor="a"),
        lambda: group_cases.count(one, case, 3, "", "a"),
        lambda: group_cases.close(one, case, "twice", "a"),
    )
    for act in acts:
        with pytest.raises(WrongUse, match="reopen"):
            act()
    group_cases.reopen(one, case, "seen again", "ben")
    assert group_cases.of(one, case).closed is None
    assert [note.kind for note in group_cases.of(one, case).notes] == ["closed", "note", "reopened"]


def test_cases_are_listed_the_oldest_first_and_those_that_are_closed_last(one: Connection) -> None:
    cases = []
    for number, after in enumerate((2, 0, 1)):
        made = video(one, Seen(0, 900))
        post(one, made.blob, f"{number}.example", SEEN + after * DAY)
        cases.append(opened(one, made))
    group_cases.close(one, cases[1], "done", "ada")
    assert [case.id for case in group_cases.every(one)] == [cases[2], cases[0], cases[1]]
    assert [case.open for case in group_cases.every(one)] == [1, 1, 1]


def test_many_cases_take_as_many_queries_as_one(one: Connection) -> None:
    def queries() -> int:
        asked: list[str] = []

        def noted(_connection: object, _cursor: object, statement: str, *_: object) -> None:
            asked.append(statement)

        event.listen(one.engine, "before_cursor_execute", noted)
        group_cases.every(one)
        event.remove(one.engine, "before_cursor_execute", noted)
        return len(asked)

    def another(number: int) -> None:
        film, copy = video(one, Seen(0, 900)), video(one, Seen(0, 900))
        repost(one, film, copy, (0, 900), (0, 900))
        candidate(one, film.tracks[0], person(one, f"P-{number}"), "sighting")
        opened(one, film, copy)

    another(0)
    first = queries()
    for number in range(1, 6):
        another(number)
    assert queries() == first > 0


def test_letters_about_a_case_are_listed_with_how_far_they_are(one: Connection) -> None:
    case = opened(one, video(one, Seen(0, 900)))
    to = row(one, "letter_recipients", kind="icrc", name="Agency", language="en", added_by="ada")
    said = {
        "recipient_id": to,
        "group_case_id": case,
        "language": "en",
        "body": "b",
        "with_package": False,
        "made_by": "ada",
    }
    first = row(one, "letters", **said, subject="On one")
    second = row(one, "letters", **said, subject="On one, corrected", revises_id=first)
    went_out(one, second, date(2026, 11, 9))
    (found,) = group_cases.of(one, case).letters
    assert (found.id, found.recipient, found.event, found.dated) == (second, "Agency", "sent", date(2026, 11, 9))


def test_the_table_has_a_row_for_each_and_no_formula(one: Connection) -> None:
    shown = video(one, Seen(0, 900), Seen(2000, 2900, gate="24 px"))
    post(one, shown.blob, "first.example")
    who = person(one, "P-1")
    candidate(one, shown.tracks[0], who, "sighting")
    state(one, who, Says.ALIVE, "=1+1")
    case = group_cases.of(one, opened(one, shown))
    written = sheet(group_case.COLUMNS, group_case.as_rows(case, SEEN + 12 * DAY))
    first, second = csv.DictReader(io.StringIO(written.removeprefix("\ufeff")))
    assert first["also_said"].startswith("'=1+1: alive")
    assert (first["register_numbers"], first["open"], first["days_open"]) == ("P-1", "yes", "12")
    assert (first["state"], second["state"], first["posts"]) == ("sighting", "not searched", "https://first.example/1")
    told = group_case.as_dict(case, datetime.now(UTC))
    assert (told["open"], told["by_eye"]) == (1, None)

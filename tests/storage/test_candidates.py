"""Candidates in the database: kept from what a search found, asked once a face, and remembered when refused."""

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import event, insert, select, text

from lastseen.errors import WrongUse
from lastseen.records import Found, Judged, Match, Moment, TieKind
from storage import candidates, faces, rejections, retention, reviewing, ties
from storage.candidates import Kin
from storage.database import Connection, Engine, connect
from storage.embedded import Endpoints
from storage.tables import metadata, near_misses
from tests.conftest import fresh_database
from tests.storage.judged import account, give

LIMIT = 5
ENGINE = "engine/1"
WIDE, HIGH = 1000, 500


@dataclass
class World:
    """Rows that matching stands on; people and photos are one to one, and a track is at a place of its picture."""

    db: Connection
    numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def row(self, table: str, **values: object) -> int:
        made = metadata.tables[table]
        return int(self.db.execute(insert(made).values(**values).returning(made.c.id)).scalar_one())

    def person(self, number: str) -> tuple[int, int]:
        """A missing person and their photo, ready to be searched with."""
        person = self.row("persons", register_number=number, names=[number], status="missing")
        return person, self.photo(person)

    def photo(self, person: int) -> int:
        photo = self.row(
            "reference_photos", person_id=person, file_name="1.jpg", sha256=self._sha256(), size=1,
            media_type="image/jpeg", object_key="photo",
        )  # fmt: skip
        self.row("templates", photo_id=photo, kind="photo", engine=ENGINE, quality=1.0, sealed=b"x")
        return photo

    def blob(self) -> int:
        """A file that one post carries."""
        blob = self.row(
            "blobs", sha256=self._sha256(), size=1, media_type="video/mp4", object_key="blob", version_id="1",
            locked_until=text("now()"),
        )  # fmt: skip
        source = self.row(
            "sources", platform="video_site", address=str(blob), reason="r", legal_basis="b", added_by="me"
        )
        post = self.row(
            "posts", source_id=source, platform="video_site", platform_post_id=str(blob), permalink=f"http://site/{blob}",
            seen="present", first_seen_at=text("now()"), last_seen_at=text("now()"),
        )  # fmt: skip
        self.row("media_items", post_id=post, ordinal=0, kind="video", address="a", blob_id=blob)
        return blob

    def analysis(self, blob: int, *places: float, recipe: str = "recipe", engine: str = ENGINE) -> list[int]:
        """Tracks of one second, a face at each place across the picture; those that are given twice are one cast."""
        analysis = self.row(
            "analyses", blob_id=blob, recipe=recipe, engine=engine, kind="video", width=WIDE, height=HIGH,
            duration_ms=1000, pictures_decoded=25, pictures_sampled=3, gaps=0, complete=True, shots=[],
        )  # fmt: skip
        made = []
        for ordinal, place in enumerate(places):
            seen = [[at, place * WIDE, 200, 100, 100, 0.9] for at in (0, 500, 1000)]
            track = self.row(
                "tracks", analysis_id=analysis, ordinal=ordinal, shot=0, start_ms=0, end_ms=1000, faces=seen
            )
            self.row("templates", track_id=track, kind="pooled", engine=engine, quality=0.7, sealed=b"x")
            made.append(track)
        return made

    def link(self, one: int, other: int) -> int:
        return self.row("cast_links", one_track_id=one, other_track_id=other, distance=0.1)

    def tie(self, one: tuple[int, int], other: tuple[int, int], kind: str) -> None:
        table = metadata.tables["ties"]
        values = {"one_person_id": one[0], "other_person_id": other[0], "kind": kind, "declared_by": "x"}
        self.db.execute(insert(table).values(**values))

    def repost(self, one: int, other: int) -> int:
        """The second file shows the footage of the first from its third second on."""
        return self.row(
            "repost_links", one_blob_id=one, other_blob_id=other, one_start_ms=0, one_end_ms=9000, other_start_ms=0,
            other_end_ms=9000, distance=0.1, recipe="hash",
        )  # fmt: skip

    def find(self, track: int, person: tuple[int, int], distance: float = 0.3, engine: str = ENGINE) -> None:
        found = Found(Match(*person, distance), 0.001)
        candidates.keep(self.db, engine, Judged({track: (found,)}, {}, None), LIMIT)

    def miss(self, track: int, person: tuple[int, int], distance: float = 0.5) -> None:
        candidates.keep(self.db, ENGINE, Judged({}, {track: (Match(*person, distance),)}, None), LIMIT)

    def states(self) -> list[str]:
        """In the order in which they were found."""
        return list(self.db.execute(text("SELECT state FROM candidates ORDER BY id")).scalars())

    def ids(self) -> list[int]:
        return list(self.db.execute(text("SELECT id FROM candidates ORDER BY id")).scalars())

    def reject(self, candidate: int) -> rejections.Decided:
        return rejections.reject(self.db, candidate, "another nose", "an analyst", LIMIT)

    def revoke(self, rejection: int) -> rejections.Decided:
        return rejections.revoke(self.db, rejection, "it was the light", "a senior", LIMIT)

    def name(self, blob: int, person: tuple[int, int]) -> None:
        """A post with a file names somebody who may be this person."""
        post = self.db.execute(text("SELECT post_id FROM media_items WHERE blob_id = :id"), {"id": blob}).scalar_one()
        seen = self.row(
            "observations", post_id=post, observed_at=text("now()"), method="m", seen="present", content_hash="h",
            raw_key="k", raw_sha256="s", title="t", text="x",
        )  # fmt: skip
        self.row(
            "name_hints",
            post_id=post,
            observation_id=seen,
            person_id=person[0],
            matcher="m",
            score=0.9,
            namesakes=1,
            reasons={},
        )

    def waiting(self, step: str = "illustrate") -> list[int]:
        """Subjects of a step's open items."""
        statement = text("SELECT subject FROM work WHERE step = :step AND state = 'open' ORDER BY subject")
        return list(self.db.execute(statement, {"step": step}).scalars())

    def near(self) -> list[tuple[int, int, float]]:
        columns = near_misses.c.track_id, near_misses.c.person_id, near_misses.c.distance
        return [tuple(row) for row in self.db.execute(select(*columns).order_by(*columns))]

    def _sha256(self) -> str:
        return f"{next(self.numbers):064x}"


@pytest.fixture(scope="module")
def empty(endpoints: Endpoints) -> Iterator[Engine]:
    """One empty database for all of these tests."""
    with fresh_database(endpoints) as url:
        engine = connect(url)
        yield engine
        engine.dispose()


@pytest.fixture
def world(empty: Engine) -> Iterator[World]:
    """An empty one, in a transaction that is never committed."""
    with empty.connect() as connection:
        yield World(connection)


# --- keeping what was found ---------------------------------------------------------------------------------


def test_the_nearer_photo_of_a_person_is_kept_with_what_chance_makes_of_it(world: World) -> None:
    anna = world.person("A")
    (track,) = world.analysis(world.blob(), 0.2)
    world.find(track, anna, 0.3)
    assert world.waiting() == world.ids(), "each waits for its moment"
    world.find(track, (anna[0], world.photo(anna[0])), 0.2)
    world.find(track, anna, 0.25)
    (listed,) = candidates.listed(world.db)
    assert (listed.distance, listed.expected_false, listed.calibration) == (0.2, 0.001, None)
    assert listed.at_seconds == 0, "without best shots it is where the face begins"


def test_nobody_is_kept_who_is_missing_no_more_or_whose_track_has_expired(world: World) -> None:
    anna, bert = world.person("A"), world.person("B")
    found, gone = world.analysis(world.blob(), 0.2, 0.6)
    world.db.execute(text("UPDATE persons SET status = 'found' WHERE id = :id"), {"id": bert[0]})
    world.db.execute(text("DELETE FROM templates WHERE track_id = :id"), {"id": gone})
    for track, person in itertools.product((found, gone), (anna, bert)):
        world.find(track, person)
        world.miss(track, person)
    assert world.states() == ["open"]
    assert world.near() == []


def test_the_watch_band_keeps_the_nearest_and_leaves_those_that_are_candidates(world: World) -> None:
    anna, bert = world.person("A"), world.person("B")
    (track,) = world.analysis(world.blob(), 0.2)
    for distance in (0.5, 0.45, 0.48):
        world.miss(track, anna, distance)
    world.miss(track, bert)
    assert world.near() == [(track, anna[0], 0.45), (track, bert[0], 0.5)]
    world.find(track, anna)
    world.miss(track, anna)
    assert world.near() == [(track, bert[0], 0.5)]
    assert len(candidates.listed(world.db)) == 1, "it is shown to nobody"


def test_the_watch_band_goes_with_the_person_the_photo_and_the_templates(world: World) -> None:
    anna, bert, carl = world.person("A"), world.person("B"), world.person("C")
    for other in (bert, carl):
        world.tie(anna, other, "kin")
    track, later, next_to = world.analysis(world.blob(), 0.2, 0.4, 0.6)
    world.link(track, later)
    world.find(track, anna)
    world.find(later, bert)
    world.find(next_to, carl)
    told = {one.person: one.kin for one in candidates.listed(world.db)}
    assert told == {"A": Kin(("B", "C"), ("B",)), "B": Kin(("A",), ("A",)), "C": Kin(("A",), ())}
    shown = reviewing.candidate(world.db, world.ids()[0])
    assert shown is not None
    assert shown.kin == Kin(("B", "C"), ("B",))


def test_entries_that_are_one_person_ask_once_until_the_tie_is_taken_back(world: World) -> None:
    (track,) = world.analysis(world.blob(), 0.2)
    for number, distance in (("A", 0.3), ("B", 0.2)):
        world.find(track, world.person(number), distance)
    assert world.states() == ["open", "open"]
    ties.declare(world.db, ("A", "B"), TieKind.SAME, "keeper", LIMIT)
    assert world.states() == ["joined", "open"]
    assert {one.person: one.kin.same for one in candidates.listed(world.db)} == {"A": ("B",), "B": ("A",)}
    ties.untie(world.db, ("A", "B"), "two sisters", LIMIT)
    assert world.states() == ["open", "open"]
    ties.declare(world.db, ("A", "B"), TieKind.KIN, "keeper", LIMIT)
    assert world.states() == ["open", "open"]


# --- one question a face ------------------------------------------------------------------------------------


def cast_of_three(world: World) -> Callable[[int], object]:
    """One face at three moments, in order."""
    tracks = world.analysis(world.blob(), 0.2, 0.4, 0.6)
    world.link(tracks[0], tracks[1])
    world.link(tracks[1], tracks[2])
    anna = world.person("A")
    return lambda which: world.find(tracks[which], anna, (0.3, 0.2, 0.25)[which])


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_a_cast_member_is_one_question_whatever_was_found_first(world: World, order: Sequence[int]) -> None:
    find = cast_of_three(world)
    for which in order:
        find(which)
    told = {one.distance: one.state for one in candidates.listed(world.db)}
    assert told == {0.2: "open", 0.25: "joined", 0.3: "joined"}


def test_a_link_that_is_withdrawn_lets_both_sides_ask(world: World) -> None:
    find = cast_of_three(world)
    for which in range(3):
        find(which)
    link = world.db.execute(text("SELECT min(id) FROM cast_links")).scalar_one()
    assert faces.withdraw_link(world.db, link, "an analyst", LIMIT)
    assert world.states() == ["open", "open", "joined"]
    assert set(world.waiting()) == set(world.ids()[:1]) | set(world.ids()[:2])


def reposted(world: World) -> tuple[list[int], list[int], tuple[int, int]]:
    """Two faces, in a file and in a re-post of it, and a person."""
    one, other = world.blob(), world.blob()
    world.repost(one, other)
    return world.analysis(one, 0.2, 0.6), world.analysis(other, 0.2, 0.6), world.person("A")


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_a_repost_asks_nothing_new_whatever_was_found_first(world: World, order: Sequence[int]) -> None:
    first, second, anna = reposted(world)
    finds = [(first[0], anna, 0.3), (second[0], anna, 0.2)]
    for which in order:
        world.find(*finds[which])
    told = {one.distance: one.state for one in candidates.listed(world.db)}
    assert told == {0.3: "open", 0.2: "joined"}
    world.find(second[1], anna, 0.1)
    assert world.states().count("open") == 2, "another face is another question"
    world.db.execute(text("UPDATE repost_links SET withdrawn_at = now(), withdrawn_by = 'me'"))
    candidates.arrange(world.db, candidates.of_tracks(world.db, [first[0], second[0]]), LIMIT)
    assert set(world.states()) == {"open"}


def test_who_is_found_closes_all_that_ask_and_a_photo_s_end_what_rests_on_it(world: World) -> None:
    first, second, anna = reposted(world)
    world.find(first[0], anna)
    world.find(second[0], anna)
    other = world.photo(anna[0])
    world.find(first[1], (anna[0], other))
    world.db.execute(text("DELETE FROM templates WHERE photo_id = :id"), {"id": anna[1]})
    candidates.withdraw_photo(world.db, anna[1], LIMIT)
    assert world.states() == ["withdrawn", "withdrawn", "open"]
    world.find(first[0], (anna[0], other), 0.4)
    assert world.states() == ["open", "withdrawn", "open"]
    candidates.withdraw(world.db, anna[0], LIMIT)
    assert set(world.states()) == {"withdrawn"}


# --- not this person ----------------------------------------------------------------------------------------


def test_a_rejection_closes_the_question_wherever_it_is_asked_and_is_undone_whole(world: World) -> None:
    first, second, anna = reposted(world)
    world.link(first[0], first[1])
    for track in (*first, second[0]):
        world.find(track, anna)
    bert = world.person("B")
    world.find(first[0], bert)
    before = world.states()
    assert before == ["open", "joined", "joined", "open"]
    done = world.reject(world.ids()[1])
    assert world.states() == ["rejected", "rejected", "rejected", "open"]
    assert list(done.changed) == world.ids()[:3]
    again = world.revoke(done.id)
    assert again.changed == done.changed
    assert world.states() == before
    (told,) = rejections.listed(world.db)
    assert (told.person, told.reason, told.why, told.revoked_by) == (
        "A",
        "another nose",
        "it was the light",
        "a senior",
    )
    assert told.candidate == world.ids()[1]


def test_what_is_found_later_of_a_rejected_face_is_kept_and_never_queued(world: World) -> None:
    blob = world.blob()
    one, _ = world.analysis(blob, 0.2, 0.6)
    anna = world.person("A")
    world.find(one, anna)
    world.reject(world.ids()[0])
    anew = world.analysis(blob, 0.21, 0.6, recipe="newer")
    changed = world.analysis(blob, 0.22, recipe="newest", engine="engine/2")
    world.find(one, anna, 0.1)
    assert world.states() == ["rejected"], "a re-run"
    world.find(one, (anna[0], world.photo(anna[0])), 0.05)
    assert world.states() == ["rejected"], "a new photo"
    world.find(anew[0], anna)
    assert world.states() == ["rejected"] * 2, "re-detection"
    world.find(changed[0], anna, engine="engine/2")
    assert world.states() == ["rejected"] * 3, "another engine"
    assert world.waiting() == world.ids()[:1], "of none but the first was the moment asked for"
    world.find(anew[1], anna)
    assert world.states()[-1] == "open", "another face"
    world.find(one, world.person("B"))
    assert world.states()[-1] == "open", "another person"


def test_a_rejection_of_a_found_person_is_remembered_when_they_are_missing_again(world: World) -> None:
    anna = world.person("A")
    (track,) = world.analysis(world.blob(), 0.2)
    world.find(track, anna)
    done = world.reject(world.ids()[0])
    candidates.withdraw(world.db, anna[0], LIMIT)
    assert world.states() == ["rejected"]
    world.revoke(done.id)
    assert world.states() == ["withdrawn"]
    world.find(track, anna)
    assert world.states() == ["open"]


def test_whoever_rejects_twice_or_what_is_not_there_is_told(world: World) -> None:
    (track,) = world.analysis(world.blob(), 0.2)
    world.find(track, world.person("A"))
    done = world.reject(world.ids()[0])
    world.revoke(done.id)
    with pytest.raises(WrongUse, match="was revoked before"):
        world.revoke(done.id)
    world.reject(world.ids()[0])
    with pytest.raises(WrongUse, match="is rejected already"):
        world.reject(world.ids()[0])
    with pytest.raises(WrongUse, match="there is no candidate 999"):
        world.reject(999)
    with pytest.raises(WrongUse, match="there is no rejection 999"):
        world.revoke(999)


def test_what_two_people_confirmed_is_not_rejected_by_another_track_of_the_same_face(world: World) -> None:
    one, later = world.analysis(world.blob(), 0.2, 0.4)
    world.link(one, later)
    anna = world.person("A")
    world.find(one, anna)
    world.find(later, anna)
    sighting, joined = world.ids()
    for name in ("ada", "ben"):
        give(world.db, account(world.db, name), sighting, 3)
    for candidate in (sighting, joined):
        with pytest.raises(WrongUse, match="two people"), world.db.begin_nested():
            world.reject(candidate)
    assert world.states() == ["sighting", "joined"]
    assert rejections.listed(world.db) == []


def test_what_was_said_of_a_face_is_told_whomever_it_was_about(world: World) -> None:
    blob = world.blob()
    one, other = world.analysis(blob, 0.2, 0.6)
    anna, bert = world.person("A"), world.person("B")
    world.find(one, anna)
    world.find(one, bert)
    world.find(other, bert)
    taken_back = world.reject(world.ids()[0])
    world.revoke(taken_back.id)
    of_face = rejections.of_face(world.db, world.ids()[1], blob)
    assert [(no.person, no.why) for no in of_face] == [("A", "it was the light")]
    assert rejections.of_face(world.db, world.ids()[2], blob) == []
    assert rejections.against(world.db, [blob]) == {world.ids()[0]: (taken_back.id,)}


def test_a_face_that_was_rejected_for_everybody_expires_and_the_rejection_holds(world: World) -> None:
    blob = world.blob()
    one, other = world.analysis(blob, 0.2, 0.6)
    anna, bert = world.person("A"), world.person("B")
    for person in (anna, bert):
        world.find(one, person)
    world.find(other, anna)
    world.db.execute(text("UPDATE candidates SET still_key = 'still', clip_key = 'clip'"))
    done = world.reject(world.ids()[0])
    assert retention.forget(world.db, 0)[0] == [], "it may be B"
    world.reject(world.ids()[1])
    assert retention.forget(world.db, 0) == ([one], 1)
    assert retention.crops(world.db, [one]) == ["clip", "still"]
    retention.drop(world.db, [one])
    assert world.states() == ["rejected", "rejected", "open"]
    (anew,) = world.analysis(blob, 0.2, recipe="newer")
    world.find(anew, anna)
    assert world.states()[-1] == "rejected", "its place stayed"
    world.revoke(done.id)
    assert world.states()[0] == "superseded", "the newer analysis asks"
    assert candidates.best_moment(world.db, world.ids()[0]).at_ms == 0


def test_a_moment_that_was_cut_once_more_expires_once_more(world: World) -> None:
    (one,) = world.analysis(world.blob(), 0.2)
    world.find(one, world.person("A"))
    (only,) = world.ids()
    done = world.reject(only)
    retention.forget(world.db, 0)
    retention.drop(world.db, [one])
    assert (retention.forget(world.db, 0), retention.due(world.db, 0, 0).tracks) == (([], 0), 0)
    world.revoke(done.id)
    candidates.keep_moment(world.db, only, "still", None, Moment(b"", b"", 0, 1))
    assert retention.due(world.db, 0, 0).tracks == 0, "somebody is to look at it"
    world.reject(only)
    assert retention.due(world.db, 0, 0).tracks == 1
    assert retention.forget(world.db, 0) == ([one], 0)
    retention.drop(world.db, [one])
    assert retention.due(world.db, 0, 0).tracks == 0
    assert retention.expired(world.db) == 1


def test_thousands_of_candidates_are_kept_in_few_statements(world: World) -> None:
    tracks = [world.analysis(world.blob(), 0.2)[0] for _ in range(50)]
    anna = world.person("A")
    asked: list[str] = []
    event.listen(world.db, "before_cursor_execute", lambda *told: asked.append(told[2]))
    found = {track: (Found(Match(*anna, 0.3), None),) for track in tracks}
    candidates.keep(world.db, ENGINE, Judged(found, {}, None), LIMIT)
    assert len(asked) < 20
    assert world.states() == ["open"] * len(tracks)


LEARNING = re.compile(r"calibrat|gallery|shards|sweep|engines|enroll|faces|analyze|register")
"""names of what measures, compares or makes templates, in rooms that may read the database"""


def test_rejections_are_no_training_data() -> None:
    """Nothing that measures, compares or makes templates names their tables, or the module that reads them."""
    root = Path(__file__).parents[2]
    sources = list((root / "matchers").rglob("*.py"))
    for room in ("storage", "pipeline"):
        sources += [path for path in (root / room).rglob("*.py") if LEARNING.search(str(path.relative_to(root)))]
    assert {"calibrations.py", "faces.py", "calibration.py", "enroll.py"} <= {path.name for path in sources}
    named = re.compile(r"\brejections\b|rejection_revocations")
    assert [path.name for path in sources if named.search(path.read_text("utf-8"))] == []

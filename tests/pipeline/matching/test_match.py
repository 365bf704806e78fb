"""Matching both ways, whatever comes first, and what happens when somebody is found."""

import secrets
from collections.abc import Sequence
from decimal import Decimal

import numpy as np
import pytest
from sqlalchemy import insert, text

from lastseen.clock import utcnow
from lastseen.records import (
    Analysis,
    BestShot,
    Box,
    FetchedFile,
    MediaSeen,
    PersonEntry,
    PersonFacts,
    PersonStatus,
    Platform,
    PostSeen,
    Quality,
    Seen,
    Template,
    Track,
)
from lastseen.settings import Settings
from pipeline.matching import match, sweep
from pipeline.matching.held_register import HeldRegister
from pipeline.runner import Runner, Tally
from pipeline.steps import AnyStep
from storage import candidates, faces, posts, register, sources, sweeps, work
from storage.objects import Stored
from storage.sealing import Sealer
from storage.stores import Stores
from storage.tables import calibration_adoptions, calibrations
from storage.template_cache import blocks_of
from storage.work import Queue

ENGINE = "drawn/1/00000000"
THRESHOLD = 0.5
SEAL = Sealer(bytes(32))
QUALITY = Quality(80, 1, 50, 0)


class Bureau:
    """An office without pictures: people and tracks are points on a line."""

    def __init__(self, stores: Stores, settings: Settings) -> None:
        self.stores, self.settings = stores, settings
        self.runner = Runner(stores, settings, "tester")
        with stores.db.begin() as db:
            self.source = sources.add(db, Platform.VIDEO_SITE, "http://site/", "a test", "test", "tester").source

    def person(self, number: str, place: float, status: PersonStatus = PersonStatus.MISSING) -> None:
        """An entry with one enrolled photo (or a change of its status)."""
        entry = PersonEntry(number, PersonFacts((number,), None, status), ())
        with self.stores.db.begin() as db:
            kept = register.keep_person(db, entry, self.settings.people_per_track)
            if status is not PersonStatus.MISSING:
                return
            stored = Stored(f"photo/{number}", "", 1, f"{number:0>64}", created=True)
            photo, _ = register.keep_photo(db, kept.person, "photo.jpg", stored, "image/jpeg")
            faces.keep_photo_template(db, photo, ENGINE, Template("photo", point(place), 1.0), SEAL)
            sweeps.ask(db, ENGINE, [photo])

    def video(self, *places: float, gate: str = "") -> int:
        """A blob with a track at each place."""
        sha256 = secrets.token_hex(32)
        seen = PostSeen(
            sha256, f"http://site/{sha256}", utcnow(), "test", Seen.PRESENT, b"{}", f"raw/{sha256}", sha256,
            media=(MediaSeen(0, "video", "http://site/"),),
        )  # fmt: skip
        with self.stores.db.begin() as db:
            item = posts.note(db, self.source, seen, sha256, changed=True).new_items[0]
            stored = Stored(f"blob/{sha256}", "v", 1, sha256, created=True)
            blob, _ = posts.keep_blob(db, item, FetchedFile("", sha256, 1, "video/mp4"), stored, utcnow())
        self.analysis(blob, "recipe", *places, gate=gate)
        return blob

    def analysis(self, blob: int, recipe: str, *places: float, gate: str = "") -> None:
        """What one more look at a blob found."""
        with self.stores.db.begin() as db:
            found = Analysis("video", 640, 360, 1000, 25, 2, 0, True, (), tuple(tracks(places, gate)))
            crops = [["crop"] for _ in places]
            analysis = faces.keep_analysis(db, blob, recipe, ENGINE, found, crops, SEAL)
            work.offer(db, Queue("match_tracks", ENGINE), [analysis])

    def match(self, *steps: str) -> list[Tally]:
        """Run the match steps, in the order given."""
        known: dict[str, AnyStep] = {
            "tracks": match.tracks_step(self.settings, ENGINE, THRESHOLD, SEAL, HeldRegister(self.settings, SEAL)),
            "sweep": sweep.step(self.settings, ENGINE, THRESHOLD, SEAL),
        }
        return [self._drain(known[name]) for name in steps or known]

    def _drain(self, step: AnyStep) -> Tally:
        if step.name == sweep.NAME:
            with self.stores.db.begin() as db:
                sweeps.plan(db, ENGINE, blocks=3, ids=1)
        return self.runner.drain(step)

    def candidates(self) -> dict[str, str]:
        """`person@track's place` -> state and distance."""
        statement = text("""
            SELECT register_number, start_ms, state, round(distance::numeric, 3) AS distance
              FROM candidates JOIN persons ON persons.id = person_id JOIN tracks ON tracks.id = track_id
             ORDER BY start_ms, distance, register_number""")
        with self.stores.db.begin() as db:
            return {
                f"{row.register_number}@{row.start_ms}": f"{row.state} {row.distance}" for row in db.execute(statement)
            }

    def waiting(self) -> int:
        """How many candidates wait for their moment."""
        with self.stores.db.begin() as db:
            return len(work.ready(db, Queue("illustrate")))


def point(place: float) -> tuple[float, ...]:
    return (place, *([0.0] * 127))


def tracks(places: Sequence[float], gate: str) -> list[Track]:
    shot = BestShot(0, 500, Box(0, 0, 80, 80), QUALITY, b"", 1.0)
    return [
        Track(
            number, 0, int(place * 1000), 1000, (), (shot,),
            (Template("pooled", point(place), 1.0), Template("best", point(place + 0.01), 1.0)), gate,
        )
        for number, place in enumerate(places)
    ]  # fmt: skip


@pytest.fixture
def bureau(stores: Stores, settings: Settings) -> Bureau:
    """An empty one."""
    return Bureau(stores, settings)


def test_a_track_finds_whom_it_is_near_by_its_nearer_template(bureau: Bureau) -> None:
    bureau.person("A", 0.31)
    bureau.person("B", 0.9)
    bureau.video(0.0)
    bureau.match("tracks")
    assert bureau.candidates() == {"A@0": "open 0.300"}
    assert bureau.waiting() == 1


def test_the_register_is_kept_in_sealed_files_that_the_next_match_reads(bureau: Bureau) -> None:
    bureau.person("A", 0.31)
    bureau.video(0.0)
    bureau.match("tracks")
    [(place, print_)] = blocks_of(bureau.settings).held()
    held = blocks_of(bureau.settings).read(place, print_, SEAL)
    assert held is not None
    assert held.vectors.tolist() == [list(np.array(point(0.31), np.float32))]
    bureau.person("B", 0.2)
    bureau.video(0.0)
    bureau.match("tracks")
    assert {said.split("@")[0] for said in bureau.candidates()} == {"A", "B"}


@pytest.mark.parametrize("order", [("tracks", "sweep"), ("sweep", "tracks")])
def test_whatever_comes_first_the_same_is_found(bureau: Bureau, order: tuple[str, str]) -> None:
    bureau.video(0.0, 5.0)
    bureau.match(*order)
    bureau.person("A", 0.2)
    bureau.match(*order)
    bureau.video(0.4)
    bureau.match(*order)
    assert bureau.candidates() == {"A@0": "open 0.190", "A@400": "open 0.200"}
    assert all(tally.as_dict() == {"done": 0} for tally in bureau.match(*order)), "nothing is left to do"


def test_at_most_five_people_a_track_are_queued_the_nearest_whatever_the_order(bureau: Bureau) -> None:
    bureau.video(0.0)
    for number in (3, 6, 1, 5, 7, 2, 4):
        bureau.person(f"P{number}", number * 0.05 + 0.01)
        bureau.match()
    states = {name: said.split()[0] for name, said in bureau.candidates().items()}
    assert states == {f"P{number}@0": "open" if number <= 5 else "displaced" for number in range(1, 8)}


def test_who_is_found_leaves_the_queue_and_the_next_comes_up_with_a_moment(bureau: Bureau) -> None:
    bureau.video(0.0)
    for number in range(1, 7):
        bureau.person(f"P{number}", number * 0.05 + 0.01)
    bureau.match()
    assert bureau.candidates()["P6@0"] == "displaced 0.300"
    with bureau.stores.db.begin() as db:
        db.execute(text("UPDATE candidates SET still_key = 'there'"))
    bureau.person("P2", 0.11, PersonStatus.FOUND)
    found = bureau.candidates()
    assert found["P2@0"].startswith("withdrawn")
    assert found["P6@0"].startswith("open")
    with bureau.stores.db.begin() as db:
        left = "SELECT count(*) FROM templates JOIN reference_photos ON reference_photos.id = photo_id"
        assert db.execute(text(left)).scalar_one() == 5, "the template went"
    bureau.video(0.1)
    bureau.match()
    assert "P2@100" not in bureau.candidates()


def test_who_is_missing_again_is_searched_again(bureau: Bureau) -> None:
    bureau.person("A", 0.2)
    bureau.video(0.0)
    bureau.match()
    bureau.person("A", 0.2, PersonStatus.WITHDRAWN)
    bureau.match()
    assert bureau.candidates() == {"A@0": "withdrawn 0.190"}
    bureau.person("A", 0.2)
    bureau.match()
    assert bureau.candidates() == {"A@0": "open 0.190"}


def test_a_newer_analysis_takes_over_what_it_shows_too_and_nothing_else(bureau: Bureau) -> None:
    """Tracks last from their place to one second: that of C, whom the newer analysis misses, stays in the queue."""
    for name, place in (("A", 0.2), ("B", 0.21), ("C", 0.9)):
        bureau.person(name, place)
    blob = bureau.video(0.1, 0.95)
    bureau.match()
    assert bureau.candidates() == {"A@100": "open 0.090", "B@100": "open 0.100", "C@950": "open 0.050"}
    bureau.analysis(blob, "recipe~2", 0.25)
    bureau.match()
    assert bureau.candidates() == {
        "A@100": "superseded 0.090",
        "B@100": "superseded 0.100",
        "B@250": "open 0.040",
        "A@250": "open 0.050",
        "C@950": "open 0.050",
    }
    bureau.person("D", 0.9)
    bureau.match()
    assert "D@950" not in bureau.candidates(), "only the newest analysis is searched"


def test_an_analysis_that_was_superseded_before_it_was_matched_is_not_searched(bureau: Bureau) -> None:
    bureau.person("A", 0.2)
    bureau.analysis(bureau.video(0.1), "recipe~2", 0.15)
    bureau.match()
    assert bureau.candidates() == {"A@150": "open 0.040"}


def test_what_is_a_little_beyond_the_threshold_is_watched_and_shown_to_nobody(bureau: Bureau) -> None:
    bureau.person("A", 0.53)
    bureau.person("B", 0.6)
    bureau.video(0.0)
    bureau.match()
    assert bureau.candidates() == {}
    assert bureau.waiting() == 0
    with bureau.stores.db.begin() as db:
        assert db.execute(text("SELECT round(distance::numeric, 3) FROM near_misses")).scalars().all() == [
            Decimal("0.52")
        ]


def test_the_calibration_judges_by_the_quality_of_the_face_and_an_office_may_say_otherwise(bureau: Bureau) -> None:
    """Tracks here have quality 1, so that the second band is theirs."""
    with bureau.stores.db.begin() as db:
        bands = [
            {"least": 0, "threshold": 0.9, "watch": 0.9, "curve": []},
            {"least": 0.5, "threshold": 0.2, "watch": 0.3, "curve": [[0.1, 0.001], [0.2, 0.01]]},
        ]
        made = insert(calibrations).values(engine=ENGINE, people=2, photos=2, pairs=1, bands=bands, made_by="tester")
        id_ = db.execute(made.returning(calibrations.c.id)).scalar_one()
        db.execute(insert(calibration_adoptions).values(calibration_id=id_, reason="measured", adopted_by="tester"))
    for name, place in (("A", 0.11), ("B", 0.25), ("C", 0.4)):
        bureau.person(name, place)
    bureau.video(0.0)
    bureau.match()
    assert bureau.candidates() == {"A@0": "open 0.100"}
    with bureau.stores.db.begin() as db:
        (one,) = candidates.listed(db)
        assert one.expected_false == pytest.approx(0.001)
        assert one.calibration == id_
        assert db.execute(text("SELECT count(*) FROM near_misses")).scalar() == 1
        told = db.execute(text("SELECT detail FROM custody_events WHERE action = 'searched' ORDER BY seq")).scalars()
        assert {said["calibration"] for said in told} == {id_}
    bureau.settings = bureau.settings.model_copy(update={"review_threshold": 0.35})
    bureau.video(0.0)
    bureau.match()
    assert [said.split()[0] for said in bureau.candidates().values()] == ["open", "open"]
    with bureau.stores.db.begin() as db:
        assert max(one.distance for one in candidates.listed(db)) == pytest.approx(0.24)


def test_a_gated_track_is_not_searched(bureau: Bureau) -> None:
    bureau.person("A", 0.0)
    bureau.video(0.0, gate="face 28 px wide, 32 needed")
    bureau.match()
    assert bureau.candidates() == {}


def test_a_template_of_another_key_stops_the_search_and_loses_nothing(bureau: Bureau) -> None:
    bureau.person("A", 0.0)
    bureau.video(0.0)
    other = Sealer(bytes(range(32)))
    register = HeldRegister(bureau.settings, other)
    wrong = match.tracks_step(bureau.settings, ENGINE, THRESHOLD, other, register)
    with pytest.raises(Exception, match="restore the key"):
        bureau.runner.drain(wrong)
    bureau.match()
    assert len(bureau.candidates()) == 1


def test_templates_lie_sealed_in_the_database(bureau: Bureau) -> None:
    bureau.person("A", 0.25)
    with bureau.stores.db.begin() as db:
        sealed = db.execute(text("SELECT sealed FROM templates")).scalar_one()
    assert np.asarray(point(0.25), "<f4").tobytes() not in bytes(sealed)

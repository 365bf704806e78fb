"""Another calibration: what was found before is judged by it, and nothing that waits for people goes."""

from sqlalchemy import text

from lastseen.records import Band, Calibration, Found, Judged, Match
from lastseen.settings import Settings
from pipeline.matching.rejudging import Rejudged, rejudge
from storage import calibrations, candidates, rejections
from storage.database import Connection
from storage.stores import Stores
from tests.storage.casting import ENGINE, Seen, person, row, video

COUNTS = {"people": 300, "photos": 300, "pairs": 1000}


def adopt(db: Connection, threshold: float) -> int:
    """A calibration by which one person in a hundred faces comes as near as 0.3, and one in ten as 0.5."""
    band = Band(0, threshold, threshold * 1.1, ((0.3, 0.01), (0.5, 0.1)))
    id_, _ = calibrations.keep(db, Calibration(None, ENGINE, (band,), ""), COUNTS, {}, "", "tester")
    calibrations.adopt(db, id_, ENGINE, "r", "tester")
    return id_


def found(db: Connection) -> list[tuple[str, float | None, int | None, str]]:
    rows = db.execute(
        text("""SELECT register_number, expected_false, calibration_id, state FROM candidates
                  JOIN persons ON persons.id = person_id ORDER BY register_number""")
    )
    return [tuple(one) for one in rows]


def test_the_watch_band_comes_up_and_candidates_say_what_chance_does(stores: Stores, settings: Settings) -> None:
    with stores.db.begin() as db:
        (track,) = video(db, Seen(0, 1000)).tracks
        people = [person(db, number) for number in "ABCD"]
        for _, photo in people:
            row(db, "templates", photo_id=photo, kind="photo", engine=ENGINE, quality=1.0, sealed=b"x")
        near = [Match(*who, distance) for who, distance in zip(people, (0.3, 0.4, 0.45, 0.5), strict=True)]
        judged = Judged({track: tuple(Found(one, None) for one in near[:2])}, {track: tuple(near[2:])}, None)
        candidates.keep(db, ENGINE, judged, settings.people_per_track)
        rejections.reject(db, 2, "another nose", "an analyst", settings.people_per_track)
        assert rejudge(db, ENGINE, settings) == Rejudged(0, 0), "nothing holds"

        wide = adopt(db, 0.46)
        assert rejudge(db, ENGINE, settings) == Rejudged(1, 1)
        (a, b, c) = found(db)
        assert a == ("A", 0.01, wide, "open")
        assert b == ("B", None, None, "rejected"), "as it was when somebody decided"
        assert (c[0], round(c[1] or 0, 3), c[2:]) == ("C", 0.056, (wide, "open"))
        assert db.execute(text("SELECT distance FROM near_misses")).scalars().all() == [0.5]

        strict = adopt(db, 0.2)
        assert rejudge(db, ENGINE, settings) == Rejudged(2, 0), "nothing goes"
        assert [(one[0], one[2], one[3]) for one in found(db)] == [
            ("A", strict, "open"), ("B", None, "rejected"), ("C", strict, "open"),
        ]  # fmt: skip
        by_hand = settings.model_copy(update={"review_threshold": 0.5})
        assert rejudge(db, ENGINE, by_hand).came == 1

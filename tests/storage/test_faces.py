"""What an analysis leaves in the database: its tracks, what was measured of them, and who they show."""

import json
from dataclasses import replace

import pytest
from sqlalchemy import text

from lastseen.records import Analysis, BestShot, Box, CastLink, Quality, Template, Track
from storage import custody, faces, reviewing
from storage.database import Connection, Engine
from storage.sealing import Sealer

SEAL = Sealer(bytes(32))
BLOB = text("""
    INSERT INTO blobs (sha256, size, media_type, object_key, version_id, locked_until)
    VALUES (repeat('0', 64), 1, 'video/mp4', 'k', 'v', now()) RETURNING id""")
BOX = Box(0, 0, 80, 80)


def track(ordinal: int, norm: float | None = None) -> Track:
    shot = BestShot(0, 500, BOX, Quality(80, 1, 50, 0, norm), b"", 1.0)
    return Track(ordinal, ordinal, 0, 500, (), (shot,), (Template("pooled", (1.0, 0.0), 0.5),))


def keep(db: Connection, tracks: list[Track], *cast: CastLink) -> int:
    """Keep an analysis of a new blob; its id."""
    found = Analysis("video", 640, 360, 1000, 25, 2, 0, True, (), tuple(tracks), cast=cast)
    return faces.keep_analysis(
        db, db.execute(BLOB).scalar_one(), "recipe", "engine", found, [["k"]] * len(tracks), SEAL
    )


def cast_of(db: Engine, analysis: int) -> list[set[int]]:
    """The ordinals of each member's tracks."""
    with db.begin() as one:
        rows = one.execute(text("SELECT id, ordinal FROM tracks")).all()
        names = {row.id: row.ordinal for row in rows}
        return [{names[id_] for id_ in member} for member in faces.members_of(one, [analysis])]


def test_the_cast_is_what_its_links_join(db: Engine) -> None:
    with db.begin() as one:
        analysis = keep(one, [track(n) for n in range(5)], CastLink(0, 3, 0.1), CastLink(3, 4, 0.2))
    assert cast_of(db, analysis) == [{0, 3, 4}, {1}, {2}]


def test_a_link_that_is_withdrawn_parts_a_face_and_stays_as_a_row(db: Engine) -> None:
    with db.begin() as one:
        analysis = keep(one, [track(n) for n in range(3)], CastLink(0, 1, 0.1), CastLink(1, 2, 0.2))
        surest, other = faces.links_of(one, analysis)
    with db.begin() as one:
        assert faces.withdraw_link(one, surest.id, "an analyst", 5)
    assert cast_of(db, analysis) == [{0}, {1, 2}]
    with db.begin() as one:
        assert not faces.withdraw_link(one, surest.id, "another", 5)
        assert faces.links_of(one, analysis) == [other]
        assert one.execute(text("SELECT withdrawn_by FROM cast_links ORDER BY id")).scalars().all() == [
            "an analyst",
            None,
        ]
        (event,) = custody.events(one)
    assert (event.actor, event.action, event.subject) == ("an analyst", "parted", f"cast_link:{surest.id}")


def test_tracks_may_come_in_any_order(db: Engine) -> None:
    with db.begin() as one:
        analysis = keep(one, [track(2), track(0), track(1)], CastLink(0, 2, 0.1))
    assert cast_of(db, analysis) == [{0, 2}, {1}]


def test_a_link_to_a_track_that_is_not_there_is_refused(db: Engine) -> None:
    with db.connect() as one, pytest.raises(KeyError):
        keep(one, [track(0)], CastLink(0, 7, 0.1))


def test_how_many_faces_are_searched_a_day_is_told_by_their_analyses(db: Engine) -> None:
    with db.begin() as one:
        assert reviewing.faces_a_day(one) is None
        keep(one, [track(0), replace(track(1), gate="too small"), track(2)])
        assert reviewing.faces_a_day(one) == 2, "over the last day, if it is the first one"
        one.execute(text("UPDATE analyses SET analyzed_at = now() - interval '4 days'"))
        assert reviewing.faces_a_day(one) == 0.5
        one.execute(text("UPDATE analyses SET analyzed_at = now() - interval '8 days'"))
        assert reviewing.faces_a_day(one) is None


@pytest.mark.parametrize("norm", [None, 0.75])
def test_what_the_engine_makes_of_a_picture_is_kept(db: Engine, norm: float | None) -> None:
    with db.begin() as one:
        keep(one, [track(0, norm)])
        kept = json.loads(one.execute(text("SELECT quality::text FROM best_shots")).scalar_one())
    assert kept == {"width": 80, "score": 1, "sharpness": 50, "pose": 0, "norm": norm}

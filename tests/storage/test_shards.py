"""The templates of kept tracks, shard by shard: each that is searched comes back once, whatever happened."""

from pathlib import Path

import pytest
from sqlalchemy import text

from lastseen.records import Analysis, BestShot, Box, Quality, Template, Track
from storage import faces, shards
from storage.database import Connection, Engine
from storage.sealed_blocks import Blocks
from storage.sealing import CannotOpen, Sealer
from storage.shards import Shard
from storage.template_cache import Cache

SEAL = Sealer(bytes(32))
BLOB = text("""
    INSERT INTO blobs (sha256, size, media_type, object_key, version_id, locked_until)
    VALUES (lpad(CAST(:number AS text), 64, '0'), 1, 'video/mp4', 'k', 'v', now()) RETURNING id""")
SHOT = BestShot(0, 500, Box(0, 0, 80, 80), Quality(80, 1, 50, 0), b"", 1.0)


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(Blocks(tmp_path), SEAL)


def blob(db: Connection, number: int) -> int:
    made: int = db.execute(BLOB, {"number": number}).scalar_one()
    return made


def analysis(db: Connection, of: int, recipe: str, *values: float, engine: str = "a", gate: str = "") -> list[int]:
    """An analysis with a track of two templates for each value.  Returns its tracks."""
    tracks = tuple(
        Track(
            number, 0, 0, 1000, (), (SHOT,),
            (Template("pooled", (value, 0.0), 0.5), Template("best", (value, 1.0), 0.5)), gate,
        )
        for number, value in enumerate(values)
    )  # fmt: skip
    found = Analysis("video", 640, 360, 1000, 25, 2, 0, True, (), tracks)
    kept = faces.keep_analysis(db, of, recipe, engine, found, [["k"]] * len(tracks), SEAL)
    of_it = text("SELECT id FROM tracks WHERE analysis_id = :id ORDER BY id")
    return list(db.execute(of_it, {"id": kept}).scalars())


def everything(db: Connection, cache: Cache, engine: str = "a", size: int = 3) -> list[tuple[int, tuple[float, ...]]]:
    """Track and vector of all that the shards give."""
    found = [shards.read(db, shard, cache) for shard in shards.plan(db, engine, size, ids=1)]
    return sorted(
        (owner, tuple(map(float, vector)))
        for probes in found
        for owner, vector in zip(probes.owners, probes.vectors, strict=True)
    )


def test_all_templates_come_back_once_whatever_a_shard_holds(db: Engine, cache: Cache) -> None:
    with db.begin() as one:
        tracks = analysis(one, blob(one, 1), "r", 1, 2, 3, 4)
        expected = [(track, (float(n), kind)) for n, track in enumerate(tracks, 1) for kind in (0.0, 1.0)]
        for size in (1, 3, 5, 8, 100):
            assert everything(one, cache, size=size) == expected
        assert [len(shards.plan(one, "a", size, ids=1)) for size in (3, 8)] == [3, 1]
        assert everything(one, cache, size=4) == [
            (owner, tuple(map(float, vector)))
            for probes in [faces.probes(one, "a", SEAL)]
            for owner, vector in zip(probes.owners, probes.vectors, strict=True)
        ]


def test_where_nothing_is_kept_there_are_no_shards(db: Engine, cache: Cache) -> None:
    with db.begin() as one:
        analysis(one, blob(one, 1), "r", 1)
        assert shards.plan(one, "b") == ()
        assert shards.read(one, Shard("a", 10_000, 20_000), cache).owners == ()


def test_only_tracks_that_are_searched_are_in_a_shard(db: Engine, cache: Cache) -> None:
    with db.begin() as one:
        first = blob(one, 1)
        analysis(one, first, "r", 1)
        newer = analysis(one, first, "r~2", 2)
        analysis(one, blob(one, 2), "r", 3, gate="too small")
        analysis(one, blob(one, 3), "r", 4, engine="b")
        assert {owner for owner, _ in everything(one, cache)} == set(newer)


def test_a_newer_analysis_counts_for_an_engine_that_made_it_or_looked_at_it_again(db: Engine, cache: Cache) -> None:
    with db.begin() as one:
        of = blob(one, 1)
        old = analysis(one, of, "r", 1)
        new = analysis(one, of, "s", 2, engine="b")
        assert {owner for owner, _ in everything(one, cache, "a")} == set(old), "the other did not look"
        faces.keep_track_templates(one, new[0], "a", [Template("pooled", (2.0, 0.0), 0.5)], SEAL)
        analysis_of = text("SELECT analysis_id FROM tracks WHERE id = :id")
        values = {"analysis": one.execute(analysis_of, {"id": new[0]}).scalar_one()}
        one.execute(
            text("""INSERT INTO reembeddings (analysis_id, engine, tracks, expired, lost, without_face)
                    VALUES (:analysis, 'a', 1, 0, 0, 0)"""),
            values,
        )
        assert everything(one, cache, "a") == [(new[0], (2.0, 0.0))]
        assert set(faces.probes(one, "a", SEAL).owners) == set(new)


def test_rows_that_go_or_come_between_plan_and_reading_do_no_harm(db: Engine, cache: Cache) -> None:
    with db.begin() as one:
        tracks = analysis(one, blob(one, 1), "r", 1, 2, 3)
        cut = shards.plan(one, "a", 2, ids=1)
        one.execute(text("DELETE FROM templates WHERE track_id = :id"), {"id": tracks[1]})
        later = analysis(one, blob(one, 2), "r", 9)
        wide = Shard("a", cut[0].first, cut[-1].last + 100)
        assert [shards.read(one, shard, cache).owners for shard in cut] == [(tracks[0],) * 2, (), (tracks[2],) * 2]
        assert shards.read(one, wide, cache).owners == (tracks[0],) * 2 + (tracks[2],) * 2 + (later[0],) * 2


def test_a_template_of_another_row_or_key_does_not_open(db: Engine, cache: Cache, tmp_path: Path) -> None:
    with db.begin() as one:
        analysis(one, blob(one, 1), "r", 1)
        (shard,) = shards.plan(one, "a")
    with db.begin() as one, pytest.raises(CannotOpen, match="restore the key"):
        shards.read(one, shard, Cache(Blocks(tmp_path), Sealer(bytes(range(32)))))
    with db.begin() as one:
        one.execute(text("UPDATE templates SET kind = 'other' WHERE kind = 'best'"))
        with pytest.raises(CannotOpen):
            shards.read(one, shard, cache)

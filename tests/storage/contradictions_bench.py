"""How long an office of 10,000 people with 50,000 statements waits for its contradictions.

`python -m tests.storage.contradictions_bench` makes the rows in a database of its own and prints counts and seconds.
"""

import json
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from sqlalchemy import text

from lastseen.clock import utcnow
from lastseen.settings import Settings
from storage import contradictions, people
from storage.database import Engine
from storage.people import Show
from storage.stores import open_stores
from tests.storage import judged

PEOPLE, STATEMENTS, SIGHTED = 10_000, 50_000, 500
TIMES = 3
"""the best of so many counts"""
FILL = (
    """INSERT INTO persons (register_number, names, status)
       SELECT 'P-' || n, ARRAY['Person ' || n], 'missing' FROM generate_series(1, :people) AS n""",
    """INSERT INTO statements (person_id, says, body, source, reference, dated, since, entered_by)
       SELECT 1 + n % :people, (ARRAY['dead', 'alive', 'captive', 'not held', 'returned', 'dna', 'missing'])[1 + n % 7],
              'body ' || n % 5, 'document', 'r', date '2026-01-01' + n % 90,
              CASE WHEN n % 3 > 0 THEN date '2026-01-01' + (n * 7) % 60 END, 'bench'
         FROM generate_series(1, :statements) AS n""",
    """INSERT INTO sources (platform, address, reason, legal_basis, added_by)
       VALUES ('video_site', 'https://bench.example/', 'r', 'b', 'bench')""",
    """INSERT INTO blobs (sha256, size, media_type, object_key, version_id, stored_at, locked_until)
       SELECT lpad(n::text, 64, '0'), 1, 'video/mp4', 'k' || n, '1', now(), now()
         FROM generate_series(1, :sighted) AS n""",
    """INSERT INTO posts (source_id, platform, platform_post_id, permalink, seen, first_seen_at, last_seen_at,
                          published_at)
       SELECT 1, 'video_site', n, 'https://bench.example/' || n, 'present', now(), now(),
              timestamptz '2026-01-01 12:00+00' + make_interval(days => n % 80)
         FROM generate_series(1, :sighted) AS n""",
    """INSERT INTO media_items (post_id, ordinal, kind, address, blob_id)
       SELECT n, 0, 'video', 'https://bench.example/' || n, n FROM generate_series(1, :sighted) AS n""",
    """INSERT INTO analyses (blob_id, recipe, engine, analyzed_at, kind, width, height, duration_ms, pictures_decoded,
                             pictures_sampled, gaps, complete, shots, searched)
       SELECT n, 'r', 'e', now(), 'video', 1280, 720, 60000, 1500, 120, 0, true, '[[0, 60000]]', 1
         FROM generate_series(1, :sighted) AS n""",
    """INSERT INTO tracks (analysis_id, ordinal, shot, start_ms, end_ms, faces)
       SELECT n, 0, 0, 0, 9000, '[]' FROM generate_series(1, :sighted) AS n""",
    """INSERT INTO reference_photos (person_id, file_name, sha256, size, media_type, object_key)
       SELECT n, '1.jpg', 's', 1, 'image/jpeg', 'k' FROM generate_series(1, :people) AS n""",
    """INSERT INTO candidates (track_id, person_id, photo_id, engine, distance, state)
       SELECT n, n, n, 'e', 0.4, 'open' FROM generate_series(1, :sighted) AS n""",
)
"""SQL of this bench alone"""


def main() -> int:
    """Fill, ask, print."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(data_dir=Path(folder))
        with open_stores(settings, objects=False) as stores:
            fill(stores.db)
            print(json.dumps(_measured(stores.db)))  # noqa: T201  what it is for
    return 0


def fill(engine: Engine) -> None:
    """Make the office."""
    values = {"people": PEOPLE, "statements": STATEMENTS, "sighted": SIGHTED}
    with engine.begin() as db:
        for statement in FILL:
            db.execute(text(statement), values if ":" in statement else {})
        for candidate in range(1, SIGHTED + 1):
            judged.conclude(db, candidate, 3, 3)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
        db.execute(text("ANALYZE"))


def _measured(engine: Engine) -> dict[str, object]:
    with engine.begin() as db:
        found = contradictions.every(db)
        told = {"people": PEOPLE, "statements": STATEMENTS, "sightings": SIGHTED}
        return {
            **told,
            "contradicted": len(found),
            "contradictions": sum(len(one.found) for one in found),
            "every_seconds": _best(lambda: contradictions.every(db)),
            "as_of_seconds": _best(lambda: contradictions.every(db, utcnow())),
            "of_a_person_seconds": _best(lambda: contradictions.of_person(db, 77)),
            "list_seconds": _best(lambda: people.listed(db)),
            "list_contradicted_seconds": _best(lambda: people.listed(db, Show.CONTRADICTED)),
        }


def _best(act: Callable[[], object]) -> float:
    times = []
    for _ in range(TIMES):
        begun = perf_counter()
        act()
        times.append(perf_counter() - begun)
    return round(min(times), 4)


if __name__ == "__main__":
    sys.exit(main())

"""What a daily report costs in an office with many rows: `python -m tests.pipeline.report.bench [ROWS]`.

ROWS (a million unless given) posts, files, films and events of the custody log over a hundred days, twice as many
tracks, and a tenth as many candidates, in a database of its own.  Prints seconds and bytes as JSON.
"""

import json
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Final, TypeVar

from sqlalchemy import text

from lastseen.clock import utcnow
from pipeline.report import making, page
from pipeline.report.page import Making
from pipeline.report.saying import speeches
from storage import daily_figures
from storage.database import Engine, connect, migrate
from storage.embedded import running

T = TypeVar("T")

ROWS: Final = 1_000_000
JUDGING: Final = ("judgements", "verdicts", "candidates")
"""whose rules refuse rows that nobody judged"""
LATELY: Final = "now() - random() * random() * interval '100 days'"
"""what stands for LATELY below: the nearer, the more"""
TRIES: Final = '{"fetch": {"done": 40, "WAIT": 2, "TRANSIENT": 1}, "analyze": {"done": 6, "DEFECT": 1}}'
FILL: Final = (
    """INSERT INTO sources (platform, address, reason, legal_basis, added_by)
       SELECT 'video_site', 'https://videos.example/' || n, 'r', 'b', 'm' FROM generate_series(1, 200) AS n""",
    """INSERT INTO posts (source_id, platform, platform_post_id, permalink, seen, first_seen_at, last_seen_at)
       SELECT 1 + floor(random() * random() * 200)::int, 'video_site', n::text, 'p', 'present', LATELY, now()
         FROM generate_series(1, :rows) AS n""",
    """INSERT INTO observations (post_id, observed_at, method, seen, content_hash, raw_key, raw_sha256, title, text)
       SELECT id, LATELY, 'm', CASE WHEN id % 9 = 0 THEN 'missing' WHEN id % 9 = 1 THEN 'gone' ELSE 'present' END,
              'h', 'k', 's', 't', 'x' FROM posts""",
    """INSERT INTO blobs (sha256, size, media_type, object_key, version_id, stored_at, locked_until)
       SELECT encode(sha256(n::text::bytea), 'hex'), (random() * 2e7)::bigint, 'm', 'k', 'v', LATELY, now()
         FROM generate_series(1, :rows) AS n""",
    """INSERT INTO media_items (post_id, ordinal, kind, address, blob_id)
       SELECT posts.id, 0, 'video', 'a', blobs.id FROM posts JOIN blobs ON blobs.id = posts.id""",
    """INSERT INTO work (step, subject, state, outcome, created_at)
       SELECT 'fetch', id, CASE WHEN id % 100 = 0 THEN 'failed' ELSE 'done' END,
              CASE WHEN id % 100 = 0 THEN 'TRANSIENT' END, LATELY FROM media_items""",
    """INSERT INTO analyses (blob_id, recipe, engine, analyzed_at, kind, width, height, duration_ms, pictures_decoded,
                             pictures_sampled, gaps, complete, shots)
       SELECT id, 'r', 'e', stored_at, 'video', 1, 1, 60000, 1, 1, 0, true, '[]' FROM blobs""",
    """INSERT INTO tracks (analysis_id, ordinal, shot, start_ms, end_ms, faces)
       SELECT id, n, 0, 0, 0, '[]' FROM analyses, generate_series(0, 1) AS n""",
    """INSERT INTO persons (register_number, names, status)
       SELECT 'P' || n, '{N}', 'missing' FROM generate_series(1, 200) AS n""",
    """INSERT INTO reference_photos (person_id, file_name, sha256, size, media_type, object_key)
       SELECT id, 'f', 's', 1, 'm', 'k' FROM persons""",
    """INSERT INTO candidates (track_id, person_id, photo_id, engine, distance, state, created_at)
       SELECT id, 1 + id % 200, 1 + id % 200, 'e', 0.4, 'rejected', LATELY FROM tracks WHERE id % 20 = 0""",
    """INSERT INTO verdicts (candidate_id, verdict, judgements, made_at)
       SELECT id, CASE WHEN id % 3 = 0 THEN 'sighting' ELSE 'rejected' END, '{}', created_at FROM candidates""",
    "INSERT INTO users (name, password_hash, roles) VALUES ('ada', 'x', '{}')",
    """INSERT INTO reviews (token, reviewer_id, candidate_id, ends_at, ended_at, ending)
       SELECT gen_random_uuid(), 1, id, now(), now(), 'judged' FROM candidates""",
    """INSERT INTO judgements (candidate_id, review_id, reviewer_id, reviewer, stage, answer, features, shown,
                               judged_at)
       SELECT candidate_id, id, 1, 'ada', 'triage', 1, '{}', '{}', LATELY FROM reviews""",
    """INSERT INTO runs (command, actor, ended_at, counts)
       SELECT 'c', 'a', LATELY, CAST(:tries AS jsonb) FROM generate_series(1, :rows / 10)""",
    """INSERT INTO custody_events (seq, at, actor, action, subject, detail, previous, hash)
       SELECT n, now() - (:rows - n) * interval '100 days' / :rows, 'a',
              CASE WHEN n % 50 = 0 THEN 'verified' ELSE 'stored' END,
              CASE WHEN n % 50 = 0 THEN 'evidence' ELSE 'blob:x' END, CAST(:read AS jsonb), '', sha256(n::text::bytea)
         FROM generate_series(1, :rows) AS n""",
)


def main(rows: int = ROWS) -> None:
    """Fill a database, and measure twice: from the disk's cache as it is, and again."""
    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "data") as servers:
        engine = connect(servers.database_url)
        migrate(engine)
        _fill(engine, rows)
        sys.stdout.write(json.dumps({"rows": rows, **_measured(engine)}) + "\n")
        engine.dispose()


def _fill(engine: Engine, rows: int) -> None:
    values = {"rows": rows, "tries": TRIES, "read": '{"objects": 100}'}
    with engine.begin() as db:
        for table in JUDGING:
            db.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
        for statement in FILL:
            asked = text(statement.replace("LATELY", LATELY))
            db.execute(asked, {name: values[name] for name in values if f":{name}" in statement})
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
        db.execute(text("VACUUM ANALYZE"))


def _measured(engine: Engine) -> dict[str, object]:
    day, now = utcnow().date() - timedelta(days=1), utcnow()
    with engine.connect() as db:
        facts = [_timed(lambda: daily_figures.facts(db, day))[0] for _ in range(2)]
        standing, _ = _timed(lambda: daily_figures.standing(db))
        figures = making.read(db, day, [], now)
    kept = making.as_json(figures)
    drawn, content = _timed(lambda: page.draw(json.loads(kept), Making(now, "bench", 1), speeches()["en"]))
    seconds = {"facts": facts, "standing": standing, "draw": drawn}
    return {"seconds": seconds, "figures_bytes": len(kept.encode()), "page_bytes": len(content)}


def _timed(do: Callable[[], T]) -> tuple[float, T]:
    began = time.perf_counter()
    made = do()
    return round(time.perf_counter() - began, 2), made


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

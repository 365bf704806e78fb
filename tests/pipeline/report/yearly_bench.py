"""What the report of a year costs in an office with many rows: `python -m tests.pipeline.report.yearly_bench [ROWS]`.

ROWS (a million unless given) verdicts, one of five a possible sighting, and as many statements, of a hundredth as many
people: a hundred papers each, which say everything and its contrary.  Prints seconds as JSON: the whole report, and for
each figure its list of records.
"""

import json
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlalchemy import text

from lastseen import yearly as counting
from lastseen.yearly import Fact
from pipeline.report import year_page, yearly
from pipeline.report.saying import speeches
from storage import year_figures, year_records
from storage.database import Engine, connect, migrate
from storage.embedded import running

ROWS: Final = 1_000_000
OPENED: Final = ("identified", "identified.captive", "sightings", "returned", "contradicted", "sent", "shown", "tips")
"""figures whose records are opened"""
LATELY: Final = "now() - random() * interval '700 days'"
FILL: Final = (
    """INSERT INTO persons (register_number, names, status)
       SELECT 'P' || n, '{N}', 'missing' FROM generate_series(1, :rows / 100) AS n""",
    """INSERT INTO reference_photos (person_id, file_name, sha256, size, media_type, object_key)
       SELECT id, 'f', 's', 1, 'm', 'k' FROM persons""",
    """INSERT INTO sources (platform, address, reason, legal_basis, added_by)
       SELECT 'video_site', 'https://videos.example/' || n, 'r', 'b', 'm' FROM generate_series(1, 200) AS n""",
    """INSERT INTO posts (source_id, platform, platform_post_id, permalink, seen, first_seen_at, last_seen_at)
       SELECT 1 + n % 200, 'video_site', n::text, 'p', 'present', LATELY, now()
         FROM generate_series(1, :rows / 10) AS n""",
    """INSERT INTO blobs (sha256, size, media_type, object_key, version_id, stored_at, locked_until)
       SELECT encode(sha256(n::text::bytea), 'hex'), 1, 'm', 'k', 'v', now(), now()
         FROM generate_series(1, :rows / 10) AS n""",
    """INSERT INTO media_items (post_id, ordinal, kind, address, blob_id)
       SELECT posts.id, 0, 'video', 'a', blobs.id FROM posts JOIN blobs ON blobs.id = posts.id""",
    """INSERT INTO analyses (blob_id, recipe, engine, analyzed_at, kind, width, height, duration_ms, pictures_decoded,
                             pictures_sampled, gaps, complete, shots)
       SELECT id, 'r', 'e', stored_at, 'video', 1, 1, 60000, 1, 1, 0, true, '[]' FROM blobs""",
    """INSERT INTO tracks (analysis_id, ordinal, shot, start_ms, end_ms, faces)
       SELECT id, n, 0, 0, 0, '[]' FROM analyses, generate_series(0, 4) AS n""",
    """INSERT INTO candidates (track_id, person_id, photo_id, engine, distance, state, created_at)
       SELECT id, 1 + id % (:rows / 100), 1 + id % (:rows / 100), 'e', 0.4,
              CASE WHEN id % 5 = 0 THEN 'sighting' ELSE 'rejected' END, now() FROM tracks""",
    """INSERT INTO verdicts (candidate_id, verdict, judgements, made_at)
       SELECT id, CASE n WHEN 0 THEN 'open' ELSE state END, '{}', LATELY
         FROM candidates, generate_series(0, 1) AS n ORDER BY n""",
    """INSERT INTO statements (person_id, says, body, source, reference, dated, since, status, entered_by, entered_at)
       SELECT 1 + n % (:rows / 100), says, 'body ' || mixed % 9, 'document', 'r', current_date - mixed % 700,
              CASE WHEN mixed % 2 = 0 THEN current_date - mixed % 700 END,
              CASE WHEN mixed % 10 = 0 AND says IN ('captive', 'returned') THEN says END, 'a', LATELY
         FROM generate_series(1, :rows) AS n
        CROSS JOIN LATERAL (SELECT hashint4(n) & 2147483647 AS mixed) AS hashed
        CROSS JOIN LATERAL (SELECT (ARRAY['dead', 'captive', 'not held', 'alive', 'returned'])[1 + mixed / 7 % 5]
                                   AS says) AS said""",
)


def main(rows: int = ROWS) -> None:
    """Fill a database, and measure."""
    with tempfile.TemporaryDirectory() as folder, running(Path(folder) / "data") as servers:
        engine = connect(servers.database_url)
        migrate(engine)
        with engine.begin() as db:
            for table in ("judgements", "verdicts", "candidates"):
                db.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
            for statement in FILL:
                asked = text(statement.replace("LATELY", LATELY))
                db.execute(asked, {"rows": rows} if ":rows" in statement else {})
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
            db.execute(text("VACUUM ANALYZE"))
        sys.stdout.write(json.dumps({"rows": rows, "seconds": _measured(engine)}) + "\n")
        engine.dispose()


def _measured(engine: Engine) -> dict[str, float]:
    took: dict[str, float] = {}
    with engine.connect() as db:
        as_of = year_figures.settled(db)
        period = counting.Period.named(f"{as_of:%Y}")
        for fact in Fact:
            with _timed(took, f"read {fact.value}"):
                year_figures.facts(db, period, as_of, {fact})
        with _timed(took, "read all"):
            facts = year_figures.facts(db, period, as_of)
        with _timed(took, "count"):
            counting.records(period, facts)
        for figure in OPENED:
            with _timed(took, f"open {figure}"):
                year_records.shown(db, year_records.counted(db, period, as_of, figure)[: year_records.MOST])
        figures = yearly.read(db, period, as_of)
    with _timed(took, "draw"):
        said = year_page.say(figures, speeches()["en"])
        year_page.html(said, speeches()["en"], linked=True)
        year_page.pdf(said)
    return took


@contextmanager
def _timed(took: dict[str, float], what: str) -> Iterator[None]:
    began = time.perf_counter()
    yield
    took[what] = round(time.perf_counter() - began, 2)


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

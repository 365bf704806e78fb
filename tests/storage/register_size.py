"""An office at register size, and what each statement takes there.

`python -m tests.storage.register_size FOLDER [--people N] [--videos N] [--only WORD] [--plans]`

Fills an embedded database in FOLDER, unless it is there, with 100,000 people of one photo each and 50,000 videos of
20 tracks, a fifth of them expired, by statements over `generate_series`: two minutes.  Then runs what is asked for each
item, in each run and on each page, and prints how long it took (the best of three), and how much came back; `--plans`
prints the plan of each statement that took longer than a twentieth of a second, as it ran.  Nothing is changed by it.

Rows look like an office's, but no template opens: the vectors are bytes of the right length.
"""

import argparse
import sys
import time
from collections.abc import Callable, Iterator, Sequence, Sized
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sqlalchemy import event, text

from lastseen.roles import Role
from storage import (
    candidates,
    engines,
    findings,
    monitoring,
    name_hints,
    register,
    retention,
    review_queue,
    reviewing,
    roll_calls,
    shards,
    status,
    sweeps,
    work,
)
from storage.accounts import User
from storage.database import Connection, Engine, connect, migrate
from storage.embedded import Part, running
from storage.versions import What, version
from storage.work import Queue

ENGINE: Final = "dlib"
ANALYST: Final = User(0, "analyst", (Role.ANALYST,), has_password=False)
"""with which everything was made"""
ANOTHER: Final = "another"
"""one that nothing was made with yet"""
EPOCH: Final = "now() - interval '29 days' * (1 - n / {videos}.0) - interval '60 days' * (n <= {videos} / {old})::int"
"""when the video `n` came"""
SLOW_SECONDS: Final = 0.05
ROUNDS: Final = 3


@dataclass(frozen=True, slots=True)
class Size:
    """How many of everything."""

    people: int = 100_000
    videos: int = 50_000
    tracks: int = 20
    """of a video"""
    old: int = 5
    """the first of so many videos are older than faces are kept, and have lost them where they resembled nobody"""
    asked: int = 10
    """the first of so many videos has candidates; one of a hundred of these waits, and one was confirmed"""
    copies: int = 20
    """the first of so many videos is a copy of the one before it"""
    compiled: int = 300
    """videos of which one compilation shows a part each"""
    attachments: int = 700_000
    """that were tried beside the videos: with what else is done, a million items of work"""
    runs: int = 20_000
    """of the journal, one a minute"""


# Each is run once, in this order.  `n` counts videos or people from 1; row ids are those of a fresh database.
FILL: Final = (
    """
    INSERT INTO sources (platform, address, reason, legal_basis, added_by)
    SELECT 'telegram', 'channel' || n, 'seeded', 'test', 'seed' FROM generate_series(1, 100) AS n""",
    """
    INSERT INTO persons (register_number, names, birth_year, status)
    SELECT 'R-' || n, ARRAY['Person ' || n], 1950 + n % 60, CASE WHEN n % 50 = 0 THEN 'found' ELSE 'missing' END
      FROM generate_series(1, {people}) AS n""",
    """
    INSERT INTO reference_photos (person_id, file_name, sha256, size, media_type, object_key, badge)
    SELECT n, 'photo.jpg', encode(sha256(n::text::bytea), 'hex'), 1, 'image/jpeg', 'photo/' || n, 'good'
      FROM generate_series(1, {people}) AS n""",
    """
    INSERT INTO posts (source_id, platform, platform_post_id, permalink, published_at, seen, first_seen_at,
                       last_seen_at)
    SELECT 1 + n % 100, 'telegram', n, 'https://t.me/c/' || n, {epoch}, 'present', {epoch}, {epoch}
      FROM generate_series(1, {videos}) AS n""",
    """
    INSERT INTO observations (post_id, observed_at, method, seen, content_hash, raw_key, raw_sha256, title, text)
    SELECT n, {epoch}, 'telegram', 'present', md5(n::text), 'raw/' || n, '', '', 'words of post ' || n
      FROM generate_series(1, {videos}) AS n""",
    """
    INSERT INTO blobs (sha256, size, media_type, object_key, version_id, stored_at, locked_until)
    SELECT encode(sha256(('blob' || n)::bytea), 'hex'), 1000000, 'video/mp4', 'blob/' || n, 'v', {epoch}, {epoch}
      FROM generate_series(1, {videos}) AS n""",
    """
    INSERT INTO media_items (post_id, ordinal, kind, address, blob_id)
    SELECT n, 0, 'video', 'https://t.me/c/' || n || '/0', n FROM generate_series(1, {videos}) AS n""",
    """
    INSERT INTO analyses (blob_id, recipe, engine, analyzed_at, kind, width, height, duration_ms, pictures_decoded,
                          pictures_sampled, gaps, complete, shots, searched)
    SELECT n, 'recipe', '{engine}', {epoch}, 'video', 1280, 720, 60000, 1500, 120, 0, true,
           '[[0, 30000], [30000, 60000]]', {tracks}
      FROM generate_series(1, {videos}) AS n""",
    """
    INSERT INTO tracks (analysis_id, ordinal, shot, start_ms, end_ms, faces, expired_at)
    SELECT n, k, k / 10, k * 2500, k * 2500 + 2500,
           jsonb_build_array(jsonb_build_array(k * 2500, 10 * k, 100, 80, 80, 0.9),
                             jsonb_build_array(k * 2500 + 500, 10 * k + 2, 100, 80, 80, 0.9)),
           CASE WHEN n <= {videos} / {old} AND n % {asked} <> 0 THEN now() END
      FROM generate_series(1, {videos}) AS n, generate_series(0, {tracks} - 1) AS k ORDER BY n, k""",
    """
    INSERT INTO best_shots (track_id, ordinal, at_ms, box, quality, weight, crop_key)
    SELECT id, 0, start_ms, '{{"x": 1, "y": 1, "width": 80, "height": 80}}', '{{"width": 80}}', 1, 'crop/' || id
      FROM tracks WHERE expired_at IS NULL ORDER BY id""",
    # A version, a nonce, 128 numbers and a tag; photos first, as a register is enrolled.
    """
    INSERT INTO templates (track_id, photo_id, kind, engine, quality, sealed)
    SELECT track, photo, 'pooled', '{engine}', 0.5,
           '\\x01'::bytea || substring(uuid_send(gen_random_uuid()) FROM 1 FOR 12)
           || decode(repeat(md5(coalesce(track, photo)::text), 33), 'hex')
      FROM (SELECT NULL AS track, id AS photo FROM reference_photos WHERE id % 50 <> 0
             UNION ALL SELECT id, NULL FROM tracks WHERE expired_at IS NULL) AS owner
     ORDER BY photo, track""",
    # Three of a video's tracks are near somebody; what was not asked before 99 of 100 videos is rejected.
    """
    INSERT INTO candidates (track_id, person_id, photo_id, engine, distance, state, still_key)
    SELECT tracks.id, person, person, '{engine}', 0.3 + k * 0.01,
           CASE n / {asked} % 100 WHEN 0 THEN 'open' WHEN 1 THEN 'sighting' ELSE 'rejected' END, 'still/' || tracks.id
      FROM generate_series({asked}, {videos}, {asked}) AS n, generate_series(0, 2) AS k,
           LATERAL (SELECT 1 + (n * 7 + k) % {people} AS person) AS who
      JOIN tracks ON true
     WHERE tracks.id = (n - 1) * {tracks} + 1 + k AND person % 50 <> 0 ORDER BY tracks.id""",
    """
    INSERT INTO rejections (person_id, blob_id, track_id, reason, rejected_by)
    SELECT person_id, blob_id, track_id, 'seeded', 'seed'
      FROM candidates JOIN tracks ON tracks.id = track_id JOIN analyses ON analyses.id = analysis_id
     WHERE state = 'rejected'""",
    """
    INSERT INTO near_misses (track_id, person_id, engine, photo_id, distance)
    SELECT id, 1 + id % {people}, '{engine}', 1 + id % {people}, 0.5
      FROM tracks WHERE id % 20 = 7 AND expired_at IS NULL""",
    """
    INSERT INTO name_hints (post_id, observation_id, person_id, matcher, score, namesakes, reasons, found_at)
    SELECT n, n, 1 + (n * 7 + k) % {people}, 'names', 0.9 - k * 0.1, 2, '[]', {epoch}
      FROM generate_series(1, {videos}) AS n, generate_series(0, 1) AS k""",
    """
    INSERT INTO repost_links (one_blob_id, other_blob_id, one_start_ms, one_end_ms, other_start_ms, other_end_ms,
                              distance, recipe)
    SELECT n - 1, n, 0, 60000, 0, 60000, 0.1, 'f' FROM generate_series({copies}, {videos}, {copies}) AS n
     UNION ALL SELECT n * 3, {videos}, 0, 20000, n * 20000, n * 20000 + 20000, 0.1, 'f'
      FROM generate_series(1, {compiled}) AS n""",
    """
    INSERT INTO photo_findings (kind, person_id, photo_id, other_person_id, other_photo_id, engine, distance, bound)
    SELECT 'alike', n, n, n + 1, n + 1, '{engine}', 0.2, 0.3 FROM generate_series(1, {people} - 1, 100) AS n""",
    """
    INSERT INTO work (step, subject, recipe, state, outcome, why, settled_at)
    SELECT step, n, recipe, CASE WHEN n % 500 = 0 THEN 'failed' ELSE 'done' END,
           CASE WHEN n % 500 = 0 THEN 'DEFECT' END, '', {epoch}
      FROM generate_series(1, {videos}) AS n,
           (VALUES ('fetch', ''), ('fingerprint', 'f'), ('analyze', 'recipe'), ('match_tracks', '{engine}'))
             AS steps (step, recipe)""",
    """
    INSERT INTO work (step, subject, recipe, state, outcome, why, settled_at)
    SELECT 'enroll', n, '{engine}', CASE WHEN n % 100 = 1 THEN 'skipped' ELSE 'done' END,
           CASE WHEN n % 100 = 1 THEN 'SKIPPED' END, '', {epoch}
      FROM generate_series(1, {people}) AS n""",
    # Attachments that were not kept: a seventh is open still.
    """
    INSERT INTO work (step, subject, recipe, state, outcome, why, ready_at, settled_at)
    SELECT 'fetch', {videos} + n, '', state, outcome, '', {epoch} + CASE WHEN outcome = 'WAIT' THEN interval '60 days'
                                                                    ELSE interval '0' END,
           CASE WHEN state <> 'open' THEN {epoch} END
      FROM generate_series(1, {attachments}) AS n,
           LATERAL (SELECT CASE WHEN n % 7 = 0 THEN 'open' WHEN n % 100 = 1 THEN 'gone'
                                WHEN n % 1000 = 2 THEN 'quarantined' ELSE 'done' END AS state,
                           CASE WHEN n % 70 = 0 THEN 'WAIT' WHEN n % 7 = 0 THEN NULL WHEN n % 100 = 1 THEN 'GONE'
                                WHEN n % 1000 = 2 THEN 'DEFECT' END AS outcome) AS each""",
    """
    INSERT INTO runs (command, actor, started_at, ended_at, counts)
    SELECT 'airflow ' || step, 'airflow', now() - n * interval '1 minute', now() - n * interval '1 minute'
           + interval '50 s', jsonb_build_object(step, '{{"done": 3, "GONE": 1}}'::jsonb)
      FROM generate_series({runs}, 1, -1) AS n,
           LATERAL (SELECT (ARRAY['collect', 'fetch', 'analyze', 'match_tracks'])[1 + n % 4] AS step) AS each""",
    "INSERT INTO engine_uses (engine) VALUES ('{engine}')",
    # As many as have ever changed either at once: no trigger has fired.
    """
    INSERT INTO versions (what, changed_by)
    SELECT what, n FROM (VALUES ('gallery'), ('register')) AS each (what), generate_series(1, 8) AS n""",
)


def fill(owner: Engine, size: Size) -> None:
    """Put all of it into a migrated, empty database, as a role that may leave out the checks of foreign keys."""
    numbers = {name: getattr(size, name) for name in Size.__slots__}
    with owner.begin() as db:
        db.execute(text("SET LOCAL session_replication_role = replica"))
        db.execute(text("ALTER TABLE candidates DISABLE TRIGGER judging"))  # nobody has judged what is confirmed here
        for statement in FILL:
            db.execute(text(statement.format(epoch=EPOCH.format(**numbers), engine=ENGINE, **numbers)))
        db.execute(text("ALTER TABLE candidates ENABLE ALWAYS TRIGGER judging"))
    with owner.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
        db.execute(text("VACUUM (ANALYZE)"))


def _is_there(owner: Engine) -> bool:
    with owner.connect() as db:
        return bool(db.execute(text("SELECT EXISTS (SELECT FROM persons)")).scalar())


# --- what is asked -----------------------------------------------------------------------------------------

Asked = Callable[[Connection, Size], object]


def _first_open(db: Connection) -> int:
    found: int = db.execute(text("SELECT max(id) FROM candidates WHERE state = 'open'")).scalar_one()
    return found


ASKED: Final[dict[str, Asked]] = {
    "item: the gallery's version": lambda db, _: version(db, What.GALLERY),
    "item: claim": lambda db, _: work.ready(db, Queue("match_tracks", ENGINE)),
    "item: candidates of one file": lambda db, size: candidates.known(db, [size.asked]).rows,
    "item: candidates of a compilation": lambda db, size: candidates.known(db, [size.videos]).rows,
    "item: arrange a compilation": lambda db, size: candidates.arrange(db, [size.videos], 5).changed,
    "item: state of the register": lambda db, _: version(db, What.REGISTER),
    "run: cut the shards": lambda db, _: shards.plan(db, ENGINE),
    "run: photos to enroll": lambda db, _: register.photos_to_enroll(db, ENGINE),
    "run: due for the engine in use": lambda db, _: engines.due(db, ENGINE),
    "run: due for another engine": lambda db, _: engines.due(db, ANOTHER),
    "run: not compared by the engine in use": lambda db, _: engines.unmatched(db, ENGINE),
    "run: words that are due": lambda db, _: name_hints.due(db, "names"),
    "run: faces that expire": lambda db, _: retention.due(db, 30, 30),
    "run: a batch of faces that expire": lambda db, _: retention.forget(db, 30)[0],
    "run: no faces that expire": lambda db, _: retention.forget(db, 300)[0],
    "page: register, list": lambda db, _: findings.listed(db, limit=50),
    "import: expired tracks": lambda db, _: retention.expired(db),
    "rematch: photos": lambda db, _: sweeps.searchable(db, ENGINE),
    "page: queue": lambda db, _: review_queue.page(db, ANALYST).rows,
    "page: candidate": lambda db, _: reviewing.candidate(db, _first_open(db)),
    "page: faces a day": lambda db, _: reviewing.faces_a_day(db),
    "page: hints": lambda db, _: name_hints.page(db, 25).rows,
    "page: hints, far behind": lambda db, size: name_hints.page(db, 25, older_than=size.videos).rows,
    "page: register, findings": lambda db, _: findings.counts(db),
    "page: register, refused": lambda db, _: register.refused(db, 50),
    "page: register, badges": lambda db, _: register.badges(db),
    "page: unaccounted": lambda db, _: roll_calls.open_items(db),
    "command: candidates": lambda db, _: candidates.listed(db),
    "page: metrics": lambda db, _: monitoring.figures(db),
    "command: status": lambda db, _: status.counts(db),
    "command: status, troubles": lambda db, _: status.troubles(db),
}


def measure(engine: Engine, size: Size, only: str, *, plans: bool) -> Iterator[tuple[str, float, int]]:
    """What was asked, the best of some rounds in seconds, and how many came back."""
    for name, asked in ASKED.items():
        if only in name:
            times: list[float] = []
            found: object = None
            for _ in range(ROUNDS):
                with engine.connect() as db:  # rolled back
                    began = time.perf_counter()
                    found = asked(db, size)
                    times.append(time.perf_counter() - began)
            yield name, min(times), len(found) if isinstance(found, Sized) else 1
            if plans:
                with engine.connect() as db, _explained(engine):
                    asked(db, size)


@contextmanager
def _explained(engine: Engine) -> Iterator[None]:
    """Print the plan of each statement that takes long, as it runs."""

    def before(db: Connection, cursor: Any, statement: str, parameters: Any, *_: object) -> None:
        if statement.lstrip().upper().startswith(("SELECT", "WITH")) and "FOR UPDATE" not in statement:
            cursor.execute(f"EXPLAIN (ANALYZE, BUFFERS) {statement}", parameters)
            plan: Sequence[str] = [row[0] for row in cursor.fetchall()]
            if float(plan[-1].split()[-2]) > SLOW_SECONDS * 1000:
                sys.stdout.write("\n".join((statement, *plan, "")))

    event.listen(engine, "before_cursor_execute", before)
    yield
    event.remove(engine, "before_cursor_execute", before)


def main() -> None:
    """Fill, if need be, and measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--people", type=int, default=100_000)
    parser.add_argument("--videos", type=int, default=50_000)
    parser.add_argument("--only", default="", help="only what has this in its name")
    parser.add_argument("--plans", action="store_true")
    told = parser.parse_args()
    size = Size(people=told.people, videos=told.videos)
    with running(told.folder, [Part.DATABASE]) as endpoints:
        owner = connect(endpoints.database_url)
        migrate(owner)
        if not _is_there(owner):
            fill(owner, size)
        for name, seconds, found in measure(owner, size, told.only, plans=told.plans):
            sys.stdout.write(f"{name:45}{seconds * 1000:10.1f} ms{found:10}\n")
            sys.stdout.flush()
        owner.dispose()


if __name__ == "__main__":
    main()

"""How fast the review is: `python -m tests.review.queue_bench [--candidates N] [--analysts N] [--rounds N] ...`.

Fills a database of its own with open candidates, times the statements one by one, and then has analysts sit before the
pages, over HTTP on loopback: one alone, then many at once who look for a while before they send a form, then many who
do not.  Each describes what is on the screen, answers it, and gets the next page with its pictures, again and again.
Prints a table, and how many requests failed; exits with 1 if any did.
"""

import argparse
import os
import sys
import tempfile
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from sqlalchemy import text

from lastseen.roles import Role
from lastseen.settings import Settings
from storage import accounts, custody, judgements, review_queue, reviews
from storage.accounts import User
from storage.review_queue import Taken, Terms
from storage.stores import Stores, open_stores
from tests.review.seeding import jpeg, put
from tests.review.sitting import Times, at_once, memory, served

PEOPLE = 500
TERMS = Terms(timedelta(minutes=15))

FILL = (
    """INSERT INTO sources (platform, address, reason, legal_basis, added_by)
       SELECT 'video_site', 'https://videos.example/' || n, 'r', 'b', 'bench' FROM generate_series(1, 20) AS n""",
    """INSERT INTO persons (register_number, names, status, region)
       SELECT 'P-' || n, ARRAY['Person ' || n], 'missing', 'Region ' || n % 20 FROM generate_series(1, :people) AS n""",
    """INSERT INTO reference_photos (person_id, file_name, sha256, size, media_type, object_key, crop_key)
       SELECT id, '1.jpg', md5(id::text), 1, 'image/jpeg', 'photo/' || id, 'crop/photo.jpg' FROM persons""",
    """INSERT INTO blobs (sha256, size, media_type, object_key, version_id, locked_until)
       SELECT md5(n::text) || md5((-n)::text), 1, 'video/mp4', 'blob/' || n, '1', now()
         FROM generate_series(1, :blobs) AS n""",
    """INSERT INTO posts (source_id, platform, platform_post_id, permalink, published_at, seen, first_seen_at,
                          last_seen_at)
       SELECT 1 + id % 20, 'video_site', id::text, 'https://videos.example/watch/' || id,
              now() - id * interval '1 minute', 'present', now() - id * interval '1 minute', now() FROM blobs""",
    """INSERT INTO media_items (post_id, ordinal, kind, address, blob_id)
       SELECT posts.id, 0, 'video', permalink, blobs.id FROM posts JOIN blobs ON blobs.id = posts.id""",
    """INSERT INTO analyses (blob_id, recipe, engine, kind, width, height, duration_ms, pictures_decoded,
                             pictures_sampled, gaps, complete, shots)
       SELECT id, 'bench', 'dlib', 'video', 640, 360, 60000, 1500, 120, 0, true, '[]' FROM blobs""",
    """INSERT INTO tracks (analysis_id, ordinal, shot, start_ms, end_ms, faces)
       SELECT analyses.id, n, 0, n * 1000, n * 1000 + 900, '[]' FROM analyses, generate_series(0, 1) AS n""",
    """INSERT INTO best_shots (track_id, ordinal, at_ms, box, weight, quality, crop_key)
       SELECT id, n, start_ms + n * 200, '{"x": 10, "y": 10, "width": 64, "height": 64}', 1, '{}', 'crop/shot.jpg'
         FROM tracks, generate_series(0, 2) AS n""",
    """INSERT INTO candidates (track_id, person_id, photo_id, engine, distance, expected_false, state, created_at,
                               still_key, clip_key, clip_start_ms, clip_end_ms)
       SELECT tracks.id, persons.id, reference_photos.id, 'dlib', 0.4, 1.0 / (1 + tracks.id % 3000), 'open',
              now() - tracks.id * interval '30 seconds', 'still/moment.jpg', 'clip/moment.mp4', 0, 6000
         FROM tracks, generate_series(0, 1) AS n, persons, reference_photos
        WHERE persons.id = 1 + (tracks.id * 2 + n) % :people AND person_id = persons.id""",
    "ANALYZE",
)


def fill(stores: Stores, candidates: int) -> None:
    """So many open candidates: two people at each of two faces of a video, all with the same few pictures."""
    for key, size in (("crop/photo.jpg", (150, 150)), ("crop/shot.jpg", (150, 150)), ("still/moment.jpg", (640, 360))):
        put(stores, key, jpeg(size=size))
    with stores.owner.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
        for statement in FILL:
            db.execute(text(statement), {"people": PEOPLE, "blobs": max(1, candidates // 4)})


def answer(stores: Stores, user: User, token: UUID) -> None:
    """As the page of a review does it: a description, a judgement, and its event."""
    with stores.db.begin() as db:
        review = reviews.find(db, token, user)
        if review is None:
            raise LookupError(token)
        if review.described_at is None:
            reviews.describe(db, review, {})
    with stores.db.begin() as db:
        judged = judgements.judge(db, review, 2 if token.int % 4 == 0 else -2, [], "", 5)
        custody.append_all(db, user.name, judged.entries)


def by_storage(stores: Stores, user: User, times: Times, rounds: int) -> None:
    """One analyst alone, without pages."""
    for _ in range(rounds):
        with stores.db.begin() as db:
            with times.of("storage: page"):
                review_queue.page(db, user)
            with times.of("storage: page, one source"):
                review_queue.page(db, user, review_queue.Filters(source=7))
            with times.of("storage: forecast"):
                review_queue.forecast(db)
            with times.of("storage: choices"):
                review_queue.choices(db, user)
        with times.of("storage: take"), stores.db.begin() as db:
            found = review_queue.take(db, user, TERMS)
            assert_taken(found)
        with times.of("storage: ahead"), stores.db.begin() as db:
            review_queue.ahead(db, found.review, TERMS)  # type: ignore[union-attr]  # it was taken
        with times.of("storage: answer"):
            answer(stores, user, found.review.token)  # type: ignore[union-attr]  # it was taken


def assert_taken(found: object) -> None:
    """Raises TypeError if nothing was."""
    if not isinstance(found, Taken):
        raise TypeError(f"nothing was taken: {found}")


def tokens(stores: Stores, users: list[User]) -> list[str]:
    """A session of each."""
    with stores.db.begin() as db:
        return [accounts.start_session(db, user) for user in users]


def main(argv: list[str] | None = None, say: Callable[[str], object] = sys.stdout.write) -> int:
    """Returns the exit status."""
    given = _arguments(argv)
    times = Times()
    seconds: dict[str, float] = {}
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(_env_file=None, data_dir=Path(folder))
        with open_stores(settings) as stores:
            fill(stores, given.candidates)
            with stores.db.begin() as db:
                users = [accounts.add_user(db, f"a{n}", None, [Role.ANALYST]) for n in range(2 * given.analysts + 2)]
            by_storage(stores, users[-1], times, given.rounds * 4)
            with served(settings.data_dir) as (port, process):
                for name, think, who in (
                    ("one: ", 0.0, users[-2:-1]),
                    (f"{given.analysts} who think: ", given.think, users[: given.analysts]),
                    (f"{given.analysts} who do not: ", 0.0, users[given.analysts : -2]),
                ):
                    answers = given.alone if name == "one: " else given.rounds
                    seconds[name] = at_once(port, tokens(stores, who), times, answers, think, name)
                used = memory(process)
    load = f"load {before:.1f} before and {os.getloadavg()[0]:.1f} after"
    say(f"{given.candidates} candidates, {os.cpu_count()} cores, {load}, pages used {used} MiB\n\n")
    _tell(say, times, seconds)
    return 1 if times.failed else 0


def _tell(say: Callable[[str], object], times: Times, seconds: dict[str, float]) -> None:
    """A table for docs/performance.md."""
    say("| ms | times | p50 | p95 | longest |\n|---|---|---|---|---|\n")
    for name, one in times.told().items():
        say(f"| {name} | {one['count']} | {one['p50']} | {one['p95']} | {one['most']} |\n")
    say("\n")
    for name, took in seconds.items():
        say(f"{name}{took:.1f} s\n")
    say(f"{len(times.failed)} failed\n")
    for what in sorted(set(times.failed)):
        say(f"  {times.failed.count(what)} times: {what}\n")


def _arguments(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.review.queue_bench", description=__doc__)
    parser.add_argument("--candidates", type=int, default=10_000)
    parser.add_argument("--analysts", type=int, default=200, help="at once; none: one only")
    parser.add_argument("--rounds", type=int, default=5, help="answers of each")
    parser.add_argument("--alone", type=int, default=100, help="answers of the one who is alone")
    parser.add_argument("--think", type=float, default=20, help="seconds before each form, on average")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())

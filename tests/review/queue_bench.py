"""How fast the queue is: `python -m tests.review.queue_bench [--candidates N] [--analysts N] [--rounds N]`.

Fills a database of its own with open candidates, times the statements one by one, and then has analysts sit before the
pages at once, over HTTP on loopback: each looks at the queue, takes what is next and answers it, round after round.
Prints p50 and p95 in milliseconds, and how many requests failed; exits with 1 if any did.
"""

import argparse
import json
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path
from statistics import quantiles
from uuid import UUID

import httpx
from sqlalchemy import text

from lastseen.roles import Role
from lastseen.settings import Settings
from review.doors import SESSION_COOKIE, TOKEN_FIELD, form_token
from storage import accounts, custody, judgements, review_queue, reviews
from storage.accounts import User
from storage.database import POOL, connect
from storage.review_queue import Taken, Terms
from storage.stores import Stores, open_stores
from tests.review.conftest import serving

DEADLINE = 120
"""seconds for one request: a slow one is to be counted, not broken off"""
PEOPLE = 500
TERMS = Terms(timedelta(minutes=15))

FILL = (
    """INSERT INTO sources (platform, address, reason, legal_basis, added_by)
       SELECT 'video_site', 'https://videos.example/' || n, 'r', 'b', 'bench' FROM generate_series(1, 20) AS n""",
    """INSERT INTO persons (register_number, names, status, region)
       SELECT 'P-' || n, ARRAY['Person ' || n], 'missing', 'Region ' || n % 20 FROM generate_series(1, :people) AS n""",
    """INSERT INTO reference_photos (person_id, file_name, sha256, size, media_type, object_key)
       SELECT id, '1.jpg', md5(id::text), 1, 'image/jpeg', 'photo/' || id FROM persons""",
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
    """INSERT INTO candidates (track_id, person_id, photo_id, engine, distance, expected_false, state, created_at)
       SELECT tracks.id, persons.id, reference_photos.id, 'dlib', 0.4, 1.0 / (1 + tracks.id % 3000), 'open',
              now() - tracks.id * interval '30 seconds'
         FROM tracks, generate_series(0, 1) AS n, persons, reference_photos
        WHERE persons.id = 1 + (tracks.id * 2 + n) % :people AND person_id = persons.id""",
    "ANALYZE",
)


class Times:
    """Seconds that things took, by name, and requests that failed."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seconds: dict[str, list[float]] = defaultdict(list)
        self.failed: list[str] = []

    @contextmanager
    def of(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        took = time.perf_counter() - began
        with self._lock:
            self._seconds[name].append(took)

    def fail(self, what: str) -> None:
        with self._lock:
            self.failed.append(what)

    def told(self) -> dict[str, dict[str, float]]:
        """Name -> count, p50 and p95 in milliseconds."""
        return {name: _spread(seconds) for name, seconds in self._seconds.items()}


def _spread(seconds: list[float]) -> dict[str, float]:
    cuts = quantiles(seconds, n=20) if len(seconds) > 1 else [seconds[0]] * 19
    return {"count": len(seconds), "p50": round(cuts[9] * 1000, 1), "p95": round(cuts[18] * 1000, 1)}


def fill(stores: Stores, candidates: int) -> None:
    """So many open candidates: two people at each of two faces of a video."""
    with stores.owner.connect().execution_options(isolation_level="AUTOCOMMIT") as db:
        for statement in FILL:
            db.execute(text(statement), {"people": PEOPLE, "blobs": max(1, candidates // 4)})


ANSWERING = threading.Semaphore(POOL)
"""as many at once as a server would work on"""


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
                review_queue.choices(db)
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


def sit(url: str, stores: Stores, user: User, times: Times, rounds: int, start: threading.Barrier) -> None:
    """One analyst before the pages."""
    with stores.db.begin() as db:
        token = accounts.start_session(db, user)
    with httpx.Client(base_url=url, trust_env=False, timeout=DEADLINE, cookies={SESSION_COOKIE: token}) as browser:
        start.wait()
        for _ in range(rounds):
            _round(browser, token, stores, user, times)


def _round(browser: httpx.Client, token: str, stores: Stores, user: User, times: Times) -> None:
    try:
        with times.of("HTTP: queue"):
            seen = browser.get("/")
        with times.of("HTTP: take"):
            taken = browser.post("/reviews", data={TOKEN_FIELD: form_token(token)})
    except httpx.HTTPError as fault:
        times.fail(type(fault).__name__)
        return
    where = taken.headers.get("location", "")
    if seen.status_code != 200 or not where.startswith("/reviews/"):
        times.fail(f"{seen.status_code} {taken.status_code} {where}")
        return
    with ANSWERING, times.of("answer, beside all others"):
        answer(stores, user, UUID(where.removeprefix("/reviews/")))


def at_once(stores: Stores, beside: Stores, settings: Settings, users: list[User], times: Times, rounds: int) -> float:
    """All analysts at the same time; `beside`: connections for what no page does.  Returns seconds."""
    start = threading.Barrier(len(users))
    with serving(stores, settings) as site:
        sitting = [threading.Thread(target=sit, args=(site.url, beside, user, times, rounds, start)) for user in users]
        began = time.perf_counter()
        for one in sitting:
            one.start()
        for one in sitting:
            one.join()
        return time.perf_counter() - began


def main(argv: list[str] | None = None, say: Callable[[str], object] = sys.stdout.write) -> int:
    """Returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tests.review.queue_bench", description=__doc__)
    parser.add_argument("--candidates", type=int, default=10_000)
    parser.add_argument("--analysts", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args(argv)
    times = Times()
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(_env_file=None, data_dir=Path(folder))
        with open_stores(settings, objects=False) as stores:
            fill(stores, given.candidates)
            with stores.db.begin() as db:
                users = [accounts.add_user(db, f"a{n}", None, [Role.ANALYST]) for n in range(given.analysts + 1)]
            by_storage(stores, users[-1], times, given.rounds * 4)
            beside = Stores(connect(stores.db.url.render_as_string(hide_password=False)))
            took = at_once(stores, beside, settings, users[:-1], times, given.rounds)
            beside.db.dispose()
    for name, spread in times.told().items():
        say(f"{name:32} {spread['count']:>6} times   p50 {spread['p50']:>8} ms   p95 {spread['p95']:>8} ms\n")
    say(f"{given.analysts} analysts at once, {given.rounds} rounds: {took:.1f} s, {len(times.failed)} failed\n")
    for what in sorted(set(times.failed)):
        say(f"  {times.failed.count(what)} times: {what}\n")
    say(json.dumps({"failed": len(times.failed), "seconds": round(took, 1), "ms": times.told()}) + "\n")
    return 1 if times.failed else 0


if __name__ == "__main__":
    sys.exit(main())

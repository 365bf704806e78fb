"""Posts a second: collected and kept, beside bare Telethon that reads the same history and keeps nothing.

`python -m tests.pipeline.telegram.bench [--posts N] [--rounds N] [--growth]`

The loopback Telegram runs in a process of its own.  Each round, a fresh database and fresh buckets take all of it, and
the peer reads it once; prints one JSON object with the median of the rounds' ratios, the least and the most, and that
of the best round of each.  `work` is how many times the peer's processor time this process takes: it says more than
the clock where others work on the same machine.
`--growth` collects 101,000 posts once, and says what a thousand of them cost when few and when many are held, and what
it costs to find those that a recheck is to look for.
"""

import argparse
import asyncio
import json
import secrets
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from itertools import pairwise
from pathlib import Path
from tempfile import TemporaryDirectory

from pydantic import SecretStr
from telethon import TelegramClient
from telethon.sessions import StringSession

from extractors import faces
from extractors.telegram.messages import METHOD
from lastseen.records import Platform
from pipeline import jobs
from pipeline.app import open_app
from pipeline.jobs import Scope
from storage import messages, sealing, sources, telegram_accounts, telegram_chats
from storage.embedded import Endpoints, make_room, running
from storage.objects import ObjectStore
from tests.conftest import in_database, run_sql, settings_on

AS_FAST = {"telegram_api_id": 1, "telegram_api_hash": SecretStr("hash"), "telegram_pause_seconds": 0.0}

MANY = 101_000
A_THOUSAND = {"telegram_batch_posts": 1000}

SERVE = """
import sys, threading
from tests.servers.telegram import Channel, TelegramServer, World, numbered
world = World()
world.add(Channel(1001, "news", "News")).publish(*numbered(range(1, int(sys.argv[1]) + 1)))
with TelegramServer(world) as server:
    print(server.session("anna").save(), server.session("bohdan").save(), flush=True)
    sys.stdin.read()
"""


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(prog="python -m tests.pipeline.telegram.bench", description=__doc__)
    parser.add_argument("--posts", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--growth", action="store_true")
    wanted = parser.parse_args()
    sys.stdout.write(json.dumps(_growth() if wanted.growth else _beside(wanted.posts, wanted.rounds)) + "\n")


def _beside(posts: int, rounds: int) -> dict[str, float]:
    ours, theirs, work = [], [], []
    with (
        TemporaryDirectory() as made,
        _server(posts) as (anna, bohdan),
        running(Path(made, "data")) as endpoints,
    ):
        faces.prepare("dlib", Path(made, "models"))
        for _ in range(rounds):
            bare, kept = _peer(bohdan, posts), _ours(endpoints, Path(made), anna, posts)
            theirs.append(posts / bare.seconds)
            ours.append(posts / kept.seconds)
            work.append(kept.work / bare.work)
            sys.stderr.write(
                f"kept {ours[-1]:.0f} posts/s, bare {theirs[-1]:.0f} posts/s; {work[-1]:.2f} times the work\n"
            )
    ratios = [one / other for one, other in zip(ours, theirs, strict=True)]
    return {
        "posts": posts,
        "ratio": round(statistics.median(ratios), 3),
        "ratio_least": round(min(ratios), 3),
        "ratio_most": round(max(ratios), 3),
        "ratio_at_best": round(max(ours) / max(theirs), 3),
        "work": round(statistics.median(work), 2),
        "kept_per_second": round(statistics.median(ours)),
        "bare_per_second": round(statistics.median(theirs)),
    }


def _growth() -> dict[str, float]:
    with TemporaryDirectory() as made, _server(MANY) as (anna, _), running(Path(made, "data")) as endpoints:
        faces.prepare("dlib", Path(made, "models"))
        taken = _ours(endpoints, Path(made), anna, MANY, A_THOUSAND)
    few, many = taken.batches[1:11], taken.batches[-11:-1]
    return {
        "posts": MANY,
        "seconds_a_thousand_at_1000": round(statistics.median(few), 4),
        "seconds_a_thousand_at_100000": round(statistics.median(many), 4),
        "seconds_to_find_what_is_due": round(taken.due, 4),
    }


@dataclass(frozen=True, slots=True)
class _Taken:
    """How long it took to read everything, or to collect it."""

    seconds: float
    work: float
    """seconds of processor time in this process"""
    batches: Sequence[float] = ()
    """of each batch that was kept, in order"""
    due: float = 0.0
    """seconds to find what a recheck is to look for, when all are held"""


@contextmanager
def _server(posts: int) -> Iterator[tuple[str, str]]:
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(posts)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        if process.stdout is None:
            raise RuntimeError("no output to read from")
        anna, bohdan = process.stdout.readline().split()
        yield anna, bohdan
    finally:
        process.terminate()
        process.wait()


def _peer(session: str, posts: int) -> _Taken:
    """Bare Telethon, connected already."""

    async def read() -> _Taken:
        client = TelegramClient(StringSession(session), 1, "hash", receive_updates=False)
        await client.connect()
        channel = await client.get_input_entity("news")
        began, worked = time.perf_counter(), time.process_time()
        count = 0
        async for _ in client.iter_messages(channel, reverse=True, wait_time=0):
            count += 1
        taken = _Taken(time.perf_counter() - began, time.process_time() - worked)
        await client.disconnect()
        if count != posts:
            raise RuntimeError(f"the peer read {count} of {posts} posts")
        return taken

    return asyncio.run(read())


def _ours(
    endpoints: Endpoints, folder: Path, session: str, posts: int, more: Mapping[str, object] | None = None
) -> _Taken:
    """From the first request to the last commit, connecting included."""
    name = f"bench_{secrets.token_hex(4)}"
    run_sql(endpoints.database_url, f"CREATE DATABASE {name}")
    url = in_database(endpoints.database_url, name)
    objects = ObjectStore(
        endpoints.s3_endpoint,
        endpoints.s3_access_key,
        endpoints.s3_secret_key,
        secure=False,
        bucket_prefix=f"{name.replace('_', '-')}-",
    )
    make_room(folder / "data", objects.prepare())
    settings = settings_on(endpoints, url, objects, folder, folder / "models").model_copy(
        update={**AS_FAST, **(more or {})}
    )
    ends = [0.0]
    with open_app(settings, "bench", lambda _: ends.append(time.perf_counter())) as app:
        with app.stores.db.begin() as db:
            telegram_accounts.add(db, "anna", 1, session, sealing.secrets(settings), "bench")
            source = sources.add(db, Platform.TELEGRAM, "@news", "bench", "bench", "bench").source.id
        began, worked = time.perf_counter(), time.process_time()
        ends[0] = began
        jobs.execute(app, "collect", Scope())
        taken, worked = time.perf_counter() - began, time.process_time() - worked
        with app.stores.db.begin() as db:
            (coverage,) = telegram_chats.coverage(db, source)
            looked = time.perf_counter()
            messages.due(db, 1, METHOD, timedelta(minutes=10), 1000)
            due = time.perf_counter() - looked
    objects.close()
    if coverage.posts != posts or coverage.gaps:
        raise RuntimeError(f"{coverage.posts} of {posts} posts were kept")
    return _Taken(taken, worked, [after - before for before, after in pairwise(ends)], due)


if __name__ == "__main__":
    main()

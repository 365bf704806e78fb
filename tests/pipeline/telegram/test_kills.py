"""10,000 posts with gaps, albums and edits; a worker killed at twenty random moments: the same rows, nothing twice."""

import subprocess
import sys
from datetime import UTC, datetime
from typing import Final

import pytest

from lastseen.records import Platform
from pipeline import jobs
from pipeline.app import open_app
from pipeline.jobs import Scope
from storage import sources, telegram_accounts, verification
from storage.sealing import secrets
from tests.office import Office
from tests.pipeline.telegram.watching import TELEGRAM
from tests.servers.telegram import Attachment, Channel, Post, TelegramServer, World

KILLS: Final = 20
POSTS: Final = 10_000
EDITED: Final = datetime(2024, 6, 1, tzinfo=UTC)

HELD: Final = {
    "posts": "SELECT number, permalink, published_at, seen FROM posts",
    "observations": """SELECT number, method, content_hash, text, facts::text, audience::text
                         FROM observations JOIN posts ON posts.id = post_id""",
    "media": "SELECT number, ordinal, kind, address, size FROM media_items JOIN posts ON posts.id = post_id",
    "work": "SELECT step, priority, state, count(*) FROM work GROUP BY 1, 2, 3",
    "coverage": "SELECT role, chat, first, held::text, stated FROM telegram_chats",
}
"""by natural keys"""


def world() -> World:
    """One post in seven is not there, one in five belongs to an album of three, one in eleven was edited."""
    made = World()
    numbers = [number for number in range(1, POSTS * 7 // 6 + 1) if number % 7]
    made.add(Channel(1001, "news", "News")).publish(
        *(
            Post(
                number,
                f"post {number}",
                edited=EDITED if number % 11 == 0 else None,
                album=number // 3 if number % 5 == 0 else None,
                attachment=Attachment(number // 2, b"bytes") if number % 5 == 0 else None,
            )
            for number in numbers
        )
    )
    return made


def prepared(office: Office, server: TelegramServer) -> Office:
    """The office with an account, and the channel on its list."""
    settings = office.settings.model_copy(update={**TELEGRAM, "lease_seconds": 0.5, "crash_limit": 1000})
    with office.stores.db.begin() as db:
        telegram_accounts.add(db, "anna", 1, server.session("anna").save(), secrets(settings), "test")
        sources.add(db, Platform.TELEGRAM, "@news", "a reason", "test", "test")
    return Office(settings, office.stores)


def held(office: Office) -> dict[str, list[tuple[object, ...]]]:
    with office.stores.db.begin() as db:
        return {name: sorted(map(tuple, db.exec_driver_sql(sql)), key=repr) for name, sql in HELD.items()}


@pytest.mark.long
def test_a_worker_killed_at_twenty_random_moments(office: Office, another_office: Office) -> None:
    with TelegramServer(world()) as server:
        killed, calm = prepared(office, server), prepared(another_office, server)
        done = subprocess.run(
            [sys.executable, "-m", "tests.pipeline.telegram.killing", str(KILLS)],
            env=killed.environ(),
            stdout=subprocess.PIPE,
            check=True,
            timeout=300,
            text=True,
        )
        assert int(done.stdout) >= KILLS * 0.9, "nearly all of them were killed while there was work"
        with open_app(calm.settings, "test") as app:
            jobs.execute(app, "collect", Scope())
    left = held(killed)
    assert len(left["posts"]) == len(left["observations"]) == POSTS
    assert left["coverage"] == [("channel", 1001, 1, "{[1,11667)}", POSTS)]
    assert left == held(calm)
    assert verification.verify(killed.stores.db, killed.stores.objects).ok

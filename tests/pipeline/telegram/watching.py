"""An office that watches a channel on the loopback Telegram."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from pydantic import SecretStr
from sqlalchemy import text

from lastseen.records import ChatRole, Platform
from lastseen.settings import Settings
from pipeline import jobs
from pipeline.app import App, open_app
from pipeline.jobs import Scope
from storage import alerts, sources, telegram_accounts, telegram_chats
from storage.sealing import secrets
from storage.sources import Asked
from storage.telegram_chats import Coverage
from tests.servers.telegram import Channel, TelegramServer, World

TELEGRAM: Final[Mapping[str, object]] = {
    "telegram_api_id": 1,
    "telegram_api_hash": SecretStr("hash"),
    "telegram_pause_seconds": 0.0,
    "telegram_batch_posts": 200,
}
"""settings: no pauses, and small batches"""


@dataclass(slots=True)
class Watching:
    """An office that watches one channel, with one account."""

    settings: Settings
    app: App
    world: World
    server: TelegramServer
    channel: Channel
    source: int

    def run(self, command: str) -> dict[str, int]:
        """What became of the items of a command's only step."""
        (tally,) = jobs.execute(self.app, command, Scope())
        return tally.as_dict()

    def collect(self) -> dict[str, int]:
        """Collect once."""
        return self.run("collect")

    def coverage(self, role: ChatRole = ChatRole.CHANNEL) -> Coverage:
        """How far it is read."""
        with self.app.stores.db.begin() as db:
            return next(one for one in telegram_chats.coverage(db, self.source) if one.role is role)

    def rows(self, statement: str) -> list[tuple[object, ...]]:
        """What the database says."""
        with self.app.stores.db.begin() as db:
            return [tuple(row) for row in db.execute(text(statement))]

    def change(self, statement: str) -> None:
        """Have the database say something else, such as another time."""
        with self.app.stores.db.begin() as db:
            db.execute(text(statement))

    def numbers(self, role: ChatRole = ChatRole.CHANNEL) -> list[object]:
        """Of all messages that are held, in order."""
        held = f"""SELECT number FROM posts JOIN telegram_chats ON telegram_chats.id = posts.chat_id
                    WHERE role = '{role}' ORDER BY number"""  # noqa: S608  a role
        return [number for (number,) in self.rows(held)]

    def outcome(self, step: str = "collect") -> tuple[object, ...]:
        """State, class and reason of a step's newest item."""
        return self.rows(f"SELECT state, outcome, why FROM work WHERE step = '{step}' ORDER BY id DESC")[0]  # noqa: S608

    def alerts(self) -> list[tuple[str, str]]:
        """Kind and subject of those that stand."""
        with self.app.stores.db.begin() as db:
            return [(alert.kind, alert.subject) for alert in alerts.standing(db)]

    def waited(self) -> None:
        """Have all waits be over, and all items ready."""
        self.change("UPDATE telegram_waits SET until = now() - interval '1 second'")
        self.change("UPDATE work SET ready_at = now() WHERE state = 'open'")

    def age(self, posts: str = "true", minutes: int = 61) -> None:
        """Have posts been looked at, and missed, so much longer ago."""
        for column in ("checked_at", "missing_since"):
            self.change(f"UPDATE posts SET {column} = {column} - interval '{minutes} minutes' WHERE {posts}")  # noqa: S608


@contextmanager
def watching(
    settings: Settings,
    world: World,
    channel: Channel,
    *,
    since: datetime | None = None,
    with_comments: bool = False,
    **more: object,
) -> Iterator[Watching]:
    """An office with an account `anna`, and the channel on its list."""
    wanted = settings.model_copy(update={**TELEGRAM, **more})
    with TelegramServer(world) as server, open_app(wanted, "test") as app:
        with app.stores.db.begin() as db:
            telegram_accounts.add(db, "anna", 1, server.session("anna").save(), secrets(wanted), "test")
            asked = Asked(since, with_comments)
            added = sources.add(db, Platform.TELEGRAM, f"@{channel.username}", "a reason", "test", "test", asked)
        yield Watching(wanted, app, world, server, channel, added.source.id)

"""A channel on the loopback Telegram, collected: complete, once, and through every trouble."""

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from pydantic import SecretStr
from sqlalchemy import text

from lastseen.records import Platform, Stretch
from lastseen.settings import Settings
from pipeline import jobs
from pipeline.app import App, open_app
from pipeline.jobs import Scope
from pipeline.runner import Tally
from storage import sources, telegram_accounts, telegram_chats
from storage.sealing import secrets
from storage.stores import Stores
from tests.servers.telegram import Channel, TelegramServer, World, numbered


@dataclass(frozen=True, slots=True)
class Watching:
    """An office that watches one channel."""

    app: App
    server: TelegramServer
    channel: Channel
    source: int

    def collect(self) -> Tally:
        (tally,) = jobs.execute(self.app, "collect", Scope())
        return tally


@pytest.fixture
def watching(settings: Settings, stores: Stores) -> Iterator[Watching]:
    world = World()
    channel = world.add(Channel(1001, "news", "News"))
    channel.publish(*numbered([number for number in range(1, 501) if number % 10]))
    wanted = settings.model_copy(
        update={
            "telegram_api_id": 1,
            "telegram_api_hash": SecretStr("hash"),
            "telegram_pause_seconds": 0.0,
            "telegram_batch_posts": 200,
        }
    )
    with TelegramServer(world) as server, open_app(wanted, "test") as app:
        with app.stores.db.begin() as db:
            session = server.session("anna").save()
            telegram_accounts.add(db, "anna", 1, session, secrets(wanted), "test")
            source = sources.add(db, Platform.TELEGRAM, "@news", "a reason", "test", "test").source.id
        yield Watching(app, server, channel, source)


def numbers(app: App) -> list[int]:
    with app.stores.db.begin() as db:
        return list(db.execute(text("SELECT number FROM posts ORDER BY number")).scalars())


def test_all_of_a_channel(watching: Watching) -> None:
    tally = watching.collect()
    assert tally.as_dict() == {"done": 1}
    assert numbers(watching.app) == watching.channel.ids
    with watching.app.stores.db.begin() as db:
        (coverage,) = telegram_chats.coverage(db, watching.source)
    assert (coverage.held, coverage.gaps) == ((Stretch(1, 499),), ())
    assert (coverage.posts, coverage.stated) == (450, 450)

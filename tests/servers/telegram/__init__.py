"""A small Telegram on loopback, for tests and trials by hand: real MTProto, spoken to by the genuine Telethon client.

    world = World()
    channel = world.add(Channel(1001, "news", "News"))
    channel.publish(Post(1, "first"))
    with TelegramServer(world) as server:
        client = TelegramClient(server.session("anna"), 1, "hash")

Such a session has a key that both sides hold from the start.  `server.fresh_session()` has none: the client exchanges
keys, and logs in to an account that was made with a phone and a code (`server.account`), and a password.  Faults are
scripted (`server.script`), and every request is kept (`server.requests`): what a careful reader must never send can be
shown not to have been sent.
"""

from tests.servers.telegram.faults import Call, Drop, Refuse, Transport, Wait
from tests.servers.telegram.server import TelegramServer
from tests.servers.telegram.world import OTHER, Attachment, Channel, Origin, Post, World, numbered

__all__ = [
    "OTHER",
    "Attachment",
    "Call",
    "Channel",
    "Drop",
    "Origin",
    "Post",
    "Refuse",
    "TelegramServer",
    "Transport",
    "Wait",
    "World",
    "numbered",
]

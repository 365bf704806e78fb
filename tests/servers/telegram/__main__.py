"""`python -m tests.servers.telegram [--port N] [--posts N]`: a small world to read by hand, until Ctrl-C."""

import argparse
import threading
from contextlib import suppress

from tests.servers.telegram import Attachment, Channel, Post, TelegramServer, World, numbered
from tests.servers.telegram.key_exchange import public_key


def main() -> None:
    """Serve, and say how to get in."""
    parser = argparse.ArgumentParser(prog="python -m tests.servers.telegram", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="to listen on; a free one unless said")
    parser.add_argument("--posts", type=int, default=1000, help="in the channel `news`, the last one with a file")
    wanted = parser.parse_args()
    world = World()
    channel = world.add(Channel(1001, "news", "News"))
    channel.publish(*numbered(range(1, wanted.posts)))
    channel.publish(Post(wanted.posts, "a file", attachment=Attachment(1, bytes(3 << 20))))
    with TelegramServer(world, wanted.port) as server, suppress(KeyboardInterrupt):
        print(f"127.0.0.1:{server.port}, channel @{channel.username} with {wanted.posts} posts", flush=True)  # noqa: T201
        server.account("bohdan", "+380440000000", "12345", "secret")
        print("login: phone +380440000000, code 12345, password `secret`, once the client trusts this key:", flush=True)  # noqa: T201
        print(public_key(), flush=True)  # noqa: T201
        print(f"a session for Telethon's StringSession, for this run only: {server.session('anna').save()}", flush=True)  # noqa: T201
        threading.Event().wait()


if __name__ == "__main__":
    main()

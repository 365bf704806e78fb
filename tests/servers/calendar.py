"""A calendar of OpenTimestamps on loopback: it promises at once, and confirms when it is told to.

`python -m tests.servers.calendar [--port N] [--after SECONDS]` serves by hand.  In tests: `with Calendar() as calendar:
calendar.url`; `calendar.confirm()` has everything that was handed in lead to a block, whose header is in
`calendar.headers()`.
"""

import argparse
import hashlib
from contextlib import suppress
from datetime import UTC, datetime

from extractors.opentimestamps import (
    APPEND,
    PREPEND,
    ROOT_AT,
    SHA256,
    Node,
    Operation,
    bitcoin,
    ends,
    pending,
    serialise,
)
from tests.servers.serving import LoopbackServer, Said

FIRST_BLOCK = 900_000


class Calendar(LoopbackServer):
    """Each value gets a block of its own."""

    def __init__(self, port: int = 0) -> None:
        super().__init__(port)
        self.said: Said | None = None
        """what it answers to everything; None: what a calendar does"""
        self.asked: list[str] = []
        """paths, in order"""
        self._waiting: list[bytes] = []
        self._through: dict[bytes, Node] = {}
        self._headers: dict[int, bytes] = {}

    def answer(self, method: str, path: str, body: bytes) -> Said:
        """POST /digest, GET /timestamp/HEX."""
        self.asked.append(path)
        if self.said is not None:
            return self.said
        if method == "POST" and path == "/digest":
            return Said(serialise(self._promise(body)))
        node = self._through.get(bytes.fromhex(path.removeprefix("/timestamp/")))
        return Said(b"Pending confirmation in Bitcoin blockchain", 404) if node is None else Said(serialise(node))

    def confirm(self, at: datetime | None = None) -> None:
        """Bring everything that waits into blocks."""
        for value in self._waiting:
            height = FIRST_BLOCK + len(self._headers)
            leaf = Node((bitcoin(height),))
            node = Node(steps=((Operation(PREPEND, b"left"), Node(steps=((Operation(SHA256), leaf),))),))
            root = next(ends(node, value)).value
            moment = int((at or datetime.now(UTC)).timestamp()).to_bytes(4, "little")
            self._headers[height] = bytes(ROOT_AT) + root + moment + bytes(8)
            self._through[value] = node
        self._waiting.clear()

    def headers(self) -> str:
        """A line `HEIGHT HEX` for each block."""
        return "".join(f"{height} {header.hex()}\n" for height, header in self._headers.items())

    def _promise(self, digest: bytes) -> Node:
        salt = hashlib.sha256(b"calendar" + digest).digest()[:16]
        value = hashlib.sha256(digest + salt).digest()
        self._waiting.append(value)
        leaf = Node((pending(self.url),))
        return Node(steps=((Operation(APPEND, salt), Node(steps=((Operation(SHA256), leaf),))),))


def main() -> None:
    """Serve by hand."""
    parser = argparse.ArgumentParser(prog="python -m tests.servers.calendar", description=__doc__)
    parser.add_argument("--port", type=int, default=0, help="to listen on; a free one unless said")
    parser.add_argument("--after", type=float, default=60, help="seconds between two blocks")
    wanted = parser.parse_args()
    with Calendar(wanted.port) as calendar, suppress(KeyboardInterrupt):
        print(f"LASTSEEN_OPENTIMESTAMPS_CALENDARS={calendar.url}", flush=True)  # noqa: T201
        while not calendar.ending.wait(wanted.after):
            calendar.confirm()


if __name__ == "__main__":
    main()

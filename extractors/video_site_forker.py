"""The program that reads video sites: `python -m extractors.video_site_forker` imports yt-dlp once and forks.

Importing yt-dlp and compiling its patterns takes most of a second, a fork 20 ms.  The first message names the
extractors that are got ready; each child does one task and is gone (`extractors.forking`,
`extractors.video_site_child`), so nothing that one page does to the library's globals is met by the next.
"""

import json
import os
import socket
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from extractors import forking, video_site_child, yt_dlp_reader
from extractors.child import LENGTH_BYTES

NOWHERE = "https://nowhere.invalid/"
NO_FOLDER = Path("/nonexistent")


@dataclass(frozen=True, slots=True)
class Tasks:
    """What children are forked for: each does one task."""

    forker: int
    """id of the process that forks"""

    def serve(self, number: int, gear: int, channel: socket.socket) -> int:
        """See `extractors.forking.Trade`."""
        forking.die_with_parent()
        if os.getppid() != self.forker:  # it was gone before this process was tied to it
            return 1
        length = int.from_bytes(forking.receive(channel, LENGTH_BYTES), "big")
        if length:
            channel.sendall(video_site_child.answer(forking.receive(channel, length)))
        return 0

    def clean(self, alive: Collection[int]) -> None:
        """Nothing: a child writes to the folder that it was given, which is its asker's."""


def main() -> int:
    """Import, compile, fork."""
    control, told = forking.begin()
    if not told:
        return 0
    extractors = tuple(json.loads(told))
    if extractors:
        _warm(extractors)
    control.send(b"\n")
    forking.Forker(control, Tasks(os.getpid())).run()
    return 0


def _warm(extractors: tuple[str, ...]) -> None:
    """Have the patterns of all allowed extractors compiled.  Nobody is asked for anything, nothing is written."""
    options = yt_dlp_reader.common_options(extractors, NO_FOLDER)
    with yt_dlp_reader.Reader(options, NOWHERE, (), NO_FOLDER) as reader:
        reader.warm(NOWHERE)


if __name__ == "__main__":
    sys.exit(main())

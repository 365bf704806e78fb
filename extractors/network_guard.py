"""What a child that reads the web may not do: connect to addresses that are not allowed, or start programs.

The check stands where Python makes the connection, so it holds for redirects, for links inside playlists and for
names whose address changes between two look-ups.  It sees Python's sockets only: libraries that connect by
themselves (libcurl) must not be loaded, which is why the reader uses one HTTP client.
"""

import sys
from collections.abc import Sequence

from extractors.addresses import Network, NotAllowed, check_ip

CONNECTING = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
STARTING = frozenset(
    {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "pty.spawn"}
)


def install(private: Sequence[Network]) -> list[str]:
    """Guard this process for the rest of its life.  Returns the list in which refused connections are noted.

    A refused connection raises NotAllowed; a refused program raises PermissionError, which callers take for
    "not installed".
    """
    refused: list[str] = []

    def guard(event: str, args: tuple[object, ...]) -> None:
        if event in STARTING:
            raise PermissionError(f"no programs are started here ({event})")
        if event not in CONNECTING:
            return
        try:
            _check(args[1], private)
        except NotAllowed as fault:
            refused.append(str(fault))
            raise

    sys.addaudithook(guard)
    return refused


def _check(peer: object, private: Sequence[Network]) -> None:
    if peer is None:  # a message on a socket that is connected already
        return
    if not isinstance(peer, tuple) or not peer or not isinstance(peer[0], str):
        raise NotAllowed("only internet addresses are visited")
    try:
        check_ip(peer[0], private)
    except NotAllowed:
        raise
    except ValueError as fault:  # a name: it would be resolved behind our back
        raise NotAllowed(f"{peer[0]!r} is not an IP address") from fault

"""What a child that reads the web may not do: connect to addresses that are not allowed, or start programs.

The check stands where Python makes the connection, so it holds for redirects, for links inside playlists and for
names whose address changes between two look-ups.  With a proxy, only that is connected to, and it is the proxy that
finds out where a name leads: what is asked of it is checked as far as it can be known here (an address, or what the
name leads to by our own look-up).  It sees Python's sockets only: libraries that connect by
themselves (libcurl) must not be loaded, which is why the reader uses one HTTP client.
"""

import socket
import sys
from collections.abc import Sequence
from urllib.parse import urlsplit

from extractors.addresses import Network, NotAllowed, check, check_ip

CONNECTING = frozenset({"socket.connect", "socket.sendto", "socket.sendmsg"})
STARTING = frozenset(
    {"subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "pty.spawn"}
)

ASKING = "urllib.Request"
"""told of every request and every redirect, before it is known how it will be sent"""

Peers = frozenset[tuple[str, int]]


def install(private: Sequence[Network], proxy: str = "") -> list[str]:
    """Guard this process for the rest of its life.  Returns the list in which refused connections are noted.

    With a `proxy` (its address), nothing but that is connected to, wherever it is.

    A refused connection raises NotAllowed; a refused program raises PermissionError, which callers take for
    "not installed".
    """
    refused: list[str] = []
    gates = _peers(proxy) if proxy else None

    def guard(event: str, args: tuple[object, ...]) -> None:
        if event in STARTING:
            raise PermissionError(f"no programs are started here ({event})")
        try:
            if event in CONNECTING:
                _check(args[1], private, gates)
            elif event == ASKING and gates is not None:
                _check_target(str(args[0]), private)
        except NotAllowed as fault:
            refused.append(str(fault))
            raise

    sys.addaudithook(guard)
    return refused


def _peers(proxy: str) -> Peers:
    """Where a proxy may be connected to.  Raises OSError for a name that leads nowhere."""
    parts = urlsplit(proxy)
    found = socket.getaddrinfo(parts.hostname, parts.port, type=socket.SOCK_STREAM)
    return frozenset((str(address[0]), int(address[1])) for *_, address in found)


def _check_target(address: str, private: Sequence[Network]) -> None:
    """What a proxy is asked for.  A name that leads nowhere from here may do so from there: it passes."""
    if address.startswith("data:"):
        return
    check(address, private)
    try:
        found = socket.getaddrinfo(urlsplit(address).hostname, None, type=socket.SOCK_STREAM)
    except OSError:
        return
    for *_, resolved in found:
        check_ip(str(resolved[0]), private)


def _check(peer: object, private: Sequence[Network], gates: Peers | None) -> None:
    if peer is None:  # a message on a socket that is connected already
        return
    if not isinstance(peer, tuple) or not peer or not isinstance(peer[0], str):
        raise NotAllowed("only internet addresses are visited")
    if gates is not None:
        if peer[:2] not in gates:
            raise NotAllowed(f"{peer[0]} is not the proxy, and nothing else is connected to")
        return
    try:
        check_ip(peer[0], private)
    except NotAllowed:
        raise
    except ValueError as fault:  # a name: it would be resolved behind our back
        raise NotAllowed(f"{peer[0]!r} is not an IP address") from fault

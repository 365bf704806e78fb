"""How a process forks a child for each task: shared by the programs that open files and that read the web.

The standard input of such a program is a socket to whoever started it (`extractors.keeper`, SOCK_SEQPACKET).  After a
first message with what holds for all tasks, and once everything heavy is imported, each message `NUMBER GEAR` brings
two descriptors, a channel and a place for last words, and a child is forked that owns them.  When a child has ended,
`NUMBER STATUS` goes back.

The forking process never sees a byte of any task or answer, and it stays alone in its process: a fork takes one thread
along, and whatever the others held would stay held.
"""

import ctypes
import fcntl
import gc
import os
import select
import signal
import socket
import traceback
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Final, Protocol

MESSAGE_BYTES: Final = 64 * 1024
CHANNEL: Final = 3
"""descriptor of a child's channel"""
PARKED: Final = 16
"""descriptors from here on are out of the way while the first ones are arranged"""
PR_SET_PDEATHSIG: Final = 1


class Trade(Protocol):
    """What children are forked for."""

    def serve(self, number: int, gear: int, channel: socket.socket) -> int:
        """In a child just forked: its whole life.  Returns the exit status."""

    def clean(self, alive: Collection[int]) -> None:
        """In the forking process, when a child has ended: leave nothing of it, but what those who live need."""


@dataclass(slots=True)
class Forker:
    """Its children, by the descriptor that tells when one has ended."""

    control: socket.socket
    trade: Trade
    children: dict[int, tuple[int, int]] = field(default_factory=dict)
    """of the process -> its number and its id"""

    def run(self) -> None:
        """Until the other end is closed: whoever started this is gone, or has no more use for it."""
        gc.collect()
        gc.freeze()  # a collection in a child would touch, and so copy, all that it shares with the others
        waiting = select.poll()
        waiting.register(self.control, select.POLLIN)
        while True:
            for ready, _ in waiting.poll():
                if ready != self.control.fileno():
                    waiting.unregister(ready)
                    self._bury(ready)
                elif (started := self._fork()) is None:
                    return
                else:
                    waiting.register(started, select.POLLIN)

    def _fork(self) -> int | None:
        message, handed, _, _ = socket.recv_fds(self.control, MESSAGE_BYTES, 2)
        if not message:
            return None
        number, gear = map(int, message.split())
        pid = os.fork()
        if pid == 0:
            self._be_child(number, gear, handed[0], handed[1])
        for descriptor in handed:
            os.close(descriptor)
        process = os.pidfd_open(pid)
        self.children[process] = (number, pid)
        return process

    def _be_child(self, number: int, gear: int, channel: int, words: int) -> None:
        """Never returns."""
        status = 1
        try:
            _keep_only(channel, words)
            status = self.trade.serve(number, gear, socket.socket(fileno=CHANNEL))
        except BaseException:  # noqa: BLE001  nothing may go on as a second forker
            traceback.print_exc()
        finally:
            os._exit(status)

    def _bury(self, process: int) -> None:
        number, pid = self.children.pop(process)
        os.close(process)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        self.trade.clean({number for number, _ in self.children.values()})
        self.control.send(b"%d %d" % (number, status))


def begin() -> tuple[socket.socket, bytes]:
    """The socket to whoever started this program, and its first message; empty: nobody is there any more."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever started it, who closes it
    control = socket.socket(fileno=os.dup(0))
    return control, control.recv(MESSAGE_BYTES)


def die_with_parent() -> None:
    """Have the kernel end this process when the one that forked it ends, however it does."""
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def receive(channel: socket.socket, length: int) -> bytes:
    """So many bytes from a channel; fewer if the other end is closed."""
    said = bytearray()
    while len(said) < length and (part := channel.recv(length - len(said))):
        said += part
    return bytes(said)


def _keep_only(channel: int, words: int) -> None:
    """The child's own two, as 3 and 2; nothing of the forker and of other children.  What libraries print is lost."""
    parked = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, PARKED) for descriptor in (1, 1, words, channel)]
    for place, descriptor in enumerate(parked):
        os.dup2(descriptor, place)
    os.closerange(len(parked), os.sysconf("SC_OPEN_MAX"))

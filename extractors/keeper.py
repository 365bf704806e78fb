"""The outer end of a program that forks: starts it, asks it for children, and talks to each over its own channel.

A child's answer never passes through the forker, and no child has the channel of another, so none can answer for
another.  Whatever does not end in time is killed with the whole program.
"""

import contextlib
import fcntl
import os
import signal
import socket
import subprocess
import time
from collections.abc import Mapping, Sequence
from typing import Final

from extractors.child import LENGTH_BYTES, READY
from extractors.processes import GRACE_SECONDS, READ_BYTES, ChildDied, DeadlinePassed, TooMuchSaid

START_SECONDS: Final = 60.0
"""to import everything, or to load an engine, on a machine that is busy; both take less than one"""
WORDS_BYTES: Final = 64 * 1024
"""that a process may say on its standard error; the rest is lost"""
MESSAGE_BYTES: Final = 64 * 1024
SHELL_SIGNAL: Final = 128
"""bubblewrap's status for a child that a signal ended, less the signal"""


class Keeper:
    """One forker (`extractors.forking`) and its children, in a process group of their own."""

    def __init__(self, command: Sequence[str], setup: bytes, environment: Mapping[str, str]) -> None:
        """Start it; `greeted` waits until it is there."""
        self._control, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._words = LastWords()
        self._numbers, self._statuses = 0, dict[int, int]()
        with theirs:
            self._process = subprocess.Popen(
                command,
                stdin=theirs.fileno(),
                stdout=subprocess.DEVNULL,
                stderr=self._words.descriptor,
                env=dict(environment),
                start_new_session=True,
            )
        self._tell(setup)

    def greeted(self) -> tuple[str, ...]:
        """What holds it, by its own account.  Raises ChildDied if it does not start."""
        self._control.settimeout(START_SECONDS)
        try:
            said = self._control.recv(MESSAGE_BYTES)
        except (TimeoutError, ConnectionError):
            said = b""
        if not said:
            raise ChildDied(self.kill(), self._words.read())
        self._words.forget()  # what libraries say of the machine while they are imported is nobody's last word
        return tuple(said.decode().split("\n")) if said.strip() else ()

    def lives(self) -> bool:
        """Whether the forker does, and so all that is left of it."""
        return self._process.poll() is None

    def fork(self, gear: int = 0) -> "Child":
        """A child, which now gets ready; what `gear` means is the program's own."""
        ours, theirs = socket.socketpair()
        words = LastWords()
        self._numbers += 1
        with theirs:
            self._tell(b"%d %d" % (self._numbers, gear), [theirs.fileno(), words.descriptor])
        return Child(self, self._numbers, ours, words)

    def ended(self, number: int, seconds: float) -> int | None:
        """The status of a child, a negative one for a signal; waits so long for its end.

        None if it has not ended: then it was killed with everything else.  Raises ChildDied if the forker is gone.
        """
        end = time.monotonic() + seconds
        while number not in self._statuses:
            self._control.settimeout(max(0.001, end - time.monotonic()))
            try:
                said = self._control.recv(MESSAGE_BYTES)
            except TimeoutError:
                self.kill()
                return None
            except ConnectionError:
                said = b""
            if not said:
                raise ChildDied(self.kill(), self._words.read())
            ended, status = map(int, said.split())
            self._statuses[ended] = status
        return self._statuses.pop(number)

    def kill(self) -> int:
        """End it all.  Returns the status of the program, a negative one for a signal; ours if it was still alive."""
        with contextlib.suppress(subprocess.TimeoutExpired):  # it may just be going by itself, and say why
            self._process.wait(0 if self._is_open() else GRACE_SECONDS)
        if self._process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self._process.pid, signal.SIGKILL)
        status: int = self._process.wait()
        return SHELL_SIGNAL - status if status > SHELL_SIGNAL else status

    def close(self) -> None:
        """End it all, and forget it."""
        self.kill()
        self._control.close()
        self._words.close()

    def _tell(self, message: bytes, handed: Sequence[int] = ()) -> None:
        """A forker that is gone is noticed by whoever waits for its answer."""
        with contextlib.suppress(ConnectionError):
            socket.send_fds(self._control, [message], list(handed))

    def _is_open(self) -> bool:
        """Whether the forker still holds its end."""
        self._control.setblocking(False)
        try:
            return bool(self._control.recv(1, socket.MSG_PEEK))
        except BlockingIOError:
            return True
        except ConnectionError:
            return False


class Child:
    """One child: `ready`, where it says so, then `give`, then `answer`; `close` in any case."""

    def __init__(self, keeper: Keeper, number: int, channel: socket.socket, words: "LastWords") -> None:
        self._keeper, self._number, self._channel, self._words = keeper, number, channel, words
        self._said: str | None = None

    def ready(self) -> str:
        """Wait until it can take a file.  Returns why it cannot, else nothing.  Raises ChildDied.

        What it says here is to be believed: it has not seen a byte from outside.
        """
        if self._said is None:
            self._said = self._first_line()
        return "" if self._said == READY.decode() else self._said

    def _first_line(self) -> str:
        said = bytearray()
        self._channel.settimeout(START_SECONDS)
        try:
            while not said.endswith(b"\n") and (part := self._channel.recv(READ_BYTES)):
                said += part
        except (TimeoutError, ConnectionError):
            said.clear()
        if not said:
            raise ChildDied(self._status(), self._words.read())
        return bytes(said).decode(errors="replace").strip()

    def give(self, request: bytes, files: Sequence[int], seconds: float) -> None:
        """Hand it its task and its files.  Raises DeadlinePassed."""
        self._channel.settimeout(seconds)
        try:
            socket.send_fds(self._channel, [len(request).to_bytes(LENGTH_BYTES, "big")], list(files))
            self._channel.sendall(request)
        except ConnectionError:
            return  # it is dead: `answer` says of what
        except TimeoutError:
            raise self._late() from None

    def answer(self, end: float, most: int) -> bytes:
        """All it says, until `end` on the monotonic clock.  Raises DeadlinePassed, TooMuchSaid, ChildDied."""
        said = self._read(end, most)
        status = self._status()
        if status:
            raise ChildDied(status, self._words.read())
        return said

    def close(self) -> None:
        """A child that still waits for its file ends by this."""
        self._channel.close()
        self._words.close()

    def _read(self, end: float, most: int) -> bytes:
        said = bytearray()
        while len(said) <= most:
            self._channel.settimeout(max(0.001, end - time.monotonic()))
            try:
                part = self._channel.recv(READ_BYTES)
            except ConnectionError:
                return bytes(said)
            except TimeoutError:
                raise self._late() from None
            if not part:
                return bytes(said)
            said += part
            if time.monotonic() > end:
                raise self._late()
        self._keeper.kill()
        raise TooMuchSaid(f"it said more than {most} bytes")

    def _status(self) -> int:
        """0 as well if it had said everything, and was slow to go."""
        return self._keeper.ended(self._number, GRACE_SECONDS) or 0

    def _late(self) -> DeadlinePassed:
        self._keeper.kill()
        return DeadlinePassed("it took too long and was killed")


class LastWords:
    """A piece of memory that a process has as its standard error: it cannot grow, so nobody needs to drain it."""

    def __init__(self) -> None:
        self.descriptor = os.memfd_create("last words", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.ftruncate(self.descriptor, WORDS_BYTES)
        fcntl.fcntl(self.descriptor, fcntl.F_ADD_SEALS, fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_SEAL)

    def read(self) -> str:
        """What was said, wherever in it."""
        said = os.pread(self.descriptor, WORDS_BYTES, 0)
        return said.replace(b"\0", b"").decode(errors="replace").strip()

    def forget(self) -> None:
        """What was said so far."""
        os.pwrite(self.descriptor, bytes(WORDS_BYTES), 0)

    def close(self) -> None:
        """Forget all of it."""
        os.close(self.descriptor)

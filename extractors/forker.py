"""The program inside the sandbox that forks a child for each file: `python -m extractors.forker`, told the rest.

Its standard input is a socket to the process that opened the sandbox (SOCK_SEQPACKET): one message of JSON says what
holds for all files; it answers what holds it, once everything heavy is imported; then each message `NUMBER ENGINE`
brings two descriptors, a channel and a place for last words, and a child is forked that owns them (`extractors.child`).
When a child has ended, `NUMBER STATUS` goes back.

It never sees a byte of any file or of any answer, and it stays alone in its process: a fork takes one thread along,
and whatever the others held would stay held.
"""

import contextlib
import fcntl
import gc
import importlib
import os
import select
import shutil
import signal
import socket
import sys
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Final

from extractors import child
from extractors.isolation import hold_forker

if TYPE_CHECKING:
    from extractors.wire import Setup

MESSAGE_BYTES: Final = 64 * 1024
IMPORTED: Final = ("cv2", "dlib", "onnxruntime", "PIL.Image", "extractors.analysis", "extractors.moments")
"""by every child sooner or later: once here, half a second is saved each time"""
CHANNEL: Final = 3
"""descriptor of a child's channel"""
PARKED: Final = 16
"""descriptors from here on are out of the way while the first ones are arranged"""


@dataclass(slots=True)
class Forker:
    """Its children, by the descriptor that tells when one has ended."""

    control: socket.socket
    setup: "Setup"
    measures: tuple[str, ...]
    children: dict[int, tuple[int, int]] = field(default_factory=dict)
    """of the process -> its number and its id"""

    def run(self) -> None:
        """Until the other end is closed: whoever opened the sandbox is gone, or has no more use for it."""
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
        number, engine = map(int, message.split())
        pid = os.fork()
        if pid == 0:
            self._be_child(number, handed[0], handed[1], engine=bool(engine))
        for descriptor in handed:
            os.close(descriptor)
        process = os.pidfd_open(pid)
        self.children[process] = (number, pid)
        return process

    def _be_child(self, number: int, channel: int, words: int, *, engine: bool) -> None:
        """Never returns."""
        status = 1
        try:
            _keep_only(channel, words)
            workspace = Path(self.setup.workspace) / str(number)
            workspace.mkdir(mode=0o700)
            status = child.serve(child.Job(self.setup, self.measures, workspace, engine), socket.socket(fileno=CHANNEL))
        except BaseException:  # noqa: BLE001  nothing may go on as a second forker
            traceback.print_exc()
        finally:
            os._exit(status)

    def _bury(self, process: int) -> None:
        number, pid = self.children.pop(process)
        os.close(process)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        self._wipe()
        self.control.send(b"%d %d" % (number, status))

    def _wipe(self) -> None:
        """Leave nothing in the workspace but the folders of those who live."""
        alive = {str(number) for number, _ in self.children.values()}
        for name in os.listdir(self.setup.workspace):  # noqa: PTH208  its names only
            if name not in alive:
                shutil.rmtree(Path(self.setup.workspace) / name, ignore_errors=True)


def _keep_only(channel: int, words: int) -> None:
    """The child's own two, as 3 and 2; nothing of the forker and of other children.  What libraries print is lost."""
    parked = [fcntl.fcntl(descriptor, fcntl.F_DUPFD, PARKED) for descriptor in (1, 1, words, channel)]
    for place, descriptor in enumerate(parked):
        os.dup2(descriptor, place)
    os.closerange(len(parked), os.sysconf("SC_OPEN_MAX"))


def main() -> int:
    """Hold, import, fork."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for whoever opened the sandbox, who closes it
    control = socket.socket(fileno=os.dup(0))
    told = control.recv(MESSAGE_BYTES)
    if not told:
        return 0
    from extractors.wire import unpack_setup

    setup = unpack_setup(told)
    measures = hold_forker(Path(setup.models), Path(setup.workspace), alone=setup.alone)
    for name in IMPORTED:
        importlib.import_module(name)
    _warm(setup)
    gc.collect()
    gc.freeze()  # a collection in a child would touch, and so copy, all that it shares with the others
    control.send(b"\n".join(measure.encode() for measure in measures) or b"\n")
    Forker(control, setup, measures).run()
    return 0


def _warm(setup: "Setup") -> None:
    """Load the engine once for what its children inherit: modules, hashes of files, dlib's predictor, drawn heads.

    Told to use one thread, ONNX Runtime and OpenCV start none.  The sessions are thrown away: a child opens its own,
    in 5 ms each.  An engine that cannot be loaded is a child's to tell, if it needs one at all.
    """
    from extractors import faces

    with contextlib.suppress(faces.EngineUnavailable):
        faces.load(setup.engine, Path(setup.models), 1)
    faces.load.cache_clear()


if __name__ == "__main__":
    sys.exit(main())

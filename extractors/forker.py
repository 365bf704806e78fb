"""The program inside the sandbox that forks a child for each file: `python -m extractors.forker`, told the rest.

The first message says what holds for all files; it answers what holds it, once everything heavy is imported
(`extractors.forking`).  Each child is `extractors.child`.  It never sees a byte of any file or of any answer.
"""

import contextlib
import importlib
import os
import shutil
import socket
import sys
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

from extractors import child, forking
from extractors.isolation import hold_forker

if TYPE_CHECKING:
    from extractors.wire import Setup

IMPORTED: Final = (
    "cv2",
    "dlib",
    "onnxruntime",
    "PIL.Image",
    "extractors.analysis",
    "extractors.joining",
    "extractors.moments",
)
"""by every child sooner or later: once here, half a second is saved each time"""


@dataclass(frozen=True, slots=True)
class Files:
    """What children are forked for: each opens what it is handed, in a folder of its own."""

    setup: "Setup"
    measures: tuple[str, ...]

    def serve(self, number: int, gear: int, channel: socket.socket) -> int:
        """See `extractors.forking.Trade`."""
        workspace = Path(self.setup.workspace) / str(number)
        workspace.mkdir(mode=0o700)
        return child.serve(child.Job(self.setup, self.measures, workspace, child.Gear(gear)), channel)

    def clean(self, alive: Collection[int]) -> None:
        """Leave nothing in the workspace but the folders of those who live."""
        kept = {str(number) for number in alive}
        for name in os.listdir(self.setup.workspace):  # noqa: PTH208  its names only
            if name not in kept:
                shutil.rmtree(Path(self.setup.workspace) / name, ignore_errors=True)


def main() -> int:
    """Hold, import, fork."""
    control, told = forking.begin()
    if not told:
        return 0
    from extractors.wire import unpack_setup

    setup = unpack_setup(told)
    measures = hold_forker(Path(setup.models), Path(setup.workspace), alone=setup.alone)
    for name in IMPORTED:
        importlib.import_module(name)
    _warm(setup)
    control.send(b"\n".join(measure.encode() for measure in measures) or b"\n")
    forking.Forker(control, Files(setup, measures)).run()
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

"""Open every film of a folder at the child's own boundary, and print what came of each.

A program of its own, forked once a film: a film that kills it is one more outcome, as in the sandbox, and the
engine is loaded once only.
"""

import os
import sys
from pathlib import Path

from extractors import analysis, child, faces, moments
from extractors.limits import Limits
from extractors.wire import Request, pack_verdict
from lastseen.records import MomentWanted, Rejection

ENGINE = "dlib-hog"


def outcome(path: Path, workspace: Path) -> str:
    """One line."""
    limits = Limits(8, 60, 60, 4096)
    moment = MomentWanted(200, (), ()) if int(path.stem) % 2 else None
    verdict = child._answer(Request("analyze", str(path), str(workspace), ENGINE, limits, moment=moment), ())
    if verdict is None:
        return "no engine"
    pack_verdict(verdict)
    why = f" {verdict.fault} {verdict.why}" if isinstance(verdict, Rejection) else ""
    return f"{type(verdict).__name__}{why}"


def main(folder: Path) -> None:
    """All of them, each in a process of its own."""
    faces.load(ENGINE)
    sys.stderr.write(f"{analysis.__name__} and {moments.__name__} are loaded once, before the forks\n")
    for path in sorted(folder.glob("*.mp4")):
        workspace = folder / path.stem
        workspace.mkdir()
        pid = os.fork()
        if pid == 0:
            print(path.name, outcome(path, workspace), flush=True)  # noqa: T201  # this is what the test reads
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if status:
            print(path.name, f"signal {-status}" if status < 0 else f"status {status}", flush=True)  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]))

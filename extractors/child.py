"""The program that opens hostile bytes: `python -m extractors.child HOLD MEMORY_MIB SECONDS FILE WORKSPACE`.

It holds itself first, then reads one request (JSON, one line), does it, and writes one verdict.  Whatever the file
makes it raise becomes a verdict; only our own missing parts end it with a status.
"""

import os
import socket
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from extractors.isolation import hold_self, limit
from extractors.processes import hold_lifeline

if TYPE_CHECKING:
    from extractors.wire import Probe, ProbeRequest, Request, Verdict

ENGINE_UNAVAILABLE: Final = 3
"""exit status: the fault is this installation's, not the file's"""
BUBBLEWRAP: Final = "bubblewrap"
SELF: Final = "self"
TRY_SECONDS: Final = 1.0
ELSEWHERE: Final = ("192.0.2.1", 9)
"""for documentation (RFC 5737): connecting a UDP socket sends nothing, and fails where there is no way out"""


def main(arguments: list[str]) -> int:
    """Hold, answer, end."""
    hold, memory_mib, seconds, file, workspace = arguments
    answer = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print must not look like a verdict
    limit(int(memory_mib), float(seconds))
    measures = hold_self(Path(file) if file else None, Path(workspace)) if hold == SELF else ()
    line = hold_lifeline()
    from extractors.wire import pack_verdict, unpack_request

    verdict = _answer(unpack_request(line), measures)
    if verdict is None:
        return ENGINE_UNAVAILABLE
    with answer:
        answer.write(pack_verdict(verdict))
    return 0


def _answer(request: "Request", measures: tuple[str, ...]) -> "Verdict | None":
    from extractors.faces.protocol import EngineUnavailable
    from lastseen.outcomes import Fault
    from lastseen.records import Rejection

    try:
        return _do(request, measures)
    except EngineUnavailable as missing:
        sys.stderr.write(f"{missing}\n")
        return None
    except MemoryError:
        why = f"it needs more than {request.limits.memory_mib} MiB of memory (LASTSEEN_ANALYZE_MEMORY_MIB)"
        return Rejection(Fault.DEFECT, why)
    except Exception as fault:  # noqa: BLE001  # mutated files raised UnicodeDecodeError, IndexError and others
        return Rejection(Fault.DEFECT, f"{type(fault).__name__} while it was read: {str(fault)[:200]}")


def _do(request: "Request", measures: tuple[str, ...]) -> "Verdict":
    if request.probe is not None:
        return _probe(request.probe, measures)
    path = Path(request.path)
    if request.moment is not None:
        from extractors.moments import cut_moment

        return cut_moment(path, request.moment, request.limits, Path(request.workspace))
    from extractors import faces
    from extractors.analysis import analyze_file, enroll_file

    engine = faces.load(request.engine)
    return (enroll_file if request.task == "enroll" else analyze_file)(path, engine, request.limits)


def _probe(wanted: "ProbeRequest", measures: tuple[str, ...]) -> "Probe":
    from extractors.wire import Probe

    return Probe(
        measures=measures,
        readable=tuple(path for path in wanted.paths if _reads(path)),
        connected=wanted.port is not None and _connects(("127.0.0.1", wanted.port), socket.SOCK_STREAM),
        outward=_connects(ELSEWHERE, socket.SOCK_DGRAM),
        environment=tuple(sorted(os.environ)),
    )


def _reads(path: str) -> bool:
    try:
        with Path(path).open("rb") as opened:
            opened.read(1)
    except OSError:
        return False
    return True


def _connects(address: tuple[str, int], kind: socket.SocketKind) -> bool:
    try:
        with socket.socket(socket.AF_INET, kind) as tried:
            tried.settimeout(TRY_SECONDS)
            tried.connect(address)
    except OSError:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

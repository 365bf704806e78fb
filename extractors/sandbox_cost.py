"""What the sandbox adds to an analysis: the same file in this process and through a sandbox, in turn."""

import statistics
import time
from dataclasses import dataclass
from pathlib import Path

from extractors import faces, sandbox
from extractors.analysis import analyze_file
from extractors.limits import Limits
from extractors.wire import ProbeRequest
from lastseen.settings import Settings


@dataclass(frozen=True, slots=True)
class Cost:
    """Seconds; of the rounds the least, which is what the machine's other work disturbs least."""

    start: float
    """of the sandbox, until its first child with an engine is ready: once for many files"""
    each: float
    """a child that does nothing, without an engine"""
    inside: float
    """one file through the sandbox"""
    here: float
    """the same file in this process, the engine loaded"""
    share: float
    """median over the rounds of what the sandbox adds, as a part of `here`"""


def measure(path: Path, settings: Settings, rounds: int = 3) -> Cost:
    """Analyse one file of our own making `rounds` times either way.  Raises what `Sandbox.analyze` raises.

    This process opens the file itself: never do this with a file from outside.
    """
    limits = Limits.of(settings)
    with sandbox.opened(settings) as box:
        began = time.perf_counter()
        box.warm()
        start = time.perf_counter() - began
        engine = faces.load(settings.engine, settings.models_dir.resolve(), settings.threads)
        pairs = []
        for _ in range(rounds):
            began = time.perf_counter()
            box.analyze(path)
            between = time.perf_counter()
            analyze_file(path, engine, limits, settings.analysis, settings.threads)
            pairs.append((between - began, time.perf_counter() - between))
        each = min(_empty(box) for _ in range(5))
    inside, here = min(pair[0] for pair in pairs), min(pair[1] for pair in pairs)
    return Cost(start, each, inside, here, statistics.median(a / b - 1 for a, b in pairs))


def _empty(box: sandbox.Sandbox) -> float:
    began = time.perf_counter()
    box.probe(ProbeRequest())
    return time.perf_counter() - began

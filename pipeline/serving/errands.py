"""Commands that run beside what is served, one after the other."""

from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from pipeline.serving import processes
from pipeline.serving.processes import Process


def _nothing() -> None:
    """Nobody waits for it."""


@dataclass(frozen=True, slots=True)
class _Errand:
    name: str
    words: tuple[str, ...]
    done: Callable[[], None]
    failed: Callable[[str], None]


class Errands:
    """A queue of them."""

    def __init__(self, start: Callable[[str, tuple[str, ...]], Process], say: Callable[[str], None]) -> None:
        """`start` starts a command whose log has a name."""
        self._start, self._say = start, say
        self._waiting: deque[_Errand] = deque()
        self._running: tuple[_Errand, Process] | None = None

    @property
    def busy(self) -> bool:
        """Whether one runs or waits."""
        return bool(self._running or self._waiting)

    def ask(
        self,
        name: str,
        words: tuple[str, ...],
        done: Callable[[], None] = _nothing,
        failed: Callable[[str], None] | None = None,
    ) -> None:
        """Have a command run, and `done` or `failed` called, with its log's name, when it is over.

        Unless it is said what to do, a failure is told.
        """
        self._waiting.append(_Errand(name, words, done, failed or self._tell))
        self.look()

    def look(self) -> None:
        """Go on, if what ran is over."""
        if self._running:
            errand, process = self._running
            if processes.runs(process):
                return
            processes.end([process])
            self._running = None
            errand.failed(errand.name) if process.returncode else errand.done()
        if self._waiting:
            errand = self._waiting.popleft()
            self._running = errand, self._start(errand.name, errand.words)

    def _tell(self, name: str) -> None:
        self._say(f"{name} failed: see `lastseen logs {name}`")

"""One process that is started again when it dies: soon at first, ever more rarely if that does not help."""

from collections.abc import Callable
from time import monotonic

from lastseen.clock import iso, utcnow
from pipeline.serving import processes
from pipeline.serving.processes import Process
from storage import process_table
from storage.running import Ran

REST_SECONDS = 5.0
"""between two starts of a process that died; doubled each time it does not last"""
MOST_REST_SECONDS = 300.0
"""what is wrong may be over by then: a disk that was full, a port that was taken"""
STEADY_SECONDS = 600.0
"""who has run for so long is well, and begins anew with the shortest rest"""
TELL_AGAIN = 3
"""the death in a row at which it is said once more, before silence: a log is there for the rest"""


class OnDisk:
    """Writes what can wait: a disk that is full must not end what still runs."""

    def __init__(self, say: Callable[[str], None]) -> None:
        self._say = say
        self._waits: set[str] = set()

    def did(self, write: Callable[[], object], otherwise: str) -> bool:
        """Whether it could be written.  If not, `otherwise` says so once, until it passes."""
        try:
            write()
        except OSError as fault:
            if otherwise not in self._waits:
                self._say(f"{otherwise} ({fault}): it is tried again; `lastseen doctor` says how full the disk is")
            self._waits.add(otherwise)
            return False
        self._waits.discard(otherwise)
        return True


class Kept:
    """A process, and how it does.

    `start` starts it and adds it to `running`, where its present process always is.
    """

    def __init__(
        self,
        name: str,
        start: Callable[[], Process],
        running: list[Process],
        log: str,
        say: Callable[[str], None],
        clock: Callable[[], float] = monotonic,
    ) -> None:
        """`log`: the name of the file that holds what it says."""
        self.name = name
        self._start, self._running, self._log, self._say, self._clock = start, running, log, say, clock
        self._deaths = 0
        """in a row"""
        self.restarts = 0
        self._begin()

    def look(self) -> bool:
        """Start it again if it has died and rested.  Returns whether it was."""
        lived = self._clock() - self._started
        if processes.runs(self.process):
            self._steady(lived)
            return False
        if lived < self._rest():
            return False
        processes.end([self.process])
        self._running.remove(self.process)
        self._deaths = self._deaths + 1 if lived < STEADY_SECONDS else 1
        self._tell()
        self.restarts += 1
        self._begin()
        return True

    def again(self) -> None:
        """End it and start it anew, since what it was told at its start holds no more."""
        processes.end([self.process])
        self._running.remove(self.process)
        self._begin()

    def ran(self) -> Ran:
        """What is told of it."""
        return Ran(self.name, process_table.of(self.process.pid), self.since, self.restarts, self._log)

    def _rest(self) -> float:
        return min(REST_SECONDS * 2.0 ** min(self._deaths, 10), MOST_REST_SECONDS) if self._deaths else REST_SECONDS

    def _steady(self, lived: float) -> None:
        if lived < STEADY_SECONDS or not self._deaths:
            return
        if self._deaths >= TELL_AGAIN:
            self._say(f"{self.name} runs steadily again")
        self._deaths = 0

    def _tell(self) -> None:
        said = f"{self.name} ended with status {self.process.returncode}, see {self._log}"
        if self._deaths == 1:
            self._say(f"{said}; started again")
        elif self._deaths == TELL_AGAIN:
            self._say(
                f"{said}, {self._deaths} times in a row; it is tried again ever more rarely, up to every"
                f" {MOST_REST_SECONDS / 60:.0f} minutes, and no more is said until it lasts"
            )

    def _begin(self) -> None:
        self._started, self.since = self._clock(), iso(utcnow())
        self.process = self._start()

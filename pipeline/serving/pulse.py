"""Whether what runs gives signs of life.  What has given none for long is ended, and started again like what died.

A process can live and do nothing: it waits for ever, its disk hangs, somebody stopped it.  Each is asked for a sign:

- PostgreSQL, the object server, the review pages and Airflow's API have to answer on their ports.
- Airflow's scheduler, dag-processor and triggerer note every 5 seconds that they live; its API says when they did.

Nobody is blamed for another: what stands upon something that does not answer is not looked at meanwhile.  So with the
database hanging, only the database is ended.
"""

import http.client
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from threading import Event, Thread
from time import monotonic

from lastseen.settings import Settings
from pipeline.serving import airflow, processes
from storage import database, embedded, running
from storage.process_table import Process
from storage.running import Note, Ran

LOOK_SECONDS = 10.0
"""between two looks; twice what lies between two signs of Airflow's processes"""
ANSWER_SECONDS = 10.0
"""for one answer"""
MOST_COUNTED = 2 * LOOK_SECONDS
"""of the time since the last look: a machine that slept, or was too busy for us as well, has not shown who hangs"""
FIRST_SIGN_TIMES = 4
"""how often the patience is had with who has given no sign since it was started: that takes 20 s, and many times that
on a slow machine that starts all at once, or after an update"""
PAGE = "/sign-in"
"""the lightest of the pages"""


@dataclass(frozen=True, slots=True)
class Heard:
    """One process, and its last sign."""

    process: Process
    sign: object
    quiet: float = 0.0
    """seconds since then that count"""
    begun: bool = False
    """whether it has given one since it was started"""


class Patience:
    """How long each process has been quiet.  It is told what was seen, and looks at nothing itself."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._heard: dict[str, Heard] = {}

    def lost(self, name: str, process: Process, sign: object, passed: float) -> float:
        """Take note of a sign, and of the seconds since the last look.

        A sign of life is one that differs from the last; None is none.  Returns for how many seconds there has been
        none, once that is too long; 0 until then.
        """
        last = self._heard.get(name)
        if last is None or last.process != process:
            self._heard[name] = Heard(process, sign, begun=sign is not None)
            return 0.0
        if sign not in {None, last.sign}:
            self._heard[name] = Heard(process, sign, begun=True)
            return 0.0
        now = Heard(process, last.sign, last.quiet + min(passed, MOST_COUNTED), last.begun)
        self._heard[name] = now
        return now.quiet if now.quiet >= (self._seconds * (1 if now.begun else FIRST_SIGN_TIMES)) else 0.0


@dataclass(frozen=True, slots=True)
class Ended:
    """A process that hung."""

    name: str
    said: str


class Pulse:
    """Looks at everything that runs, beside whoever keeps it running: it may itself be waiting for what hangs."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._patience = Patience(settings.up_patience_seconds)
        self._over = Event()
        self.database_answers = True
        """at the last look"""
        self.ended: deque[Ended] = deque()
        """of which nobody has been told yet"""
        self._fault: Exception | None = None

    @contextmanager
    def kept(self) -> Iterator[None]:
        """Look again and again for the length of a `with` block, which does not wait for a look at its end."""
        Thread(target=self._keep, name="pulse", daemon=True).start()
        try:
            yield
        finally:
            self._over.set()

    def require(self) -> None:
        """Raises what kept it from looking on."""
        if self._fault:
            raise self._fault

    def _keep(self) -> None:
        last = monotonic()
        while not self._over.wait(LOOK_SECONDS):
            now = monotonic()
            try:
                self.look(now - last)
            except Exception as fault:  # noqa: BLE001  raised by `require`, where somebody hears of it
                self._fault = fault
                return
            last = now

    def look(self, passed: float) -> None:
        """Look once; `passed`: seconds since the last time."""
        note = running.read(self._settings.data_dir)
        if note is None:
            return
        alive = {one.name: one for one in note.all if one.alive}
        for name, sign in self._signs(note, alive).items():
            quiet = self._patience.lost(name, alive[name].process, sign, passed) if name in alive else 0.0
            if quiet and not self._over.is_set():
                self._end(alive[name], quiet)

    def _signs(self, note: Note, alive: Mapping[str, Ran]) -> dict[str, object]:
        """What each shows: of life, or None.  Who cannot be judged is left out."""
        now = monotonic()
        found: dict[str, object] = {
            part: now if embedded.answers(self._settings.data_dir, part) else None
            for part in embedded.ALL_PARTS
            if part in alive
        }
        self.database_answers = self._database(found)
        if self.database_answers:  # what stands upon it can be judged
            found["review"] = now if shows_page(note) else None
            health = airflow.health(self._settings, ANSWER_SECONDS)
            found["api-server"] = now if health else None
            found |= {name: _own(beat, alive.get(name)) for name, beat in airflow.beats(health).items()}
        return found

    def _database(self, found: Mapping[str, object]) -> bool:
        own = self._settings.database_url
        if own is not None:
            return database.answers(own.get_secret_value())
        return found.get(embedded.Part.DATABASE) is not None

    def _end(self, hung: Ran, quiet: float) -> None:
        said = f"{hung.name} has given no sign of life for {quiet:.0f} s"
        try:
            if hung.name in embedded.ALL_PARTS:
                embedded.put_down(self._settings.data_dir, embedded.Part(hung.name), hung.process)
            else:
                processes.kill(hung.process)
        except embedded.EmbeddedError as fault:
            self.ended.append(Ended(hung.name, f"{said}, and could not be ended: {fault}"))
        else:
            self.ended.append(Ended(hung.name, f"{said}: it was ended, and is started again; see {hung.log}"))


def _own(beat: object, ran: Ran | None) -> object:
    """A moment that Airflow has noted, unless the one before this process noted it.  One machine has one clock."""
    own = ran and isinstance(beat, str) and datetime.fromisoformat(beat) >= datetime.fromisoformat(ran.since)
    return beat if own else None


def shows_page(note: Note) -> bool:
    """Whether the review pages give an answer, whatever it says: who refuses, lives."""
    where = note.review_host, note.review_port
    with closing(http.client.HTTPConnection(*where, timeout=ANSWER_SECONDS)) as connection:
        try:
            connection.request("GET", PAGE)
            connection.getresponse().read()
        except (OSError, http.client.HTTPException):
            return False
    return True

"""Everything that runs on one machine, kept running."""

import os
import socket
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from time import monotonic

from lastseen.clock import iso, utcnow
from lastseen.errors import Failure
from lastseen.settings import Settings
from pipeline import airflow_home
from pipeline.airflow_home import Prepared
from pipeline.serving import airflow, logs, processes
from pipeline.serving.errands import Errands
from pipeline.serving.keeping import MOST_REST_SECONDS, REST_SECONDS, Kept, OnDisk
from pipeline.serving.processes import Process, Told
from pipeline.serving.pulse import Ended, Pulse
from storage import alerts, embedded, process_table, running, status
from storage.database import DatabaseError, is_away, is_full
from storage.running import Note, Ran
from storage.stores import Stores, embedded_parts

LOOK_EVERY = 1.0
READY_SECONDS = 180.0
"""after which it is said what has not come up yet; 20 to 30 s on two idle cores"""
TIDY_EVERY = 30.0
"""seconds between two looks at the size of logs and the number of accounts"""
CLEAN_DAYS = 7
"""between two cleanings of Airflow's database"""
ALERT_HUNG = timedelta(days=1)
"""how long a process that hung is told of: whoever comes in the morning should see it"""
MARK = "LASTSEEN_UP_OF"
"""variable of the environment by which whatever `lastseen up` has started is known; the data folder"""
AIRFLOW_ENDED = "airflow-"
"""what the names of Airflow's logs begin with"""
EVERYWHERE = frozenset({"0.0.0.0", "::"})  # noqa: S104  read from the settings, not bound here
START_PAGE = "/status"
"""of the review pages: from there everything is reached"""

EMPTY = (
    "there is nobody in the register yet: `lastseen register import PATH` brings people in, `lastseen source add` what"
    " is watched. Only to try it: `lastseen up --demo`, in a folder of its own"
)


class CannotServe(Failure):
    """A server that is needed did not start; the message names its log."""


@dataclass(frozen=True, slots=True)
class Guests:
    """Whom the review pages print one-time links for."""

    names: tuple[str, ...] = ()
    minutes: int | None = None
    """for so long the links work; None: as long as all links do"""
    browser: bool = False
    """the first is opened in a browser, too, where there is a display"""

    def words(self) -> list[str]:
        """As the review pages' process takes them."""
        links = [word for name in self.names for word in ("--link", name)]
        minutes = [] if self.minutes is None else ["--link-minutes", str(self.minutes)]
        return [*links, *minutes, *(["--open"] if self.browser else [])]


NOBODY = Guests()


@dataclass(frozen=True, slots=True)
class Way:
    """How the house speaks, hears and starts."""

    say: Callable[[str], None]
    told: Told
    family: list[Process]
    """all processes that it has started, ended at last"""
    folder: Path | None
    began: float
    """seconds of the monotonic clock, before the servers were started"""


class House:
    """Everything that runs on this machine, kept running."""

    def __init__(self, settings: Settings, stores: Stores, review_port: int, way: Way) -> None:
        self._settings, self._stores, self._review_port, self._way = settings, stores, review_port, way
        self._data = settings.data_dir.resolve()
        self._logs = self._data / running.LOGS
        self._logs.mkdir(parents=True, exist_ok=True)
        self._mark = {MARK: str(self._data)}
        self._environ = airflow_home.environment(settings, stores.owner) | self._mark
        self._environ |= airflow_home.side_by_side(settings)
        self._began_at = iso(utcnow())
        self._errands = Errands(self._airflow, way.say)
        self._parts = embedded_parts(settings)
        self._endpoints = embedded.revive(self._data, self._parts)
        self._servers = self._embedded({})
        self._next_revival, self._vain = 0.0, 0
        self._next_tidy = 0.0
        self._pulse = Pulse(settings)
        self._is_ready, self._is_told = False, False
        self._on_disk = OnDisk(way.say)
        self._hung: list[Ended] = []
        """of which no alert tells yet"""
        self._kept: list[Kept] = []

    def keep(self, guests: Guests) -> bool:
        """Start everything, and keep it running until we are told to end.  True: all of it has to begin anew."""
        self._review = self._keep("review", lambda: self._start_review(guests))
        self._tell()
        if not self._prepare():
            return False
        for name in airflow.PROCESSES:
            self._keep(name, self._starter(name))
        self._tell()
        self._way.say("starting Airflow ...")
        with self._pulse.kept():
            while not self._way.told.within(LOOK_EVERY):
                if self._look():
                    return True
        return False

    # --- starting ---------------------------------------------------------------------------------------

    def _keep(self, name: str, start: Callable[[], Process]) -> Kept:
        log = f"{name}.log" if name == "review" else f"{AIRFLOW_ENDED}{name}.log"
        kept = Kept(name, start, self._way.family, str(self._logs / log), self._way.say)
        self._kept.append(kept)
        return kept

    def _start_review(self, guests: Guests) -> Process:
        """Links are printed the first time only."""
        first = not self._kept
        command = [*review(self._review_port, guests if first else NOBODY), "--log", str(self._logs / "review.log")]
        return processes.start(self._way.family, command, {**os.environ, **self._mark}, folder=self._way.folder)

    def _starter(self, name: str) -> Callable[[], Process]:
        return lambda: self._airflow(f"{AIRFLOW_ENDED}{name}", airflow.PROCESSES[name])

    def _airflow(self, log: str, words: tuple[str, ...]) -> Process:
        command = [sys.executable, "-m", "airflow", *words]
        return processes.start(self._way.family, command, self._environ, self._logs / f"{log}.log", self._way.folder)

    def _prepare(self) -> bool:
        """Airflow's tables, unless they are those of its version already.  False: we are to end."""
        if not airflow_home.prepared(self._settings).stands(airflow_home.revision(self._stores.owner)):
            self._way.say("preparing Airflow's database ...")
            self._errands.ask("airflow-migrate", ("db", "migrate"), self._migrated, self._not_migrated)
            while self._errands.busy and not self._way.told.within(processes.LISTEN_EVERY):
                self._errands.look()
                self._require_review()
        return not self._way.told.heard

    def _migrated(self) -> None:
        revision = airflow_home.revision(self._stores.owner) or ""
        airflow_home.note_prepared(self._settings, Prepared(airflow_home.airflow_version(), revision))

    def _not_migrated(self, log: str) -> None:
        raise CannotServe(f"Airflow's database could not be prepared: see {self._logs / log}.log")

    # --- keeping ----------------------------------------------------------------------------------------

    def _look(self) -> bool:
        """Look once at everything.  True: the servers are reached elsewhere now, so all has to begin anew."""
        self._require_review()
        self._pulse.require()
        self._tell_of_hung()
        if self._revive():
            return True
        anew = [kept.look() for kept in self._kept]
        if any(anew) or not self._is_told:
            self._tell()
        self._errands.look()
        if monotonic() >= self._next_tidy:
            self._next_tidy = monotonic() + TIDY_EVERY
            self._on_disk.did(self._tidy, "logs cannot be set aside, nor Airflow's pools be set")
        if not self._is_ready:
            self._say_when_ready()
        return False

    def _require_review(self) -> None:
        """What keeps the pages from being served the first time is for whoever sits there to change."""
        if not self._is_ready and not self._review.restarts and not processes.runs(self._review.process):
            processes.end([self._review.process])
            raise CannotServe(
                f"the review pages ended with status {self._review.process.returncode}, and everything with them"
            )

    def _revive(self) -> bool:
        if monotonic() < self._next_revival:
            return False
        try:
            endpoints = embedded.revive(self._data, self._parts)
        except embedded.EmbeddedError as fault:
            self._vain += 1
            rest = min(REST_SECONDS * 2.0 ** min(self._vain, 10), MOST_REST_SECONDS)
            self._next_revival = monotonic() + rest
            if self._vain == 1:
                self._way.say(f"{fault}; it is tried again until it comes")
            return False
        before, self._servers, self._vain = self._servers, self._embedded(self._servers), 0
        if before != self._servers:  # a task or the pages may have been there first
            dead = [name for name, one in self._servers.items() if one != before.get(name)]
            self._way.say(f"{' and '.join(dead)} had died, see {self._logs}; started again")
            self._tell()
        moved, self._endpoints = endpoints != self._endpoints, endpoints
        return moved

    def _tell_of_hung(self) -> None:
        while self._pulse.ended:
            one = self._pulse.ended.popleft()
            self._way.say(one.said)
            self._hung.append(one)

    def _embedded(self, before: Mapping[str, Ran]) -> dict[str, Ran]:
        """The embedded servers as they run now."""
        found = {}
        for one in embedded.status(self._data):
            process, last = process_table.of(one.pid or 0), before.get(one.part)
            if one.part not in self._parts:
                continue
            if last and last.process == process:
                found[str(one.part)] = last
            else:
                log = str(self._logs / f"{one.part}.log")
                found[str(one.part)] = Ran(one.part, process, iso(utcnow()), last.restarts + 1 if last else 0, log)
        return found

    def _tell(self) -> None:
        note = Note(
            process_table.myself(),
            self._began_at,
            _address(self._settings, self._review_port) + START_PAGE,
            airflow_home.address(self._settings),
            tuple(kept.ran() for kept in self._kept),
            tuple(self._servers.values()),
            _host(self._settings),
            self._review_port,
        )
        self._is_told = self._on_disk.did(lambda: running.write(self._data, note), "what runs cannot be noted")

    # --- now and then -----------------------------------------------------------------------------------

    def _tidy(self) -> None:
        running.still_looks(self._data)
        logs.rotate(self._logs)
        if self._errands.busy or not self._pulse.database_answers:  # a question to one that hangs would hold us, too
            return
        try:
            self._sound()
            self._set_pools()
            self._clean()
        except DatabaseError as fault:
            if not (is_away(fault) or is_full(fault)):  # both pass, and are told of elsewhere
                raise

    def _sound(self) -> None:
        """Raise an alert on each that hung."""
        if self._hung:
            with self._stores.db.begin() as db:
                for one in self._hung:
                    alerts.sound(db, alerts.HUNG, f"process:{one.name}", one.said, utcnow() + ALERT_HUNG)
            self._hung.clear()

    def _set_pools(self) -> None:
        """Where they are not as we set them last: what an operator changes in Airflow stays until the office does."""
        wanted = airflow.wanted_pools(self._settings, self._stores)
        done = airflow_home.prepared(self._settings)
        if done.pools == wanted:
            return

        def note() -> None:
            airflow_home.note_prepared(self._settings, Prepared(done.version, done.revision, wanted))

        file = airflow_home.write_pools(self._settings, wanted)
        self._errands.ask("airflow-pools", ("pools", "import", str(file)), note)

    def _clean(self) -> None:
        """Rows and logs of Airflow's that are older than they are kept."""
        until = utcnow() - timedelta(days=self._settings.airflow_keep_days)
        mark = airflow_home.folder(self._settings) / "cleaned"
        if not self._is_ready or (mark.exists() and _age(mark) < timedelta(days=CLEAN_DAYS)):
            return
        mark.touch()  # also where it fails: once a week, not twice a minute
        for name in (airflow_home.TASK_LOGS, airflow_home.PARSER_LOGS):
            logs.expire(self._logs / name, until)
        words = ("db", "clean", "--clean-before-timestamp", until.isoformat(), "--skip-archive", "--yes")
        self._errands.ask("airflow-clean", words)

    def _say_when_ready(self) -> None:
        seconds = monotonic() - self._way.began
        missing = [] if seconds < 2 * LOOK_EVERY else self._missing()
        if seconds >= 2 * LOOK_EVERY and not missing:
            self._is_ready = True
            self._greet(seconds)
        elif READY_SECONDS <= seconds < READY_SECONDS + 2 * LOOK_EVERY:
            self._way.say(f"not up yet: {', '.join(missing)}; see {self._logs}, and `lastseen doctor`")

    def _missing(self) -> list[str]:
        """What does not give a sign of life."""
        pages = [] if _listens(_host(self._settings), self._review_port) else ["review"]
        health = airflow.health(self._settings)
        return pages + (airflow.unwell(health) if health else ["api-server"])

    def _greet(self, seconds: float) -> None:
        say, address = self._way.say, _address(self._settings, self._review_port) + START_PAGE
        password = airflow_home.password_file(self._settings)
        say(f"Airflow: {airflow_home.address(self._settings)}")
        say(f"  its user is {airflow_home.ADMIN}, with the password in {password}")
        if _is_empty(self._stores):
            say(EMPTY)
        say(f"logs: {self._logs} (`lastseen logs`); Ctrl-C stops everything")
        say(f"everything runs, after {seconds:.0f} s. One page leads to all of it: {address}")


def _listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=5).close()
    except OSError:
        return False
    return True


def _host(settings: Settings) -> str:
    """By which the review pages are reached from here."""
    return airflow_home.LOOPBACK if settings.review_host in EVERYWHERE else settings.review_host


def _address(settings: Settings, port: int) -> str:
    host = _host(settings)
    return settings.review_url or f"http://{f'[{host}]' if ':' in host else host}:{port}"


def _age(path: Path) -> timedelta:
    return timedelta(seconds=utcnow().timestamp() - path.stat().st_mtime)


def _is_empty(stores: Stores) -> bool:
    with stores.db.begin() as db:
        return status.counts(db)["people"] == 0


def review(port: int | None, guests: Guests) -> list[str]:
    return [sys.executable, "-m", "review", *([] if port is None else ["--port", str(port)]), *guests.words()]

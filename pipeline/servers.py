"""Processes that serve until they are stopped: the review pages alone, or with `lastseen up` all of one machine."""

import socket
from collections.abc import Callable
from pathlib import Path
from time import monotonic

from lastseen.settings import Settings
from pipeline import airflow_home
from pipeline.serving import processes
from pipeline.serving.house import LOOK_EVERY, MARK, NOBODY, CannotServe, Guests, House, Way, review
from pipeline.serving.processes import Told
from storage import embedded, process_table, running
from storage.running import Note
from storage.stores import embedded_parts, open_stores

__all__ = ["NOBODY", "CannotServe", "Guests", "end_left_behind", "require_ports", "serve_review", "taken", "up"]

ROUNDS = 3
"""in which what was left behind is ended: it may start something while it is told to end"""


def serve_review(port: int | None = None, guests: Guests = NOBODY, *, folder: Path | None = None) -> int:
    """Serve the review pages until they end or we are told to, and print one-time links for the guests.

    `folder` is where they run: settings are read from the `.env` that lies there.

    Returns their exit status; 0 if they ended because we were told.
    """
    with processes.until_told() as told, processes.ended_at_last(told) as family:
        pages = processes.start(family, review(port, guests), folder=folder)
        while processes.runs(pages) and not told.within(LOOK_EVERY):
            pass
    return 0 if told.heard else abs(pages.returncode)


def up(
    settings: Settings,
    review_port: int | None,
    say: Callable[[str], None],
    guests: Guests = NOBODY,
    *,
    folder: Path | None = None,
) -> None:
    """Start everything, say where it is, and keep it running until Ctrl-C or SIGTERM.  Raises CannotServe.

    Whatever of it dies is started again; of two for one data folder the second is refused.  `folder` is where all of
    it runs, as in `serve_review`.
    """
    embedded.make_folders(settings.data_dir)
    with processes.until_told() as told, running.alone(settings.data_dir) as alone:
        if not alone:
            raise CannotServe(_another(running.read(settings.data_dir), settings))
        end_left_behind(settings.data_dir, say, told)
        port = _chosen(require_ports(settings, review_port))
        _announce(settings, say)
        again = True
        began = monotonic()
        while again and not told.heard:  # anew when the database has another address
            with open_stores(settings) as stores, processes.ended_at_last(told) as family:
                again = House(settings, stores, port, Way(say, told, family, folder, began)).keep(guests)
                say("the database is reached elsewhere now: starting anew ..." if again else "stopping ...")
            guests, began = NOBODY, monotonic()
        running.forget(settings.data_dir)


def end_left_behind(data_dir: Path, say: Callable[[str], None], told: Told | None = None) -> None:
    """End what a `lastseen up` of this folder has left that was killed, by id.

    Its embedded servers stay, and are shared with whoever comes next.
    """
    left = _left_behind(data_dir)
    if left:
        say(f"the last `lastseen up` was killed: ending the {len(left)} processes that it left")
    for _ in range(ROUNDS):
        processes.end_known(left, lambda: bool(told and told.hurried))
        left = _left_behind(data_dir)


def _left_behind(data_dir: Path) -> list[process_table.Process]:
    note = running.read(data_dir)
    known = [one for each in note.processes for one in process_table.of_session(each.process)] if note else []
    return list({*known, *process_table.marked(MARK, str(data_dir.resolve()))})


def _another(note: Note | None, settings: Settings) -> str:
    where = f" (process {note.up.pid}); its pages: {note.page}" if note and note.stands else ""
    return f"another `lastseen up` runs in {settings.data_dir.resolve()}{where}: end that one first"


def require_ports(settings: Settings, review_port: int | None) -> int:
    """The port of the review pages, 0 for any.  Asked before anything is started.  Raises CannotServe."""
    wanted = settings.review_port if review_port is None else review_port
    _require_free(settings.airflow_port, "Airflow", "LASTSEEN_AIRFLOW_PORT")
    _require_free(wanted, "the review pages", "LASTSEEN_REVIEW_PORT, or --port")
    return wanted


def _announce(settings: Settings, say: Callable[[str], None]) -> None:
    runs = {one.part for one in embedded.status(settings.data_dir) if one.pid}
    missing = [part for part in embedded_parts(settings) if part not in runs]
    if missing:
        say(f"starting {' and '.join(missing)} in {settings.data_dir.resolve()} ...")


def _require_free(port: int, who: str, setting: str) -> None:
    """Before anything is started, which takes a while; port 0 is any."""
    fault = taken(port)
    if fault:
        raise CannotServe(
            f"port {port} cannot be had for {who} ({fault}): end what listens there"
            f" (another `lastseen up`, `lastseen review`?), or set {setting}"
        )


def _chosen(port: int) -> int:
    """The port itself; for 0 one that is free now, so that the pages have it again when they are started again."""
    if port:
        return port
    with socket.create_server((airflow_home.LOOPBACK, 0)) as tried:
        free: int = tried.getsockname()[1]
        return free


def taken(port: int) -> str:
    """Why nobody can listen on a port of loopback; empty: one can."""
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind((airflow_home.LOOPBACK, port))
        except OSError as fault:
            return fault.strerror or str(fault)
    return ""

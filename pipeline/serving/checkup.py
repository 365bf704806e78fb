"""What `lastseen doctor` looks at beside the office's own parts: this machine, and what runs on it.

Each check says how its part does, and raises when something has to be done.  What begins with WARNING is no failure:
nothing stands still because of it.
"""

import ctypes
import resource
import shutil
from collections.abc import Callable, Mapping, Sequence

from lastseen.clock import iso, utcnow
from lastseen.errors import Failure
from lastseen.settings import Settings
from pipeline import airflow_home, servers
from pipeline.serving import airflow, pulse
from storage import alerts, database, embedded, key_copies, running
from storage.database import DatabaseError
from storage.running import Note
from storage.stores import embedded_parts, open_stores

WARNING = "WARNING: "
LEAST_FREE_BYTES, LITTLE_FREE_BYTES = 2 * 1024**3, 20 * 1024**3
"""below the first nothing should be collected any more; below the second it is time to think of it: films of a day"""
LEAST_FILES = 4096
"""open at once; each browser that looks at the pages keeps up to six connections"""
MOST_SECONDS_APART = 5.0
"""of this machine's clock and the database's: leases go by the one, what is told of them by the other"""
TIME_ERROR = 5
"""what adjtimex(2) answers when nothing keeps the clock right"""
IDLE_SECONDS = 120.0
"""without a look at everything, beyond the patience, for which a database that hangs may hold it up"""
OFTEN = 5
"""restarts of one process that are worth a look"""
NAMED = 5
"""alerts that are told; `lastseen status` has them all"""


# --- this machine ------------------------------------------------------------------------------------------


def disk_space(settings: Settings) -> str:
    """Raises Failure when there is next to none."""
    free = shutil.disk_usage(settings.data_dir if settings.data_dir.exists() else ".").free
    said = f"{free / 1024**3:.1f} GiB are free where {settings.data_dir.resolve()} is"
    fix = "free some, or move it to a larger disk and set LASTSEEN_DATA_DIR"
    if free < LEAST_FREE_BYTES:
        raise Failure(f"only {said}: {fix}")
    return f"{WARNING}{said}, films soon take that: {fix}" if free < LITTLE_FREE_BYTES else said


def open_files(settings: Settings) -> str:
    """Raises Failure when a process may open too few."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    if most != resource.RLIM_INFINITY and most < LEAST_FILES:
        raise Failure(
            f"a process may open {most} files only, and needs up to {LEAST_FILES}: `ulimit -Hn {LEAST_FILES}` as root,"
            f" or LimitNOFILE={LEAST_FILES} in the service's unit"
        )
    return f"a process may open {'any number of' if most == resource.RLIM_INFINITY else most} files"


def clock(settings: Settings) -> str:
    """Raises Failure when this machine and the database do not agree what time it is."""
    with open_stores(settings, objects=False) as stores, stores.db.begin() as db:
        apart = abs((database.now(db) - utcnow()).total_seconds())
    fix = "have chrony or systemd-timesyncd keep it right (`timedatectl set-ntp true`)"
    if apart > MOST_SECONDS_APART:
        raise Failure(f"this machine's clock and the database's are {apart:.0f} s apart: {fix} on both")
    if ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(TIMEX_BYTES)) == TIME_ERROR:
        return f"{WARNING}nothing is known to keep this machine's clock right, and the custody log goes by it: {fix}"
    return "this machine's clock is kept right, and the database's agrees"


TIMEX_BYTES = 512
"""more than the struct that adjtimex(2) fills has on any machine; zeroed it asks, and changes nothing"""


def keys(settings: Settings) -> str:
    """Raises Failure when somebody else can read one."""
    bare = key_copies.open_to_others(settings)
    if bare:
        names = " ".join(map(str, bare))
        raise Failure(f"other accounts of this machine may read {names}: `chmod 600 {names}`, and think of who did")
    found = key_copies.files(settings)
    when = key_copies.copied_at(settings)
    if not found:
        return "no key lies in a file here"
    if when is None:
        return (
            f"{WARNING}nobody has said that the keys in {found[0].parent} ({', '.join(one.name for one in found)}) are"
            " kept elsewhere, too, and what they seal is lost with this disk: copy the folder, then"
            " `lastseen doctor --keys-copied`"
        )
    names = ", ".join(one.name for one in found)
    return f"the keys {names} are kept elsewhere, too, as was said at {iso(when)}"


# --- what happened -----------------------------------------------------------------------------------------


def standing_alerts(settings: Settings) -> str:
    """The alerts that are open."""
    with open_stores(settings, objects=False) as stores, stores.db.begin() as db:
        found = alerts.standing(db)
    if not found:
        return "no alert is open"
    told = "; ".join(f"{one.kind} ({one.subject}) since {iso(one.raised_at)}" for one in found[:NAMED])
    more = f", and {len(found) - NAMED} more" if len(found) > NAMED else ""
    return f"{WARNING}{len(found)} alerts are open: {told}{more}; `lastseen status` says what each is about"


# --- what runs ---------------------------------------------------------------------------------------------


def what_runs(settings: Settings) -> str:
    """Raises Failure when a process of a running `lastseen up` is down."""
    note = _note(settings)
    if note is None:
        return "`lastseen up` does not run here"
    idle = (utcnow() - running.looked_at(settings.data_dir)).total_seconds()
    if idle > settings.up_patience_seconds + IDLE_SECONDS:
        raise Failure(
            f"`lastseen up` (process {note.up.pid}) has looked after nothing for {idle:.0f} s, so that what dies stays"
            f" dead: `kill -9 {note.up.pid}`, and start it again, which ends what it leaves"
        )
    down = [one for one in note.all if not one.alive]
    if down:
        names, are = ", ".join(one.name for one in down), "is" if len(down) == 1 else "are"
        raise Failure(f"of `lastseen up` {names} {are} down, to be started again: `lastseen logs {down[0].name}`")
    often = [one for one in note.all if one.restarts >= OFTEN]
    if often:
        told = ", ".join(f"{one.name} ({one.restarts} times)" for one in often)
        return f"{WARNING}started again and again since {note.since}: {told}; `lastseen logs {often[0].name}` says why"
    return f"`lastseen up` runs since {note.since}, with {len(note.all)} processes; {note.page} leads to all"


def review_pages(settings: Settings) -> str:
    """Raises Failure when they run and do not answer."""
    note = _note(settings)
    if note is None or not note.review_port:
        return "`lastseen up` does not run here"
    if any(one.name == "review" and not one.alive for one in note.all):
        raise Failure("they are down, to be started again: `lastseen logs review`")
    if not pulse.shows_page(note):
        raise Failure(f"they do not answer at {note.page}: {_ended(settings)}; `lastseen logs review`")
    return f"they answer; everything begins at {note.page}"


def hanging(settings: Settings) -> dict[embedded.Part, str]:
    """The embedded servers that live and do not answer, each with what to do."""
    try:
        alive = {one.part: one.pid for one in embedded.status(settings.data_dir) if one.pid}
    except OSError:  # the folder is not ours: each part says so
        return {}
    hung = [part for part in embedded_parts(settings) if part in alive]
    return {
        part: f"the embedded server runs as process {alive[part]} and does not answer:"
        f" {_ended(settings) if _note(settings) else f'`kill -9 {alive[part]}`, and the next command starts it again'}"
        for part in hung
        if not embedded.answers(settings.data_dir, part)
    }


def _ended(settings: Settings) -> str:
    return f"after {settings.up_patience_seconds:.0f} s of that `lastseen up` ends it and starts it again"


def ports(settings: Settings) -> str:
    """Raises Failure when somebody else listens where we would."""
    if _note(settings):
        return "the ports are those of the running `lastseen up`"
    wanted = {"LASTSEEN_REVIEW_PORT": settings.review_port, "LASTSEEN_AIRFLOW_PORT": settings.airflow_port}
    taken = [f"{port} ({servers.taken(port)}): set {name}" for name, port in wanted.items() if servers.taken(port)]
    if taken:
        raise Failure(f"somebody listens on port {', and on '.join(taken)} to another, or end what listens there")
    return f"ports {' and '.join(map(str, wanted.values()))} are free"


def airflow_processes(settings: Settings) -> str:
    """Raises Failure when Airflow runs here and one of its processes is not well, or its tables are not its own."""
    note = _note(settings)
    fresh = _tables(settings)
    if note is None:
        return f"Airflow does not run here; {fresh}"
    health = airflow.health(settings)
    if not health:
        raise Failure(f"Airflow's API at {note.airflow} does not answer: `lastseen logs api-server`")
    silent = airflow.unwell(health)
    if silent:
        raise Failure(f"no sign of life of Airflow's {', '.join(silent)}: `lastseen logs {silent[0]}`")
    return f"api-server, scheduler, dag-processor and triggerer are well at {note.airflow}; {fresh}"


def _tables(settings: Settings) -> str:
    with open_stores(settings, objects=False) as stores:
        try:
            revision = airflow_home.revision(stores.owner)
        except DatabaseError:
            return "it has no database beside ours"
    if airflow_home.prepared(settings).stands(revision):
        return "its tables are up to date"
    return "its tables were not made by this version: the next `lastseen up` sees to it"


def pools(settings: Settings) -> str:
    """Raises Failure when a pool is missing, or is smaller or larger than this office needs."""
    said = _said(settings, "/pools?limit=100")
    if said is None:
        return "Airflow does not run here"
    with open_stores(settings, objects=False) as stores:
        wanted = airflow.wanted_pools(settings, stores)
    amiss = pools_amiss(said, wanted)
    if amiss:
        file = airflow_home.write_pools(settings, wanted)
        raise Failure(f"{'; '.join(amiss)}: set it on Airflow's page Pools, or with `airflow pools import {file}`")
    return ", ".join(f"{name} {one['slots']}" for name, one in wanted.items())


def pools_amiss(said: Mapping[str, object], wanted: Mapping[str, Mapping[str, object]]) -> list[str]:
    """What is not as it should be about the pools that Airflow has."""
    there = {str(one["name"]): one["slots"] for one in _listed(said, "pools")}
    missing = [f"there is no pool {name}" for name in wanted if name not in there]
    sizes = [(name, there[name], one["slots"]) for name, one in wanted.items() if name in there]
    return missing + [f"pool {name} has {slots} slots, not {due}" for name, slots, due in sizes if slots != due]


def dags(settings: Settings) -> str:
    """Raises Failure when a DAG cannot be read."""
    broken, paused = _said(settings, "/importErrors"), _said(settings, "/dags?paused=true&limit=100")
    if broken is None or paused is None:
        return "Airflow does not run here"
    files = [str(one["filename"]) for one in _listed(broken, "import_errors")]
    if files:
        raise Failure(f"Airflow cannot read {', '.join(files)}: its page Dags says why; install lastseen again")
    still = [str(one["dag_id"]) for one in _listed(paused, "dags")]
    if still:
        return f"{WARNING}paused, so that nothing of theirs is done: {', '.join(still)}; see Airflow's page Dags"
    return "all are read, and none is paused"


NEED_DATABASE = frozenset({"clock", "alerts", "review pages", "Airflow", "pools", "DAGs"})
"""of CHECKS"""
CHECKS: dict[str, Callable[[Settings], str]] = {
    "disk space": disk_space,
    "open files": open_files,
    "clock": clock,
    "keys": keys,
    "alerts": standing_alerts,
    "ports": ports,
    "what runs": what_runs,
    "review pages": review_pages,
    "Airflow": airflow_processes,
    "pools": pools,
    "DAGs": dags,
}


def _note(settings: Settings) -> Note | None:
    """Of a `lastseen up` that runs."""
    note = running.read(settings.data_dir)
    return note if note and note.stands else None


def _said(settings: Settings, path: str) -> Mapping[str, object] | None:
    """What Airflow's API answers; None: it does not run here.  Raises Failure when it does, and does not answer."""
    return airflow.ask(settings, path) if _note(settings) else None


def _listed(said: Mapping[str, object], name: str) -> Sequence[Mapping[str, object]]:
    found = said.get(name)
    return found if isinstance(found, list) else []

"""`lastseen doctor`: each part looked at on its own, with the fix on the same line."""

import errno
import os
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import dataclass

from extractors import faces, sandbox, time_stamps
from extractors.telegram.line import Access
from lastseen.clock import iso
from lastseen.errors import Failure
from lastseen.records import Platform
from lastseen.settings import Settings
from pipeline.serving import checkup
from pipeline.sources import observing
from storage import custody_keys, embedded, heads, office_keys, roles, sources, stamps, telegram_accounts
from storage.database import DatabaseError, away, is_away
from storage.embedded import Part
from storage.stores import open_stores

EXPOSED = (
    f"; {checkup.WARNING}the role of LASTSEEN_DATABASE_URL owns the tables and could rewrite the custody log."
    " Make a second role (CREATE ROLE lastseen_application LOGIN PASSWORD '...'), name it in LASTSEEN_DATABASE_URL,"
    " and the owner in LASTSEEN_DATABASE_OWNER_URL"
)


@dataclass(frozen=True, slots=True)
class Finding:
    """How one part does, and what to do if it does not."""

    part: str
    ok: bool
    said: str

    @property
    def warns(self) -> bool:
        """Whether it works, and somebody should do something all the same."""
        return self.ok and checkup.WARNING in self.said


def examine(settings: Settings) -> list[Finding]:
    """Look at every part; a part that fails does not hide the others, and one that hangs does not hold them up."""
    hung = checkup.hanging(settings)
    found: dict[str, Finding] = {}
    with ExitStack() as held:
        if not hung:
            with suppress(Exception):  # each part says itself what is wrong; here the servers are only kept up for all
                held.enter_context(open_stores(settings))
        for part, check in CHECKS.items():
            found[part] = _hindered(part, hung, found) or _look(part, check, settings)
    return list(found.values())


def _hindered(part: str, hung: Mapping[Part, str], found: Mapping[str, Finding]) -> Finding | None:
    """What is found of a part that is an embedded server that hangs, or needs a database that is not there."""
    if part in ITSELF and ITSELF[part] in hung:
        return Finding(part, False, hung[ITSELF[part]])
    if part in NEED_DATABASE and DATABASE in found and not found[DATABASE].ok:
        return Finding(part, False, "nothing can be said of it until the database is well: see its line")
    return None


def _look(part: str, check: Callable[[Settings], str], settings: Settings) -> Finding:
    try:
        return Finding(part, True, check(settings))
    except DatabaseError as fault:
        known = (
            away(fault, own=settings.database_url is not None) if is_away(fault) else " ".join(str(fault.orig).split())
        )
        return Finding(part, False, known)
    except OSError as fault:
        fix = FIXES.get(fault.errno or 0, "")
        return Finding(part, False, f"{fault}{fix and f': {fix}'}")
    except Exception as fault:  # noqa: BLE001  whatever is wrong with a part is what was asked for
        return Finding(part, False, str(fault) or type(fault).__name__)


def _data_folder(settings: Settings) -> str:
    embedded.make_folders(settings.data_dir)
    if not os.access(settings.data_dir, os.W_OK):
        raise Failure(f"{settings.data_dir} cannot be written: change its owner, or set LASTSEEN_DATA_DIR")
    return f"{settings.data_dir.resolve()} can be written"


def _legal_basis(settings: Settings) -> str:
    observing.check_legal_basis(settings)
    return f"collection stands on {settings.legal_basis!r}"


def _database(settings: Settings) -> str:
    with open_stores(settings, objects=False) as stores, stores.db.begin() as db:
        version: str = db.exec_driver_sql("SHOW server_version").scalar_one()
        exposed = roles.may_rewrite(db)
    where = "your own server" if settings.database_url else "the embedded server"
    warning = EXPOSED if exposed else "; the application's role cannot rewrite the custody log"
    return f"PostgreSQL {version} answers ({where}), its schema is up to date{warning}"


def _object_store(settings: Settings) -> str:
    with open_stores(settings) as stores:
        stores.objects.probe_lock()
    where = settings.s3_endpoint or "the embedded server"
    return f"S3 answers ({where}), and it refuses to delete locked evidence"


def _sandbox(settings: Settings) -> str:
    return f"hostile media is opened in: {sandbox.describe(settings)}"


def _engine(settings: Settings) -> str:
    faces.prepare(settings.engine, settings.models_dir)
    faces.load(settings.engine, settings.models_dir, settings.threads)
    return f"{faces.engine_id(settings.engine, settings.models_dir)} passed its self-check"


def _key(settings: Settings) -> str:
    with open_stores(settings, objects=False) as stores, stores.db.begin() as db:
        office_keys.sealer(db, settings)
    where = "LASTSEEN_TEMPLATE_KEY" if settings.template_key else settings.data_dir / "keys" / "template.key"
    return f"the key for templates is in {where}; keep a copy outside this machine"


def _custody(settings: Settings) -> str:
    trust = custody_keys.trusted(settings)
    with open_stores(settings, objects=False) as stores, stores.db.begin() as db:
        newest = heads.newest(db)
    by = f"; {len(trust.witnesses)} witnesses cosign it" if trust.witnesses else "; no witness cosigns it"
    if newest is None:
        return f"no head was signed yet: `lastseen custody sign`{by}"
    if not trust.log:
        where = custody_keys.public_file(settings)
        return (
            f"{checkup.WARNING}heads are signed, and no public key of the log is known here, so `lastseen verify`"
            f" believes none: copy custody.pub to {where}, or set LASTSEEN_CUSTODY_PUBLIC_KEYS"
        )
    return f"its newest signed head covers {newest.size} events{by} (`lastseen verify` follows it)"


def _telegram(settings: Settings) -> str:
    with open_stores(settings, objects=False) as stores, stores.db.begin() as db:
        watched = [one for one in sources.every(db) if one.platform is Platform.TELEGRAM]
        known = telegram_accounts.every(db)
    if not watched and not known:
        return "no channel is watched, and no account is there"
    Access.of(settings)
    with open_stores(settings, objects=False) as stores, stores.db.begin() as db:
        office_keys.secrets(db, settings)
    lost = [one.name for one in known if one.refusal]
    if lost:
        raise Failure(f"Telegram lets {', '.join(lost)} in no more: `lastseen telegram login {lost[0]}`")
    if not known:
        raise Failure("no account reads the channels: `lastseen telegram login NAME` adds one")
    where = "LASTSEEN_SECRETS_KEY" if settings.secrets_key else settings.data_dir / "keys" / "secrets.key"
    return f"{len(known)} accounts read {len(watched)} channels; the key of their sessions is in {where}"


def _time_stamps(settings: Settings) -> str:
    authorities, calendars = settings.time_stamp_authorities, settings.opentimestamps_calendars
    for one in authorities:
        time_stamps.roots(one.roots)
    with open_stores(settings, objects=False) as stores, stores.db.begin() as db:
        late = [line for line in stamps.lines(db) if line.authority and line.complete is None]
    if not authorities and not calendars:
        return (
            "none are asked for: nobody outside says when the custody log was what it is"
            " (LASTSEEN_TIME_STAMP_AUTHORITIES, docs/operate.md)"
        )
    asked = ", ".join([*(one.name for one in authorities), *calendars])
    since = f", the first since {iso(min(line.asked_at for line in late if line.asked_at))}" if late else ""
    return f"days are stamped by {asked}; {len(late)} wait{since} (`lastseen stamps`)"


FIXES = {
    errno.EACCES: "run as the user whose it is, or let this one in",
    errno.EPERM: "run as the user whose it is, or let this one in",
    errno.ENOSPC: "free some, as the line on disk space says",
}
"""of what the system says where we do not say it better"""
DATABASE = "database"
ITSELF = {DATABASE: Part.DATABASE, "object store": Part.OBJECTS}
NEED_DATABASE = checkup.NEED_DATABASE | {"object store", "template key", "custody log", "Telegram", "time stamps"}
CHECKS: dict[str, Callable[[Settings], str]] = {
    "data folder": _data_folder,
    "legal basis": _legal_basis,
    DATABASE: _database,
    "object store": _object_store,
    "sandbox": _sandbox,
    "face engine": _engine,
    "template key": _key,
    "custody log": _custody,
    "Telegram": _telegram,
    "time stamps": _time_stamps,
    **checkup.CHECKS,
}

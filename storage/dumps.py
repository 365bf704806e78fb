"""A dump of the database, and a database made from one, by PostgreSQL's own programs (those of the embedded server).

A dump is one consistent moment, whatever else goes on.  Passwords reach the programs by their environment.
"""

import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Final, TypeVar

from sqlalchemy import Connection, Engine, text

from lastseen.errors import Failure, WrongUse
from storage import embedded

Seen = TypeVar("Seen")

ROWS: Final = text("""
    SELECT (SELECT count(*) FROM custody_events) + (SELECT count(*) FROM users) + (SELECT count(*) FROM persons)
         + (SELECT count(*) FROM sources) + (SELECT count(*) FROM posts)""")
MOMENT: Final = text("SELECT pg_export_snapshot()")
EMPTIED: Final = ("DROP SCHEMA public CASCADE", "CREATE SCHEMA public")


class DumpFailed(Failure):
    """The database could not be dumped, or made from a dump; the message has PostgreSQL's own words."""


def dump(owner: Engine, path: Path, look: Callable[[Connection], Seen]) -> Seen:
    """Write the whole database into a new file, readable by us alone.  `owner` owns its tables.  Raises DumpFailed.

    Returns what `look` sees of the very moment that is dumped.
    """
    path.touch(mode=0o600, exist_ok=False)
    options = ("--format=custom", "--no-owner", "--no-privileges", f"--file={path}")
    with owner.connect().execution_options(isolation_level="REPEATABLE READ") as db, db.begin():
        moment = db.execute(MOMENT).scalar_one()
        seen = look(db)
        try:
            _run(owner, "pg_dump", *options, f"--snapshot={moment}")
        except DumpFailed:
            path.unlink(missing_ok=True)
            raise
    return seen


def restore(owner: Engine, path: Path) -> None:
    """Make the database from a dump, all or nothing.  It has to hold nothing but empty tables.

    Its roles and grants are not in the dump: `storage.roles.prepare` after it.  Raises WrongUse and DumpFailed.
    """
    with owner.begin() as db:
        if db.execute(ROWS).scalar_one():
            raise WrongUse("this office is not empty: restore into an empty database, or a new data folder")
    _run(owner, "pg_restore", "--list", "--file=/dev/null", str(path), connected=False)  # before anything is taken away
    with owner.begin() as db:
        for statement in EMPTIED:
            db.execute(text(statement))
    owner.dispose()
    options = ("--no-owner", "--no-privileges", "--exit-on-error", "--single-transaction")
    # The dump makes the schema `public`, which is there; its comment belongs to the server's superuser.
    _run(owner, "pg_restore", *options, "--schema=public", str(path))


def _run(owner: Engine, program: str, *arguments: str, connected: bool = True) -> None:
    url = owner.url
    where = {
        "PGHOST": url.host or "",
        "PGPORT": str(url.port or 5432),
        "PGUSER": url.username or "",
        "PGDATABASE": url.database or "",
        "PGPASSWORD": url.password or "",
    }
    command = [str(embedded.programs() / program), *([f"--dbname={url.database}"] if connected else []), *arguments]
    ended = subprocess.run(
        command, env={**os.environ, **where}, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    if ended.returncode:
        raise DumpFailed(f"{program}: {ended.stderr.strip() or ended.returncode}")

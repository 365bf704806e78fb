"""Packages of evidence that somebody asked for on the pages: what was asked, and where the finished ones lie.

The pages only ask.  A worker makes the package exactly as the command does (`pipeline.evidence`), puts it into the
bucket `export`, and says so here; for some days it can be fetched from there.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

from sqlalchemy import Connection, text

from lastseen.errors import WrongUse
from lastseen.lifecycle import CandidateState, WorkState
from lastseen.roles import Role
from lastseen.words import Words, words
from storage import candidates, work
from storage.accounts import User
from storage.custody import Action, Entry
from storage.work import Queue

STEP: Final = "package"
"""of the items in `work`; the subject is the request"""
KEPT: Final = timedelta(days=7)
"""for so long a finished package can be fetched"""
NAME: Final = "package.zip"
"""how the objects' keys end"""
CHANGED: Final = words("People came to something else since it was asked for: it is no possible sighting any more.")
NOT_THEIRS: Final = words("Whoever asked for it may not have packages made any more. Another senior can ask for it.")

ASK = text("""
    INSERT INTO packages (candidate_id, recipient, reason, asked_by)
    VALUES (:candidate, :recipient, :reason, :by) RETURNING id""")
WAITING = text("""
    SELECT EXISTS (SELECT FROM packages JOIN work ON work.step = 'package' AND work.subject = packages.id
                    WHERE candidate_id = :candidate AND recipient = :recipient AND reason = :reason
                      AND work.state = 'open')""")
GET = text("""
    SELECT packages.id, candidate_id AS candidate, recipient, reason, asked_by, asked_at, candidates.state,
           EXISTS (SELECT FROM users
                    WHERE users.name = asked_by AND disabled_at IS NULL AND :senior = ANY(roles)) AS may
      FROM packages JOIN candidates ON candidates.id = candidate_id
     WHERE packages.id = :id""")
_PACKAGE = """
    SELECT packages.id, packages.candidate_id AS candidate, recipient, reason, asked_by, asked_at,
           export_id AS export, package_files.sha256, log_key, size, object_key AS key, made_at, removed_at,
           work.state, work.outcome, work.why
      FROM packages
      LEFT JOIN package_files ON package_id = packages.id
      LEFT JOIN work ON work.step = 'package' AND work.subject = packages.id"""
OF_CANDIDATE = text(f"{_PACKAGE} WHERE packages.candidate_id = :candidate ORDER BY packages.id DESC")
FIND = text(f"{_PACKAGE} WHERE packages.id = :id")
KEEP = text("""
    INSERT INTO package_files (package_id, export_id, sha256, log_key, size, object_key)
    VALUES (:package, :export, :sha256, :log_key, :size, :key)""")
OVER = text("""
    SELECT packages.id, packages.candidate_id AS candidate, object_key AS key, export_id AS export
      FROM package_files JOIN packages ON packages.id = package_id
     WHERE removed_at IS NULL AND made_at < now() - CAST(:kept AS interval) ORDER BY packages.id""")
REMOVED = text("UPDATE package_files SET removed_at = now() WHERE package_id = :id AND removed_at IS NULL")
LOGGED = text("""
    SELECT detail ->> 'export' FROM custody_events
     WHERE action = 'exported' AND detail ->> 'export' = ANY(CAST(:names AS text[]))""")
KEYS = text("SELECT object_key FROM package_files WHERE removed_at IS NULL")


@dataclass(frozen=True, slots=True)
class Wanted:
    """What was asked for."""

    id: int
    candidate: int
    recipient: str
    reason: str
    asked_by: str
    """name of the account"""
    asked_at: datetime
    state: str
    """of the candidate, now"""
    may: bool
    """whoever asked may still have packages made"""

    @property
    def refusal(self) -> Words | None:
        """Why it is not to be made (any more); None: it is."""
        if self.state != CandidateState.SIGHTING:
            return CHANGED
        return None if self.may else NOT_THEIRS


@dataclass(frozen=True, slots=True)
class Package:
    """What was asked for, and what came of it."""

    id: int
    candidate: int
    recipient: str
    reason: str
    asked_by: str
    asked_at: datetime
    export: str | None
    """its name in the custody log; None: it is not made"""
    sha256: str | None
    """of the file that binds every other in it: whoever gets the package is told it by another way"""
    log_key: str | None
    """verifier key of the custody log, to be told likewise"""
    size: int | None
    """bytes of the one file that holds it"""
    key: str | None
    made_at: datetime | None
    removed_at: datetime | None
    state: str | None
    """of the work on it"""
    outcome: str | None
    """class of what went wrong with it, the last time"""
    why: str | None
    """why it was not made, or not yet"""

    @property
    def ready(self) -> bool:
        """It can be fetched."""
        return self.key is not None and self.removed_at is None

    @property
    def told(self) -> str:
        """`why`, which the pages can say in other languages where it is a rule of ours."""
        return next((one for one in (CHANGED, NOT_THEIRS) if one == self.why), self.why or "")

    @property
    def failed(self) -> bool:
        """It will not be made as it was asked for."""
        return self.key is None and self.state not in (None, WorkState.OPEN)


def ask(db: Connection, candidate: int, recipient: str, reason: str, user: User) -> list[Entry]:
    """Have a package made of a candidate's case.  Returns what the custody log must say.  Raises WrongUse.

    What is asked for twice, word for word, before it is made (a button pressed twice) is made once.  Call it first in
    its transaction: it takes `candidates.lock_question`.
    """
    recipient, reason = " ".join(recipient.split()), reason.strip()
    if not recipient or not reason:
        raise WrongUse(
            words("Say for whom the package is, and why it leaves the office: both stand in it and in the log.")
        )
    candidates.lock_question(db, candidate)
    values = {"candidate": candidate, "recipient": recipient, "reason": reason, "by": user.name}
    if db.execute(WAITING, values).scalar_one():
        return []
    made: int = db.execute(ASK, values).scalar_one()
    work.offer(db, Queue(STEP), [made])
    return [Entry(Action.ASKED_FOR, f"candidate:{candidate}", {"package": made}, reason)]


def get(db: Connection, package: int) -> Wanted | None:
    """What was asked for.  None: a lawful order had it erased."""
    row = db.execute(GET, {"id": package, "senior": Role.SENIOR}).mappings().first()
    return Wanted(**row) if row else None


def find(db: Connection, package: int) -> Package | None:
    """What was asked for, and what came of it."""
    row = db.execute(FIND, {"id": package}).mappings().first()
    return Package(**row) if row else None


def of_candidate(db: Connection, candidate: int) -> tuple[Package, ...]:
    """Those of one candidate, the newest first."""
    return tuple(Package(**row) for row in db.execute(OF_CANDIDATE, {"candidate": candidate}).mappings())


def keep(db: Connection, package: int, export: str, sha256: str, log_key: str, size: int, key: str) -> None:
    """Say that a package is ready, and where."""
    values = {"package": package, "export": export, "sha256": sha256, "log_key": log_key, "size": size, "key": key}
    db.execute(KEEP, values)


def over(db: Connection) -> Sequence[tuple[int, int, str, str]]:
    """Finished packages whose days are over: (id, candidate, key, name of the export)."""
    return [(row.id, row.candidate, row.key, row.export) for row in db.execute(OVER, {"kept": KEPT})]


def removed(db: Connection, package: int, candidate: int, export: str) -> Entry:
    """Say that a finished package can be fetched no more.  Returns what the custody log must say."""
    db.execute(REMOVED, {"id": package})
    why = f"a package can be fetched for {KEPT.days} days"
    return Entry(Action.EXPIRED, f"candidate:{candidate}", {"package": package, "export": export}, why)


def logged(db: Connection, names: Sequence[str]) -> frozenset[str]:
    """Which of these exports the custody log knows."""
    return frozenset(db.execute(LOGGED, {"names": list(names)}).scalars())


def keys(db: Connection) -> frozenset[str]:
    """Where those lie that can be fetched."""
    return frozenset(db.execute(KEYS).scalars())

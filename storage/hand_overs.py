"""Hand-overs: a possible sighting was given to a case officer, to whom, by whom, and in which words.

Facts: a hand-over is never changed.  Where people come to something else afterwards, it stays, and the list of
possible sightings says that whoever was told has to be told again (`storage.decided`).
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from lastseen.errors import WrongUse
from lastseen.lifecycle import CandidateState
from lastseen.words import words
from storage import candidates
from storage.accounts import User
from storage.custody import Action, Entry

STATE = text("SELECT state FROM candidates WHERE id = :candidate")
KEEP = text("""
    INSERT INTO hand_overs (candidate_id, receiver, note, handed_by)
    VALUES (:candidate, :receiver, :note, :by) RETURNING id""")
OF_CANDIDATE = text("""
    SELECT id, receiver, note, handed_by, handed_at FROM hand_overs WHERE candidate_id = :candidate ORDER BY id""")


class NotHanded(WrongUse):
    """What cannot be handed over; the message is for the person."""


@dataclass(frozen=True, slots=True)
class HandOver:
    """One that was made."""

    id: int
    receiver: str
    note: str
    handed_by: str
    """name of the account"""
    handed_at: datetime


def hand_over(db: Connection, candidate: int, receiver: str, note: str, user: User) -> Entry:
    """Write down that a possible sighting goes to `receiver`.  Returns what the custody log must say.

    The log has the hash of what was said, and no names.  Raises NotHanded.  Call it first in its transaction: it takes
    `candidates.lock_question`, so that nobody judges meanwhile.
    """
    receiver, note = " ".join(receiver.split()), note.strip()
    if not receiver:
        raise NotHanded(words("Say who gets it: the name or the office of the case officer."))
    candidates.lock_question(db, candidate)
    if db.execute(STATE, {"candidate": candidate}).scalar() != CandidateState.SIGHTING:
        raise NotHanded(words("This is no possible sighting any more, so there is nothing to hand over."))
    said = {"receiver": receiver, "note": note}
    made = db.execute(KEEP, {**said, "candidate": candidate, "by": user.name}).scalar_one()
    content = json.dumps(said, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    detail = {"hand_over": made, "content": hashlib.sha256(content.encode()).hexdigest()}
    return Entry(Action.HANDED_OVER, f"candidate:{candidate}", detail)


def of_candidate(db: Connection, candidate: int) -> tuple[HandOver, ...]:
    """Those of one candidate, the newest last."""
    return tuple(HandOver(**row) for row in db.execute(OF_CANDIDATE, {"candidate": candidate}).mappings())

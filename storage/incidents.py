"""What did not stand as it was recorded: found by a machine, explained by a person, repaired by nobody in silence."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, text

from lastseen.errors import WrongUse
from storage import alerts
from storage.custody import Action, Entry, Incident

KEEP = text("""
    INSERT INTO incidents (what, place, found_by) VALUES (:what, :place, :actor)
    ON CONFLICT (what, place) DO NOTHING RETURNING id""")

EXPLAIN = text("""
    INSERT INTO incident_explanations (incident_id, reason, explained_by) VALUES (:id, :reason, :actor)
    ON CONFLICT (incident_id) DO NOTHING""")

LISTED = text("""
    SELECT id, what, place, found_at, found_by, reason, explained_by, explained_at
      FROM incidents LEFT JOIN incident_explanations ON incident_id = id
     WHERE :closed OR incident_id IS NULL ORDER BY id""")

EXPLAINED = text("SELECT what, place FROM incidents JOIN incident_explanations ON incident_id = id")


@dataclass(frozen=True, slots=True)
class Known:
    """One that was recorded."""

    id: int
    what: str
    place: str
    found_at: datetime
    found_by: str
    reason: str | None
    """what people found out; None: it is open"""
    explained_by: str | None
    explained_at: datetime | None

    @property
    def state(self) -> str:
        """`open` or `explained`."""
        return "open" if self.reason is None else "explained"


def keep(db: Connection, found: Iterable[Incident], actor: str) -> list[Entry]:
    """Record incidents, and tell the operator of those that are new.  Returns what the custody log must say."""
    return [entry for one in found for entry in _keep(db, one, actor)]


def _keep(db: Connection, found: Incident, actor: str) -> list[Entry]:
    made = db.execute(KEEP, {"what": found.what, "place": found.where, "actor": actor}).scalar()
    if made is None:
        return []
    alerts.sound(db, alerts.INCIDENT, f"incident:{made}", f"{found.where}: {found.what}")
    return [Entry(Action.INCIDENT, f"incident:{made}", {"what": found.what, "where": found.where})]


def explain(db: Connection, incident: int, reason: str, actor: str) -> list[Entry]:
    """Close an incident with what people found out.  Returns what the custody log must say.  Raises WrongUse."""
    if incident not in {one.id for one in listed(db, closed=True)}:
        raise WrongUse(f"there is no incident {incident}: `lastseen incidents` lists them")
    if not db.execute(EXPLAIN, {"id": incident, "reason": reason, "actor": actor}).rowcount:
        raise WrongUse(f"incident {incident} was explained before: what was found out stays as it was written")
    alerts.end(db, alerts.INCIDENT, f"incident:{incident}")
    return [Entry(Action.EXPLAINED, f"incident:{incident}", reason=reason)]


def listed(db: Connection, *, closed: bool = False) -> list[Known]:
    """The open ones; with `closed` all of them."""
    return [Known(**found) for found in db.execute(LISTED, {"closed": closed}).mappings()]


def explained(db: Connection) -> set[Incident]:
    """Those that somebody has explained."""
    return {Incident(found.what, found.place) for found in db.execute(EXPLAINED)}

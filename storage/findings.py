"""What was found odd about photos of the register, and what the register keeper said of it.

A finding is never taken away: it is listed as long as it stands, that is as long as both photos have a template and
the last look found it.  What somebody wrote of two entries holds for photos as near as those that they saw, or farther
ones; nearer ones open the finding again.  Distances of another engine say nothing about that.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, RowMapping, text

from lastseen.errors import WrongUse
from lastseen.lifecycle import WorkState
from lastseen.records import Finding, FindingKind, FindingState, TieKind
from storage import work
from storage.custody import Action, Entry
from storage.work import Queue

STEP = "check_photos"
"""whose subjects are people"""

_BOTH_THERE = """
    EXISTS (SELECT FROM templates WHERE templates.photo_id = photo_findings.photo_id
               AND templates.engine = photo_findings.engine)
    AND EXISTS (SELECT FROM templates WHERE templates.photo_id = photo_findings.other_photo_id
                   AND templates.engine = photo_findings.engine)"""

# What this look at a person did not find.  Of two entries nothing goes that is within the bounds: the other one's photo
# may have come after what this look has read, and it was looked at, too.
FALL = text("""
    UPDATE photo_findings SET stands = false
     WHERE stands AND :person IN (person_id, other_person_id)
       AND CASE WHEN kind = 'apart' THEN photo_id <> ALL(CAST(:apart AS bigint[]))
                ELSE distance > :alike OR engine <> :engine END""")

# Nothing is kept of a photo that was removed after this look had read it; and until this is kept, none is removed.
_KEEP = """
    INSERT INTO photo_findings (kind, person_id, photo_id, other_person_id, other_photo_id, engine, distance, bound)
    SELECT :kind, :person, :photo, :other_person, :other_photo, :engine, :distance, :bound
      FROM templates AS its, templates AS theirs
     WHERE its.photo_id = :photo AND its.engine = :engine
       AND theirs.photo_id = :other_photo AND theirs.engine = :engine LIMIT 1 FOR SHARE
    ON CONFLICT ({key}) WHERE kind {of} 'apart' DO UPDATE
       SET kind = excluded.kind, photo_id = excluded.photo_id, other_photo_id = excluded.other_photo_id,
           engine = excluded.engine, distance = excluded.distance, bound = excluded.bound, stands = true,
           found_at = CASE WHEN photo_findings.stands THEN photo_findings.found_at ELSE now() END"""
KEEP_APART = text(_KEEP.format(key="photo_id", of="="))
KEEP_PAIR = text(f"""{_KEEP.format(key="person_id, other_person_id", of="<>")}
     WHERE NOT photo_findings.stands OR photo_findings.engine <> excluded.engine OR NOT ({_BOTH_THERE})
        OR (excluded.distance, excluded.photo_id, excluded.other_photo_id)
           <= (photo_findings.distance, photo_findings.photo_id, photo_findings.other_photo_id)""")

STANDING = f"""
    SELECT photo_findings.id, photo_findings.kind, person_id, photo_findings.other_person_id, photo_id, other_photo_id,
           distance, bound, found_at, ties.kind AS tie, said.reason, said.explained_by, said.explained_at,
           CASE WHEN said.reason IS NOT NULL OR ties.kind = 'same' THEN 'explained'
                WHEN ties.kind = 'kin' OR photo_findings.kind = 'alike' THEN 'warning' ELSE 'open' END AS state
      FROM photo_findings
      LEFT JOIN ties ON one_person_id = person_id AND ties.other_person_id = photo_findings.other_person_id
      LEFT JOIN LATERAL (
           SELECT reason, explained_by, explained_at FROM finding_explanations
            WHERE finding_id = photo_findings.id
              AND (photo_findings.kind = 'apart' OR finding_explanations.engine <> photo_findings.engine
                   OR finding_explanations.distance <= photo_findings.distance)
            ORDER BY id DESC LIMIT 1) AS said ON true
     WHERE stands AND {_BOTH_THERE}"""  # noqa: S608  our own words
"""findings that stand, with their states"""

COUNTS = f"SELECT state, count(*) AS findings FROM ({STANDING}) AS found GROUP BY state"  # noqa: S608  our own words

_LISTED = f"""
    SELECT found.id, found.kind, found.state, one.register_number AS person, photo_id AS photo,
           its.file_name AS photo_name, its.crop_key AS photo_crop, other.register_number AS other_person,
           other_photo_id AS other_photo, theirs.file_name AS other_photo_name,
           theirs.crop_key AS other_photo_crop, distance, bound, found_at, tie, reason, explained_by,
           explained_at
      FROM ({STANDING}) AS found
      JOIN persons AS one ON one.id = person_id
      JOIN persons AS other ON other.id = other_person_id
      JOIN reference_photos AS its ON its.id = photo_id
      JOIN reference_photos AS theirs ON theirs.id = other_photo_id"""  # noqa: S608  our own words
LISTED = text(f"""{_LISTED}
     WHERE (:closed OR found.state = 'open')
       AND (CAST(:person AS text) IS NULL OR :person IN (one.register_number, other.register_number))
     ORDER BY found.id DESC LIMIT :limit""")
ONE = text(f"{_LISTED} WHERE found.id = :id")

PHOTO_KEY = text(f"""
    SELECT crop_key FROM reference_photos
     WHERE id = :id AND EXISTS (SELECT FROM ({STANDING}) AS found WHERE :id IN (photo_id, other_photo_id))
""")  # noqa: S608  our own words

EXPLAIN = text("""
    INSERT INTO finding_explanations (finding_id, engine, distance, reason, explained_by)
    SELECT id, engine, distance, :reason, :actor FROM photo_findings WHERE id = :id""")

BESIDE = text("""
    SELECT DISTINCT person
      FROM photo_findings CROSS JOIN LATERAL (VALUES (person_id), (other_person_id)) AS of_them (person)
     WHERE stands AND (photo_id = ANY(CAST(:photos AS bigint[])) OR other_photo_id = ANY(CAST(:photos AS bigint[])))
     ORDER BY person""")

# Nobody has looked at them since the engine, or what distances mean, changed.
DUE = text("""
    SELECT DISTINCT person_id FROM templates JOIN reference_photos ON reference_photos.id = templates.photo_id
     WHERE templates.engine = :engine
       AND NOT EXISTS (SELECT FROM work WHERE step = 'check_photos' AND recipe = :engine AND subject = person_id
                          AND (state <> 'done' OR settled_at >= coalesce(
                               (SELECT max(adopted_at)
                                  FROM calibration_adoptions JOIN calibrations ON calibrations.id = calibration_id
                                 WHERE engine = :engine), settled_at)))
     ORDER BY person_id""")


@dataclass(frozen=True, slots=True)
class Listed:
    """One finding as the register keeper reads it."""

    id: int
    kind: FindingKind
    state: FindingState
    person: str
    """register number"""
    photo: int
    photo_name: str
    photo_crop: str | None
    """key of its crop in the derived bucket"""
    other_person: str
    other_photo: int
    other_photo_name: str
    other_photo_crop: str | None
    distance: float
    bound: float
    found_at: datetime
    tie: TieKind | None
    """what is declared of the two entries"""
    reason: str | None
    """what somebody wrote of it"""
    explained_by: str | None
    explained_at: datetime | None


def keep(db: Connection, engine: str, person: int, found: Sequence[Finding], alike: float) -> None:
    """Record what one look at the photos of a person (row id) found, and what it did not find any more.

    `alike`: the distance up to which it looked at other entries.
    """
    apart = [one.photo for one in found if one.kind is FindingKind.APART]
    db.execute(FALL, {"person": person, "apart": apart, "alike": alike, "engine": engine})
    for one in sorted(found, key=lambda one: (one.person, one.other_person, one.photo)):
        statement = KEEP_APART if one.kind is FindingKind.APART else KEEP_PAIR
        db.execute(statement, {**asdict(one), "engine": engine})


def listed(
    db: Connection, *, closed: bool = False, person: str | None = None, limit: int | None = None
) -> list[Listed]:
    """Those that are open, the newest first; with `closed` also what is explained or only a warning.

    Only of one entry (register number), if given.
    """
    rows = db.execute(LISTED, {"closed": closed, "person": person, "limit": limit}).mappings()
    return [_listed(row) for row in rows]


def counts(db: Connection) -> dict[str, int]:
    """How many findings that stand are in which state."""
    found: dict[str, int] = {row.state: row.findings for row in db.execute(text(COUNTS))}
    return {state: found.get(state, 0) for state in FindingState}


def photo_key(db: Connection, photo: int) -> str | None:
    """Where the crop of a photo lies in the derived bucket, if a finding that stands is about it."""
    found: str | None = db.execute(PHOTO_KEY, {"id": photo}).scalar()
    return found


def explain(db: Connection, finding: int, reason: str, actor: str) -> list[Entry]:
    """Write down what a finding is.  Returns what the custody log must say.  Raises WrongUse."""
    row = db.execute(ONE, {"id": finding}).mappings().one_or_none()
    if row is None:
        raise WrongUse(f"there is no finding {finding}, or its cause is gone: `lastseen register findings` lists them")
    if row["state"] == FindingState.EXPLAINED:
        why = "by the tie of the two entries" if row["reason"] is None else "before: what was written stays"
        raise WrongUse(f"finding {finding} is explained {why}")
    db.execute(EXPLAIN, {"id": finding, "reason": reason, "actor": actor})
    return [Entry(Action.EXPLAINED, f"finding:{finding}", reason=reason)]


def beside(db: Connection, photos: Sequence[int]) -> Sequence[int]:
    """Row ids of the people whose findings rest on some photos."""
    return db.execute(BESIDE, {"photos": list(photos)}).scalars().all()


def look_again(db: Connection, engine: str, people: Sequence[int]) -> None:
    """Have the photos of some people (row ids) looked at, also if they were before."""
    work.offer(db, Queue(STEP, engine), people)
    work.again(db, Queue(STEP, engine, tuple(people)))


def fill(db: Connection, engine: str) -> None:
    """Have everybody looked at whom nobody has looked at since the engine or its calibration is in use."""
    due = tuple(db.execute(DUE, {"engine": engine}).scalars())
    work.offer(db, Queue(STEP, engine), due)
    work.reopen(db, Queue(STEP, engine, due), [WorkState.DONE])


def _listed(row: RowMapping) -> Listed:
    tie = None if row["tie"] is None else TieKind(row["tie"])
    return Listed(**{**row, "kind": FindingKind(row["kind"]), "state": FindingState(row["state"]), "tie": tie})

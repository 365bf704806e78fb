"""In which people's statements and possible sightings contradict each other: worked out anew from what stands.

Entries that are declared as one person are one here.  What was so at a past moment is worked out from what had been
written down by then.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from sqlalchemy import Connection, text

from lastseen.fates import Claim, Conflict, Contradiction, Sight, contradictions, tally
from lastseen.records import Says
from storage import ties

CLAIMS = text("""
    SELECT id, person_id, says, body, dated, since FROM statements
     WHERE (CAST(:people AS bigint[]) IS NULL OR person_id = ANY(CAST(:people AS bigint[])))
       AND (CAST(:as_of AS timestamptz) IS NULL OR entered_at <= :as_of)
       AND NOT EXISTS (SELECT FROM statement_withdrawals
                        WHERE statement_id = statements.id
                          AND (CAST(:as_of AS timestamptz) IS NULL OR withdrawn_at <= :as_of))
     ORDER BY id""")
_SIGHTS = """
    SELECT candidates.id AS candidate, person_id,
           CAST(min(published_at) FILTER (WHERE {known}) AT TIME ZONE 'UTC' AS date) AS published,
           CAST(min(first_seen_at) AT TIME ZONE 'UTC' AS date) AS first_seen
      FROM candidates
      JOIN tracks ON tracks.id = track_id
      JOIN analyses ON analyses.id = analysis_id
      LEFT JOIN media_items ON media_items.blob_id = analyses.blob_id
            AND (CAST(:as_of AS timestamptz) IS NULL OR carried_at IS NULL OR carried_at <= :as_of)
      LEFT JOIN posts ON posts.id = post_id AND (CAST(:as_of AS timestamptz) IS NULL OR first_seen_at <= :as_of)
     WHERE person_id = ANY(CAST(:people AS bigint[])) AND {stands}
     GROUP BY candidates.id ORDER BY candidates.id"""
SIGHTS = text(_SIGHTS.format(known="true", stands="state = 'sighting'"))
# Few of all that was ever judged was a sighting once: those are asked what they were then.
SIGHTS_THEN = text(
    _SIGHTS.format(
        known="published_known_at IS NULL OR published_known_at <= :as_of",
        stands="""
           candidates.id IN (SELECT candidate_id FROM verdicts WHERE verdict = 'sighting' AND made_at <= :as_of)
       AND (SELECT verdict FROM verdicts WHERE verdicts.candidate_id = candidates.id AND made_at <= :as_of
             ORDER BY verdicts.id DESC LIMIT 1) = 'sighting'""",
    )
)


@dataclass(frozen=True, slots=True)
class Contradicted:
    """One person, and what contradicts each other of what stands of them."""

    entries: tuple[int, ...]
    """row ids of all entries that are this person"""
    found: tuple[Contradiction, ...]
    """at least one"""


def every(db: Connection, as_of: datetime | None = None) -> list[Contradicted]:
    """Everybody of whom something contradicts something, by entry; `as_of`: as it was then."""
    return _found(_everything(db, as_of))


def tallies(db: Connection, as_of: datetime) -> list[tuple[int, Counter[Conflict]]]:
    """The same, as it was then, by the least of their entries (row id): how many contradictions of which kind."""
    told = ((group[0], tally(said, seen)) for group, said, seen in _everything(db, as_of))
    return sorted((person, found) for person, found in told if found)


def of_person(db: Connection, person: int, as_of: datetime | None = None) -> tuple[Contradiction, ...]:
    """The same of one entry (row id), and of all that are declared as the same person."""
    return next((one.found for one in of_people(db, [person], as_of)), ())


def of_people(db: Connection, people: Sequence[int], as_of: datetime | None = None) -> list[Contradicted]:
    """The same of some entries (row ids); those of whom nothing contradicts anything are left out."""
    groups = ties.groups(db, people, as_of)
    entries = sorted({entry for group in groups for entry in group})
    return _found(_told(groups, _claims(db, entries, as_of), _sights(db, entries, as_of)))


def entries_of(db: Connection, person: int) -> tuple[int, ...]:
    """Row ids of all entries that are declared as this person, this one included."""
    return ties.groups(db, [person])[0]


def _claims(db: Connection, people: Sequence[int] | None, as_of: datetime | None) -> dict[int, list[Claim]]:
    values = {"people": None if people is None else list(people), "as_of": as_of}
    found: dict[int, list[Claim]] = defaultdict(list)
    for id_, person, says, body, dated, since in db.execute(CLAIMS, values):
        found[person].append(Claim(id_, Says(says), body, dated, since))
    return found


def _sights(db: Connection, people: Sequence[int], as_of: datetime | None) -> dict[int, list[Sight]]:
    statement = SIGHTS if as_of is None else SIGHTS_THEN
    found: dict[int, list[Sight]] = defaultdict(list)
    for row in db.execute(statement, {"people": list(people), "as_of": as_of}):
        found[row.person_id].append(Sight(row.candidate, row.published, row.first_seen))
    return found


Told = tuple[tuple[int, ...], list[Claim], list[Sight]]
"""the entries of one person, what was said of them, and where they were seen"""


def _everything(db: Connection, as_of: datetime | None) -> Iterator[Told]:
    """Of everybody of whom anything was said."""
    claims = _claims(db, None, as_of)
    groups = ties.groups(db, claims, as_of)
    people = sorted({entry for group in groups for entry in group})
    return _told(groups, claims, _sights(db, people, as_of))


def _told(
    groups: Iterable[tuple[int, ...]], claims: Mapping[int, list[Claim]], sights: Mapping[int, list[Sight]]
) -> Iterator[Told]:
    for group in groups:
        said = [claim for entry in group for claim in claims.get(entry, ())]
        seen = [sight for entry in group for sight in sights.get(entry, ())]
        yield group, said, seen


def _found(told: Iterable[Told]) -> list[Contradicted]:
    made = [Contradicted(group, found) for group, said, seen in told if (found := contradictions(said, seen))]
    return sorted(made, key=lambda one: one.entries)


# --- what would contradict ---------------------------------------------------------------------------------

SUPPOSED: Final = -1
"""the row id of a statement that nobody has written down yet"""


@dataclass(frozen=True, slots=True)
class Supposed:
    """A statement that somebody may come to write down."""

    person: int
    claim: Claim
    """its id is SUPPOSED"""
    instead_of: int = 0
    """the statement that was written down of it, if it was: it does not contradict itself"""


def would(db: Connection, supposed: Sequence[Supposed]) -> list[tuple[Contradiction, ...]]:
    """Of each what would contradict it, of all that stands of its person: so that people see it before they decide."""
    groups = {entry: group for group in ties.groups(db, {one.person for one in supposed}) for entry in group}
    people = sorted(groups)
    claims, sights = _claims(db, people, None), _sights(db, people, None)
    return [_against(one, groups[one.person], claims, sights) for one in supposed]


def _against(
    one: Supposed, group: Iterable[int], claims: Mapping[int, list[Claim]], sights: Mapping[int, list[Sight]]
) -> tuple[Contradiction, ...]:
    group = tuple(group)
    said = [claim for entry in group for claim in claims.get(entry, ()) if claim.id != one.instead_of]
    seen = [sight for entry in group for sight in sights.get(entry, ())]
    if not said and not seen:
        return ()
    found = contradictions([*said, one.claim], seen)
    return tuple(each for each in found if SUPPOSED in (each.one.statement, each.other.statement))

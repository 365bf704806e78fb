"""Fingerprints of files, links between stretches that show the same footage, and what is spared an analysis by them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from sqlalchemy import Connection, func, insert, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from lastseen.records import Fingerprint
from storage.custody import Action, Entry
from storage.database import any_of
from storage.tables import fingerprints, repost_links
from storage.work import Queue

SPARED = "the same footage as blob "
"""how the reason of an analysis begins that was spared; then comes a sha256"""
SHELF = 500
"""fingerprints whose anchors are read at once"""

# Of two that are kept at once, the later sees the earlier.
LOCK = text("SELECT pg_advisory_xact_lock(hashtext('lastseen.reposts'))")

# Blobs whose analysis is done without a flaw or still to come, and whose tracks still have what is searched.
ANALYZED = text("""
    SELECT blobs.id FROM blobs JOIN work ON work.subject = blobs.id
     WHERE blobs.id = ANY(CAST(:blobs AS bigint[])) AND step = 'analyze' AND work.recipe = :recipe
       AND (state = 'open' OR (state = 'done' AND outcome IS NULL))
       AND NOT EXISTS (SELECT FROM analyses JOIN tracks ON tracks.analysis_id = analyses.id
                        WHERE analyses.blob_id = blobs.id AND gate = ''
                          AND NOT EXISTS (SELECT FROM templates WHERE track_id = tracks.id))""")

SPARE = text("""
    INSERT INTO work (step, subject, recipe, state, outcome, why, settled_at)
    VALUES ('analyze', :blob, :recipe, 'skipped', 'SKIPPED', :why, now())
    ON CONFLICT (step, subject, recipe) DO NOTHING""")

# What was spared for the sake of a file that is gone, was not analysed after all, or is linked with it no more.
REVIVE = text("""
    UPDATE work SET state = 'open', outcome = NULL, why = '', ready_at = now(), settled_at = NULL
     WHERE step = 'analyze' AND recipe = :recipe AND state = 'skipped' AND starts_with(why, :spared)
       AND NOT EXISTS (
           SELECT FROM blobs
             JOIN work AS other ON other.step = 'analyze' AND other.subject = blobs.id AND other.recipe = work.recipe
             JOIN repost_links ON withdrawn_at IS NULL AND one_blob_id = least(blobs.id, work.subject)
                                  AND other_blob_id = greatest(blobs.id, work.subject)
            WHERE blobs.sha256 = substr(work.why, length(:spared) + 1, 64)
              AND (other.state = 'open' OR (other.state = 'done' AND other.outcome IS NULL)))""")

INSIST = text("""
    UPDATE work SET state = 'open', outcome = NULL, why = '', ready_at = now(), settled_at = NULL
     WHERE step = 'analyze' AND recipe = :recipe AND state = 'skipped' AND starts_with(why, :spared)
       AND subject = ANY(CAST(:subjects AS bigint[]))""")

# Files whose fingerprint did not come about: nobody has said whether they are to be analysed.
LEFT = text("""
    SELECT subject FROM work AS looked
     WHERE step = 'fingerprint' AND state NOT IN ('open', 'done')
       AND NOT EXISTS (SELECT FROM work WHERE step = 'analyze' AND subject = looked.subject)
     ORDER BY subject""")

# Files of before there were fingerprints, the newest first.
WITHOUT = text("""
    SELECT DISTINCT subject FROM work AS looked
     WHERE step = 'analyze'
       AND NOT EXISTS (SELECT FROM work WHERE step = 'fingerprint' AND subject = looked.subject AND recipe = :recipe)
     ORDER BY subject DESC LIMIT :limit""")

LINKS = text("""
    SELECT repost_links.id, one.sha256 AS one, other.sha256 AS other, one_start_ms, one_end_ms, other_start_ms,
           other_end_ms, mirrored, distance, found_at
      FROM repost_links
      JOIN blobs AS one ON one.id = one_blob_id
      JOIN blobs AS other ON other.id = other_blob_id
     WHERE withdrawn_at IS NULL AND (CAST(:sha256 AS text) IS NULL OR :sha256 IN (one.sha256, other.sha256))
     ORDER BY one_blob_id, other_blob_id, one_start_ms""")


@dataclass(frozen=True, slots=True)
class Kept:
    """A fingerprint as it is compared."""

    id: int
    blob: int
    sha256: str
    kind: str
    width: int
    height: int
    complete: bool
    moments: bytes
    hashes: bytes
    light: bytes


@dataclass(frozen=True, slots=True)
class End:
    """One side of a link."""

    blob: int
    start_ms: int
    end_ms: int


@dataclass(frozen=True, slots=True)
class Link:
    """A stretch of one file shows the footage of a stretch of another."""

    id: int
    one: str
    """sha256"""
    other: str
    one_start_ms: int
    one_end_ms: int
    other_start_ms: int
    other_end_ms: int
    mirrored: bool
    distance: float
    """mean, of 256 bits"""
    found_at: datetime


@dataclass(frozen=True, slots=True)
class Group:
    """One footage: the file in which it was first kept, and those that are linked with that file itself.

    Links are not chained, so that a compilation does not weld what it was made of together: it stands in the group of
    each.
    """

    first: str
    """sha256"""
    links: tuple[Link, ...]
    """in each of which `one` is the first file"""

    @property
    def files(self) -> tuple[str, ...]:
        """The first file, and the others, in the order in which they were kept."""
        return tuple(dict.fromkeys((self.first, *(link.other for link in self.links))))


# --- fingerprints ------------------------------------------------------------------------------------------


def lock(db: Connection) -> None:
    """Until the transaction ends nobody else keeps a fingerprint."""
    db.execute(LOCK)


def keep(db: Connection, blob: int, recipe: str, found: Fingerprint, anchors: bytes) -> None:
    """Insert the fingerprint of a blob; `anchors` are what it is found by."""
    row = {
        "blob_id": blob,
        "recipe": recipe,
        "kind": found.kind,
        "width": found.width,
        "height": found.height,
        "duration_ms": found.duration_ms,
        "complete": found.complete,
        "moments": found.moments,
        "hashes": found.hashes,
        "light": found.light,
        "anchors": anchors,
    }
    db.execute(insert(fingerprints).values(**row))


def newest(db: Connection, recipe: str) -> int:
    """Row id of the newest fingerprint; 0: there is none."""
    return db.execute(select(func.max(fingerprints.c.id)).where(fingerprints.c.recipe == recipe)).scalar() or 0


def anchors(db: Connection, recipe: str, but: int, after: int = 0) -> Iterator[list[tuple[int, bytes]]]:
    """(blob, anchors) of all fingerprints newer than row `after`, but those of one blob; SHELF at a time."""
    statement = (
        select(fingerprints.c.blob_id, fingerprints.c.anchors)
        .where(fingerprints.c.recipe == recipe, fingerprints.c.blob_id != but, fingerprints.c.id > after)
        .execution_options(yield_per=SHELF)
    )
    for part in db.execute(statement).partitions():
        yield [(row.blob_id, row.anchors) for row in part]


def of_blobs(db: Connection, recipe: str, blobs: Sequence[int]) -> list[Kept]:
    """The fingerprints of some blobs, in their order."""
    names = ("id", "kind", "width", "height", "complete", "moments", "hashes", "light")
    columns = [fingerprints.c[name] for name in names]
    sha256 = text("(SELECT sha256 FROM blobs WHERE blobs.id = fingerprints.blob_id) AS sha256")
    statement = select(*columns, fingerprints.c.blob_id.label("blob"), sha256).where(
        fingerprints.c.recipe == recipe, fingerprints.c.blob_id == any_of(blobs)
    )
    found = {row["blob"]: Kept(**row) for row in db.execute(statement).mappings()}
    return [found[blob] for blob in blobs if blob in found]


# --- links -------------------------------------------------------------------------------------------------


def link(db: Connection, recipe: str, one: End, other: End, distance: float, *, mirrored: bool = False) -> None:
    """Keep that two stretches show the same; one that is kept already stays as it is."""
    first, second = sorted((one, other), key=lambda end: end.blob)
    row = {
        "one_blob_id": first.blob,
        "other_blob_id": second.blob,
        "one_start_ms": first.start_ms,
        "one_end_ms": first.end_ms,
        "other_start_ms": second.start_ms,
        "other_end_ms": second.end_ms,
        "mirrored": mirrored,
        "distance": distance,
        "recipe": recipe,
    }
    db.execute(upsert(repost_links).values(**row).on_conflict_do_nothing())


def links(db: Connection, sha256: str | None = None) -> list[Link]:
    """Those that stand, all or of one blob."""
    return [Link(**row) for row in db.execute(LINKS, {"sha256": sha256}).mappings()]


def groups(found: Sequence[Link]) -> list[Group]:
    """Links by what footage they are about; `found` is in the order of `links`.

    A link between two files that are both in the group of an earlier one says nothing new, and makes no group.
    """
    made: dict[str, list[Link]] = {}
    together: set[tuple[str, str]] = set()
    for first, of_it in groupby(found, key=lambda link: link.one):
        new = [link for link in of_it if (first, link.other) not in together]
        if new:
            made[first] = new
            others = dict.fromkeys(link.other for link in new)
            together |= {(one, other) for one in others for other in others}
    return [Group(first, tuple(of_it)) for first, of_it in made.items()]


def part(db: Connection, link_id: int, actor: str, reason: str) -> tuple[tuple[int, ...], Entry] | None:
    """Withdraw a link that somebody found to be wrong; None: it does not stand.

    Returns the two blobs, and what the log must say.  Arrange the candidates of both anew.
    """
    statement = (
        update(repost_links)
        .where(repost_links.c.id == link_id, repost_links.c.withdrawn_at.is_(None))
        .values(withdrawn_at=func.now(), withdrawn_by=actor)
        .returning(repost_links.c.one_blob_id, repost_links.c.other_blob_id)
    )
    parted = db.execute(statement).one_or_none()
    if parted is None:
        return None
    return tuple(parted), Entry(Action.PARTED, f"repost_link:{link_id}", {"blobs": list(parted)}, reason)


# --- what need not be analysed -----------------------------------------------------------------------------


def analyzed(db: Connection, recipe: str, blobs: Sequence[int]) -> set[int]:
    """Those of some blobs that are analysed by this recipe, or will be, and can still be searched."""
    return set(db.execute(ANALYZED, {"blobs": list(blobs), "recipe": recipe}).scalars())


def spare(db: Connection, recipe: str, blob: int, sha256: str, told: str) -> bool:
    """Have a blob not analysed, since another shows the same; False: it is in the queue already."""
    values = {"blob": blob, "recipe": recipe, "why": f"{SPARED}{sha256}{told}"}
    return bool(db.execute(SPARE, values).rowcount)


def revive(db: Connection, recipe: str) -> int:
    """Have analysed after all what was spared, and whose reason no longer holds.  Returns how many."""
    return db.execute(REVIVE, {"recipe": recipe, "spared": SPARED}).rowcount


def insist(db: Connection, queue: Queue) -> int:
    """Have the queue's subjects analysed although others show the same.  Returns how many were spared before."""
    return db.execute(INSIST, {**queue.values(), "spared": SPARED}).rowcount


def left(db: Connection) -> Sequence[int]:
    """Blobs whose fingerprint did not come about, and that were never offered to the analysis."""
    return db.execute(LEFT).scalars().all()


def without(db: Connection, recipe: str, limit: int) -> Sequence[int]:
    """Some blobs that were analysed, or are in the queue, without a fingerprint."""
    return db.execute(WITHOUT, {"recipe": recipe, "limit": limit}).scalars().all()

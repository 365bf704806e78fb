"""The allow-list: which channels and pages may be watched, and why; and how far each was read."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, RowMapping, select, text, update
from sqlalchemy.dialects.postgresql import insert

from lastseen.clock import utcnow
from lastseen.records import Listing, Platform, Source
from storage.tables import coverage, posts, sources

SHOWN = "CASE WHEN sources.platform = 'telegram' THEN split_part(sources.address, '/', 1) ELSE sources.address END"
"""Address of a source for those who must not see that one of its posts alone was pointed to: a channel's is its name"""
WIDEN = text("""
    UPDATE sources SET single = false, reason = reason || '; ' || CAST(:reason AS text) || ' (' || :by || ')'
     WHERE platform = :platform AND address = :address AND single""")


@dataclass(frozen=True, slots=True)
class Added:
    """A source on the list, and whether it is new there."""

    source: Source
    new: bool


@dataclass(frozen=True, slots=True)
class Asked:
    """How a source is to be read, where that is not as usual."""

    since: datetime | None = None
    with_comments: bool = False
    account: int | None = None
    """row id of the Telegram account that reads it; None: whichever there is"""
    single: bool = False
    """one post, and nothing else of its channel or list"""


AS_USUAL = Asked()


def add(
    db: Connection,
    platform: Platform,
    address: str,
    reason: str,
    legal_basis: str,
    added_by: str,
    asked: Asked = AS_USUAL,
) -> Added:
    """Put a source on the list; one that stands there already stays as it is.

    What was read for one post alone is read as a whole, once somebody asks for that: for the reason that they give.
    """
    row = {"platform": platform, "address": address, "reason": reason}
    how = {
        "read_since": asked.since,
        "with_comments": asked.with_comments,
        "account_id": asked.account,
        "single": asked.single,
    }
    made = db.execute(
        insert(sources)
        .values(**row, **how, legal_basis=legal_basis, added_by=added_by)
        .on_conflict_do_nothing()
        .returning(sources.c.id)
    ).scalar()
    if made is None and not asked.single:
        db.execute(WIDEN, {**row, "by": added_by})
    return Added(_one(db, platform, address), made is not None)


def every(db: Connection) -> list[Source]:
    """All sources, oldest first."""
    return [_source(row) for row in db.execute(select(sources).order_by(sources.c.id)).mappings()]


def get(db: Connection, source: int) -> Source:
    """One source by its row id."""
    return _source(db.execute(select(sources).where(sources.c.id == source)).mappings().one())


def of_post(db: Connection, post: int) -> Source:
    """The source that a post was read from."""
    statement = select(sources).join(posts, posts.c.source_id == sources.c.id).where(posts.c.id == post)
    return _source(db.execute(statement).mappings().one())


def cover(db: Connection, source: int, listing: Listing) -> None:
    """Record the range that a listing proves to have been read; reading it again only moves its last time."""
    if not listing.posts:
        return
    now = utcnow()
    statement = insert(coverage).values(
        source_id=source,
        first_post=listing.first,
        last_post=listing.last,
        complete=listing.complete,
        first_read_at=now,
        last_read_at=now,
    )
    db.execute(
        statement.on_conflict_do_update(
            index_elements=["source_id", "first_post", "last_post"],
            set_={
                "last_read_at": statement.excluded.last_read_at,
                "complete": coverage.c.complete | statement.excluded.complete,
            },
        )
    )


def read_since(db: Connection, source: int, moment: datetime | None) -> None:
    """What was published before is not read; None: all is."""
    db.execute(update(sources).where(sources.c.id == source).values(read_since=moment))


def _one(db: Connection, platform: Platform, address: str) -> Source:
    statement = select(sources).where(sources.c.platform == platform, sources.c.address == address)
    return _source(db.execute(statement).mappings().one())


def _source(row: RowMapping) -> Source:
    return Source(
        row["id"],
        Platform(row["platform"]),
        row["address"],
        row["reason"],
        row["read_since"],
        row["with_comments"],
        row["single"],
    )

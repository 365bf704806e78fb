"""Posts, what they looked like (observations), their media items, and the blobs these turned out to be."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, case, func, insert, null, or_, select, text, update
from sqlalchemy.dialects.postgresql import distinct_on
from sqlalchemy.dialects.postgresql import insert as upsert

from lastseen.records import FetchedFile, FileRole, MediaSeen, Platform, PostSeen, Seen, Source
from storage.database import any_of
from storage.objects import Stored
from storage.tables import blobs, media_items, observations, posts

# Of a post that looks as it did, where it has met another number of people than was known.
KEEP_AUDIENCE = text("""
    INSERT INTO audiences (post_id, observed_at, audience)
    SELECT :post, :at, CAST(:audience AS jsonb)
     WHERE CAST(:audience AS jsonb) IS DISTINCT FROM (
        SELECT audience FROM (SELECT audience, observed_at FROM observations
                               WHERE post_id = :post AND audience IS NOT NULL
                              UNION ALL SELECT audience, observed_at FROM audiences WHERE post_id = :post) AS known
         ORDER BY observed_at DESC LIMIT 1)
    ON CONFLICT DO NOTHING""")
FIRST_BESIDE = 10_000
"""ordinals from here on are of what stands beside a post's videos and pictures, of which there are fewer"""


@dataclass(frozen=True, slots=True)
class Noted:
    """What an observation added."""

    post: int
    observation: int | None
    """row id; None when the post looked as it did before"""
    new_items: tuple[int, ...]
    """media items that were not known"""
    back: bool = False
    """it was missing, or gone"""


@dataclass(frozen=True, slots=True)
class MediaItem:
    """One attachment, with what is needed to fetch it."""

    id: int
    post: int
    platform_post_id: str
    permalink: str
    """of the post"""
    address: str
    kind: str
    media_type: str | None = None
    size: int | None = None
    """bytes, where the platform states it"""
    locator: Mapping[str, str | int] | None = None
    """what asking for its bytes needs, where that is more than the address"""
    number: int | None = None
    """of the message that carries it"""
    chat: int | None = None
    """row id of the chat of that message"""


@dataclass(frozen=True, slots=True)
class Blob:
    """Bytes in the evidence bucket."""

    id: int
    sha256: str
    size: int
    media_type: str
    key: str
    version_id: str


def latest_hashes(db: Connection, source: int, among: Sequence[int] | None = None) -> Mapping[tuple[str, str], str]:
    """For each (platform's post id, method) of a source (of some posts), the content hash of its newest observation."""
    statement = (
        select(posts.c.platform_post_id, observations.c.method, observations.c.content_hash)
        .join(observations, observations.c.post_id == posts.c.id)
        .where(posts.c.source_id == source)
        .ext(distinct_on(posts.c.id, observations.c.method))
        .order_by(posts.c.id, observations.c.method, observations.c.id.desc())
    )
    if among is not None:
        statement = statement.where(posts.c.id == any_of(among))
    return {(row.platform_post_id, row.method): row.content_hash for row in db.execute(statement)}


def note(
    db: Connection, source: Source, seen: PostSeen, raw_sha256: str, *, changed: bool, looked: bool = True
) -> Noted:
    """Keep the post and its media items if they are new, and an observation if the post was found `changed`.

    Whoever read the same change a moment earlier has kept it: then there is nothing to add.  `looked`: the post itself
    was looked at, and not what a list says of it, which does not bring back what is missing.
    """
    before = _seen(db, source, seen) if looked else None
    post = _post(db, source, seen, looked=looked)
    observation = _observe(db, post, seen, raw_sha256) if changed else None
    if observation is None and looked and seen.audience:
        db.execute(KEEP_AUDIENCE, {"post": post, "at": seen.observed_at, "audience": json.dumps(seen.audience)})
    items = tuple(item for media in seen.media if (item := _item(db, post, media)) is not None)
    return Noted(post, observation, items, back=before in (Seen.MISSING, Seen.GONE))


def media_item(db: Connection, item: int) -> MediaItem:
    """One media item.  Raises sqlalchemy's NoResultFound for an id that does not exist."""
    statement = (
        select(
            media_items.c.id,
            media_items.c.post_id.label("post"),
            posts.c.platform_post_id,
            posts.c.permalink,
            media_items.c.address,
            media_items.c.kind,
            media_items.c.media_type,
            media_items.c.size,
            media_items.c.locator,
            posts.c.number,
            posts.c.chat_id.label("chat"),
        )
        .join(posts, posts.c.id == media_items.c.post_id)
        .where(media_items.c.id == item)
    )
    return MediaItem(**db.execute(statement).mappings().one())


def items_of_post(db: Connection, post: int) -> Sequence[int]:
    """Ids of all that a post carries."""
    return db.execute(select(media_items.c.id).where(media_items.c.post_id == post)).scalars().all()


def held_as(db: Connection, address: str) -> Blob | None:
    """The blob that some media item of this address turned out to be."""
    statement = _blobs().join(media_items, media_items.c.blob_id == blobs.c.id)
    row = db.execute(statement.where(media_items.c.address == address).limit(1)).mappings().first()
    return Blob(**row) if row else None


def item_beside(db: Connection, item: int, kind: str, address: str) -> int | None:
    """A further media item of the post of one, such as its sound; None if that of this address is there already."""
    post = db.execute(select(media_items.c.post_id).where(media_items.c.id == item)).scalar_one()
    db.execute(select(posts.c.id).where(posts.c.id == post).with_for_update())  # ordinals are given one at a time
    beside = select(func.max(media_items.c.ordinal)).where(
        media_items.c.post_id == post, media_items.c.ordinal >= FIRST_BESIDE
    )
    latest = db.execute(beside).scalar()
    ordinal = FIRST_BESIDE if latest is None else latest + 1
    statement = upsert(media_items).values(post_id=post, ordinal=ordinal, kind=kind, address=address)
    return db.execute(statement.on_conflict_do_nothing().returning(media_items.c.id)).scalar()


def carry(db: Connection, item: int, blob: int) -> None:
    """Record that a media item carries bytes that are held already."""
    since = func.coalesce(media_items.c.carried_at, func.now())
    db.execute(update(media_items).where(media_items.c.id == item).values(blob_id=blob, carried_at=since))


def carried(db: Connection, item: int) -> Blob | None:
    """The blob that a media item carries."""
    statement = _blobs().join(media_items, media_items.c.blob_id == blobs.c.id)
    row = db.execute(statement.where(media_items.c.id == item)).mappings().first()
    return Blob(**row) if row else None


def sources_of(db: Connection, items: Sequence[int]) -> Mapping[int, int]:
    """Media item -> source of its post."""
    statement = select(media_items.c.id, posts.c.source_id).join(posts, posts.c.id == media_items.c.post_id)
    return {row.id: row.source_id for row in db.execute(statement.where(media_items.c.id == any_of(items)))}


def items_of(
    db: Connection,
    source: int | None = None,
    since: datetime | None = None,
    platform: Platform | None = None,
    *,
    until: datetime | None = None,
    unfetched: bool = False,
) -> Sequence[int]:
    """Ids of the media items of a source, published (or, if that is unknown, first seen) between two moments.

    The moment `since` belongs to it, `until` does not.

    What stands beside them (sound, thumbnails, subtitles) comes with them, and is none of them.

    `unfetched`: only those that have no bytes yet.
    """
    statement = select(media_items.c.id).join(posts, posts.c.id == media_items.c.post_id)
    statement = statement.where(media_items.c.ordinal < FIRST_BESIDE)
    if platform is not None:
        statement = statement.where(posts.c.platform == platform)
    if unfetched:
        statement = statement.where(media_items.c.blob_id.is_(None))
    if source is not None:
        statement = statement.where(posts.c.source_id == source)
    return db.execute(statement.where(*_between(since, until)).order_by(media_items.c.id)).scalars().all()


def keep_blob(
    db: Connection, item: int, file: FetchedFile, stored: Stored, locked_until: datetime
) -> tuple[int, datetime | None]:
    """Record that the bytes are stored, verified and locked, and that `item` carries them.

    Returns its id, and since when it is stored, if it is new: the custody log says the same.
    """
    blob, stored_at = keep_bytes(db, file, stored, locked_until)
    carry(db, item, blob)
    return blob, stored_at


def keep_bytes(
    db: Connection, file: FetchedFile, stored: Stored, locked_until: datetime
) -> tuple[int, datetime | None]:
    """The same of bytes that no post carries, as far as is known."""
    made = db.execute(
        upsert(blobs)
        .values(
            sha256=file.sha256,
            size=file.size,
            media_type=file.media_type,
            object_key=stored.key,
            version_id=stored.version_id,
            locked_until=locked_until,
        )
        .on_conflict_do_nothing(index_elements=["sha256"])
        .returning(blobs.c.id, blobs.c.stored_at)
    ).one_or_none()
    blob = made.id if made else db.execute(select(blobs.c.id).where(blobs.c.sha256 == file.sha256)).scalar_one()
    return blob, made.stored_at if made else None


def blob(db: Connection, blob_id: int) -> Blob:
    """One blob by its row id."""
    return Blob(**db.execute(_blobs().where(blobs.c.id == blob_id)).mappings().one())


def blobs_of(
    db: Connection,
    source: int | None = None,
    since: datetime | None = None,
    sha256: str | None = None,
    *,
    until: datetime | None = None,
) -> Sequence[int]:
    """Ids of the blobs that posts of a source carry, published between two moments as in `items_of`, or with one hash.

    Without a hash: those that are looked at, which are videos and pictures, also earlier ones of the same address, and
    thumbnails of what could not be had.
    """
    other = media_items.alias()
    had = select(other.c.id).where(
        other.c.post_id == media_items.c.post_id, other.c.ordinal < FIRST_BESIDE, other.c.blob_id.is_not(None)
    )
    looked_at = or_(
        media_items.c.ordinal < FIRST_BESIDE,
        media_items.c.kind.in_([FileRole.VIDEO, FileRole.IMAGE]),
        and_(media_items.c.kind == FileRole.THUMBNAIL, ~had.exists()),
    )
    statement = (
        select(blobs.c.id)
        .join(media_items, media_items.c.blob_id == blobs.c.id)
        .join(posts, posts.c.id == media_items.c.post_id)
        .distinct()
    )
    if source is not None:
        statement = statement.where(posts.c.source_id == source)
    statement = statement.where(*_between(since, until)).where(
        looked_at if sha256 is None else blobs.c.sha256 == sha256
    )
    return db.execute(statement.order_by(blobs.c.id)).scalars().all()


def carriers_of(db: Connection, sha256: str) -> Sequence[int]:
    """Sources of posts that carry a blob."""
    statement = select(posts.c.source_id).where(posts.c.id.in_(_carrying(sha256))).distinct()
    return db.execute(statement.order_by(posts.c.source_id)).scalars().all()


def look_again(
    db: Connection,
    sources: Sequence[int],
    since: datetime | None = None,
    sha256: str | None = None,
    *,
    until: datetime | None = None,
) -> int:
    """Have posts of some sources be looked for now, though they are not due: between two moments as in `items_of`, or
    those that carry a blob.  Returns how many."""
    named = [] if sha256 is None else [posts.c.id.in_(_carrying(sha256))]
    wanted = update(posts).where(posts.c.source_id == any_of(sources), *_between(since, until), *named)
    return db.execute(wanted.values(again_after=posts.c.checked_at)).rowcount


def _carrying(sha256: str) -> Select[tuple[int]]:
    items = select(media_items.c.post_id).join(blobs, blobs.c.id == media_items.c.blob_id)
    return items.where(blobs.c.sha256 == sha256)


def _between(since: datetime | None, until: datetime | None) -> list[ColumnElement[bool]]:
    after = [] if since is None else [_when() >= since]
    return after if until is None else [*after, _when() < until]


def _when() -> ColumnElement[datetime]:
    return func.coalesce(posts.c.published_at, posts.c.first_seen_at)


def _blobs() -> Select[tuple[int, str, int, str, str, str]]:
    return select(
        blobs.c.id,
        blobs.c.sha256,
        blobs.c.size,
        blobs.c.media_type,
        blobs.c.object_key.label("key"),
        blobs.c.version_id,
    )


def _seen(db: Connection, source: Source, seen: PostSeen) -> str | None:
    """How the post stood before."""
    return db.execute(
        select(posts.c.seen).where(posts.c.source_id == source.id, posts.c.platform_post_id == seen.platform_post_id)
    ).scalar()


def _post(db: Connection, source: Source, seen: PostSeen, *, looked: bool) -> int:
    statement = upsert(posts).values(
        source_id=source.id,
        platform=source.platform,
        platform_post_id=seen.platform_post_id,
        permalink=seen.permalink,
        published_at=seen.published_at,
        seen=seen.seen,
        first_seen_at=seen.observed_at,
        last_seen_at=seen.observed_at,
        checked_at=seen.observed_at,
    )
    new = statement.excluded
    statement = statement.on_conflict_do_update(
        index_elements=["source_id", "platform_post_id"],
        set_={
            **({"seen": new.seen, "missing_since": None, "checked_at": _later("checked_at", new)} if looked else {}),
            "published_at": func.coalesce(posts.c.published_at, new.published_at),
            "published_known_at": case(
                (and_(posts.c.published_at.is_(None), new.published_at.is_not(None)), func.now()),
                else_=posts.c.published_known_at,
            ),
            "last_seen_at": _later("last_seen_at", new),
        },
    )
    made: int = db.execute(statement.returning(posts.c.id)).scalar_one()
    return made


def _later(name: str, new: Any) -> ColumnElement[datetime]:
    return func.greatest(posts.c[name], new[name])


def _observe(db: Connection, post: int, seen: PostSeen, raw_sha256: str) -> int | None:
    newest = (
        select(observations.c.content_hash)
        .where(observations.c.post_id == post, observations.c.method == seen.method)
        .order_by(observations.c.id.desc())
        .limit(1)
    )
    if db.execute(newest).scalar() == seen.content_hash:
        return None
    row = {
        "post_id": post,
        "observed_at": seen.observed_at,
        "method": seen.method,
        "seen": seen.seen,
        "content_hash": seen.content_hash,
        "raw_key": seen.raw_key,
        "raw_sha256": raw_sha256,
        "title": seen.title,
        "text": seen.text,
        "audience": dict(seen.audience) if seen.audience else null(),
    }
    made: int = db.execute(insert(observations).values(**row).returning(observations.c.id)).scalar_one()
    return made


def _item(db: Connection, post: int, media: MediaSeen) -> int | None:
    row = {"post_id": post, "ordinal": media.ordinal, "kind": media.kind, "address": media.address}
    return db.execute(upsert(media_items).values(**row).on_conflict_do_nothing().returning(media_items.c.id)).scalar()

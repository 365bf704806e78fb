"""Posts on video sites: looked for again, missing, gone, left out of their list; and when each list was read."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection, text

from lastseen.records import Listing, PostSeen, Seen
from storage import schedule

OF_SOURCE = "chat_id IS NULL AND source_id = :source"
PUBLISHED = "coalesce(published_at, first_seen_at)"

DUE = text(f"""
    WITH due AS ({schedule.due(OF_SOURCE, PUBLISHED)})
    SELECT id, platform_post_id, permalink, {schedule.TOLD} AS told
      FROM posts JOIN due USING (id) ORDER BY checked_at NULLS FIRST, id LIMIT :limit""")  # noqa: S608  our own words

MISS = text(schedule.miss(f"{OF_SOURCE} AND platform_post_id = :post"))

TOLD = text(f"SELECT {schedule.TOLD} FROM posts WHERE id = :post")  # noqa: S608  our own words

LOOKED = text("UPDATE posts SET checked_at = greatest(checked_at, :at) WHERE id = :post")

OBSERVE = text("""
    INSERT INTO observations (post_id, observed_at, method, seen, content_hash, raw_key, raw_sha256, title, text)
    VALUES (:post, :at, :method, :seen, :hash, :raw_key, :raw_sha256, '', '') RETURNING id""")

LATELY_MISSED = text(f"""
    SELECT count(*) FROM posts
     WHERE {OF_SOURCE} AND seen <> 'present' AND missing_since > now() - interval '1 hour'""")  # noqa: S608

# They are looked for as soon as may be; once, since a post may stay though its list does not show it.
UNLIST = text(f"""
    UPDATE posts SET unlisted_since = now(), checked_at = NULL
     WHERE {OF_SOURCE} AND seen = 'present' AND unlisted_since IS NULL
       AND platform_post_id <> ALL(CAST(:listed AS text[]))""")  # noqa: S608  our own words

# Its list shows it again; if it is gone, that is a reason to look for it, but not every time that the list is read.
LISTED = text(f"""
    UPDATE posts SET unlisted_since = NULL,
                     checked_at = CASE WHEN seen = 'gone' AND checked_at <= now() - interval '21 hours' THEN NULL
                                       ELSE checked_at END
     WHERE {OF_SOURCE} AND (unlisted_since IS NOT NULL OR seen = 'gone')
       AND platform_post_id = ANY(CAST(:listed AS text[]))""")  # noqa: S608  our own words

HOW_LISTED = text("""
    SELECT newest_at, whole_at, whole_posts, whole_why,
           coalesce(whole_at <= now() - :every + interval '2 hours', true)
           AND coalesce(whole_tried_at <= now() - interval '22 hours', true) AS whole_due
      FROM site_lists WHERE source_id = :source""")

KEEP_NEWEST = text("""
    INSERT INTO site_lists (source_id, newest_at) VALUES (:source, now())
    ON CONFLICT (source_id) DO UPDATE SET newest_at = excluded.newest_at""")

KEEP_WHOLE = text("""
    UPDATE site_lists SET whole_at = now(), whole_tried_at = NULL, whole_posts = :posts, whole_why = :why
     WHERE source_id = :source""")

KEEP_TRY = text("UPDATE site_lists SET whole_tried_at = now(), whole_why = :why WHERE source_id = :source")

LIST_WHOLE = text("""
    UPDATE site_lists SET whole_at = NULL, whole_tried_at = NULL
     WHERE source_id = ANY(CAST(:sources AS bigint[]))""")

HELD = text(f"""
    SELECT count(*) AS posts, count(*) FILTER (WHERE seen = 'missing') AS missing,
           count(*) FILTER (WHERE seen = 'gone') AS gone,
           count(*) FILTER (WHERE unlisted_since IS NOT NULL) AS unlisted,
           max({PUBLISHED}) AS newest, min({PUBLISHED}) AS oldest
      FROM posts WHERE {OF_SOURCE}""")  # noqa: S608  our own words

NOT_FETCHED = text("""
    SELECT work.state, work.outcome, work.why, count(*) AS items
      FROM work JOIN media_items ON media_items.id = work.subject JOIN posts ON posts.id = media_items.post_id
     WHERE work.step = 'fetch' AND work.state <> 'done' AND posts.source_id = :source
     GROUP BY 1, 2, 3 ORDER BY items DESC, 1, 2, 3 LIMIT :limit""")

NEVER = timedelta(days=36_500)


@dataclass(frozen=True, slots=True)
class Due:
    """A post that is to be looked for again."""

    id: int
    platform_post_id: str
    permalink: str
    told: bool
    """if it is not there: that was told already, and now is no second look"""


@dataclass(frozen=True, slots=True)
class Missed:
    """What became of a post that was not there."""

    post: int
    seen: Seen
    news: bool
    """it is since now"""
    observation: int | None


@dataclass(frozen=True, slots=True)
class Listed:
    """When a source was listed."""

    newest_at: datetime
    whole_at: datetime | None
    """to its end, or as far as the limit allows"""
    whole_posts: int | None
    whole_why: str
    """why the whole list could not be read, or not to its end"""
    whole_due: bool


@dataclass(frozen=True, slots=True)
class Held:
    """What is held of a source."""

    posts: int
    missing: int
    gone: int
    unlisted: int
    """not on the list any more, when it was read to its end"""
    newest: datetime | None
    oldest: datetime | None


@dataclass(frozen=True, slots=True)
class NotFetched:
    """Media items of a source that have no bytes, and why."""

    state: str
    outcome: str | None
    why: str
    items: int


def due(db: Connection, source: int, second_look: timedelta, limit: int) -> list[Due]:
    """Posts of a source that are to be looked for again now, those looked for longest ago first."""
    values = {"source": source, "second_look": second_look, "limit": limit}
    return [Due(**row) for row in db.execute(DUE, values).mappings()]


def told(db: Connection, post: int, second_look: timedelta) -> bool:
    """Whether it is known that a post is not there, and now is no second look."""
    return bool(db.execute(TOLD, {"post": post, "second_look": second_look}).scalar_one())


def looked(db: Connection, post: int, at: datetime) -> None:
    """It was looked for, and nothing can be said."""
    db.execute(LOOKED, {"post": post, "at": at})


def miss(
    db: Connection, source: int, seen: PostSeen, raw_sha256: str, second_look: timedelta, *, recorded: bool
) -> Missed | None:
    """A post was not there: it is missing, or gone by a second, later look.  None: it is not known.

    A post is not gone without a record that says so.
    """
    values = {"source": source, "post": seen.platform_post_id, "at": seen.observed_at}
    row = db.execute(MISS, {**values, "second_look": second_look if recorded else NEVER}).one_or_none()
    if row is None:
        return None
    news = row.seen != row.before
    observation = _observe(db, row.id, Seen(row.seen), seen, raw_sha256) if news and recorded else None
    return Missed(row.id, Seen(row.seen), news, observation)


def _observe(db: Connection, post: int, state: Seen, seen: PostSeen, raw_sha256: str) -> int:
    values = {
        "post": post,
        "at": seen.observed_at,
        "method": seen.method,
        "seen": state,
        "hash": seen.content_hash,
        "raw_key": seen.raw_key,
        "raw_sha256": raw_sha256,
    }
    made: int = db.execute(OBSERVE, values).scalar_one()
    return made


def lately_missed(db: Connection, source: int) -> int:
    """How many posts of a source were found missing within the last hour, and are not back."""
    count: int = db.execute(LATELY_MISSED, {"source": source}).scalar_one()
    return count


# --- lists -------------------------------------------------------------------------------------------------


def listed(db: Connection, source: int, every: timedelta) -> Listed | None:
    """When a source was listed last; whole lists are due `every` so often.  None: never."""
    row = db.execute(HOW_LISTED, {"source": source, "every": every}).mappings().one_or_none()
    return Listed(**row) if row else None


def keep_list(db: Connection, source: int, listing: Listing, *, whole: bool) -> int:
    """Keep that a list was read.  Returns how many known posts a list read to its end does not show any more."""
    ids = {"source": source, "listed": [seen.platform_post_id for seen in listing.posts]}
    db.execute(KEEP_NEWEST, ids)
    db.execute(LISTED, ids)
    if whole or listing.complete:
        why = "" if listing.complete else "it goes on, or some of its entries could not be read"
        db.execute(KEEP_WHOLE, {"source": source, "posts": len(listing.posts), "why": why})
    return db.execute(UNLIST, ids).rowcount if listing.complete else 0


def keep_try(db: Connection, source: int, why: str) -> None:
    """A whole list could not be read: it is tried again in a day."""
    db.execute(KEEP_TRY, {"source": source, "why": why})


def list_whole(db: Connection, of: Sequence[int]) -> None:
    """Have sources be listed to their end when they are collected next."""
    db.execute(LIST_WHOLE, {"sources": list(of)})


def held(db: Connection, source: int) -> Held:
    """What is held of a source."""
    return Held(**db.execute(HELD, {"source": source}).mappings().one())


def not_fetched(db: Connection, source: int, limit: int = 50) -> list[NotFetched]:
    """Media items of a source that have no bytes, by reason, the most frequent first."""
    rows = db.execute(NOT_FETCHED, {"source": source, "limit": limit}).mappings()
    return [NotFetched(**row) for row in rows]

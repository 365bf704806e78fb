"""What readings of Telegram bring: messages become posts with observations, audiences and media items, many at once."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, Row, text

from lastseen.clock import iso
from lastseen.records import MessageSeen, Platform, Reading, Seen
from storage import observed, schedule, telegram_chats
from storage.copying import NULL, copy_in, field, fields

KNOWN = text("SELECT id, number FROM posts WHERE chat_id = :chat AND number = ANY(CAST(:numbers AS bigint[]))")

NEW_IDS = text("SELECT nextval(pg_get_serial_sequence('posts', 'id')) FROM generate_series(1, :count)")

# Much faster than INSERT for many rows.  Whoever keeps a reading holds its chat's row, so that no other adds the same.
ADD_POSTS = """
    COPY posts (id, source_id, platform, platform_post_id, permalink, published_at, seen, first_seen_at, last_seen_at,
                checked_at, chat_id, number) FROM STDIN"""

SEE_POSTS = text("""
    UPDATE posts SET seen = 'present', missing_since = NULL, last_seen_at = greatest(last_seen_at, :at),
                     checked_at = greatest(checked_at, :at),
                     published_at = coalesce(posts.published_at, read.published_at),
                     published_known_at = CASE WHEN posts.published_at IS NULL AND read.published_at IS NOT NULL
                                               THEN now() ELSE published_known_at END
      FROM unnest(CAST(:posts AS bigint[]), CAST(:published AS timestamptz[])) AS read (post, published_at)
     WHERE id = post""")

MISS_POSTS = text(schedule.miss("chat_id = :chat AND number = ANY(CAST(:numbers AS bigint[]))"))

LATEST = text("""
    SELECT DISTINCT ON (post_id) post_id, content_hash, audience, observed_at FROM observations
     WHERE post_id = ANY(CAST(:posts AS bigint[])) AND method = :method ORDER BY post_id, id DESC""")

LATEST_OF = text("""
    SELECT DISTINCT ON (number) number, content_hash
      FROM posts JOIN observations ON post_id = posts.id
     WHERE chat_id = :chat AND number = ANY(CAST(:numbers AS bigint[])) AND method = :method
     ORDER BY number, observations.id DESC""")

HASHES_FROM = text("""
    SELECT number, (SELECT content_hash FROM observations WHERE post_id = posts.id AND method = :method
                     ORDER BY id DESC LIMIT 1) AS content_hash
      FROM posts WHERE chat_id = :chat AND number >= :first ORDER BY number LIMIT :limit""")

# Half the time of an INSERT for the same rows.
OBSERVE = """
    COPY observations (post_id, raw_key, raw_sha256, observed_at, method, seen, content_hash, title, text, facts,
                       audience) FROM STDIN"""

KEEP_AUDIENCES = text("""
    INSERT INTO audiences (post_id, observed_at, audience)
    SELECT post, :at, CAST(audience AS jsonb)
      FROM unnest(CAST(:posts AS bigint[]), CAST(:audiences AS text[])) AS read (post, audience)""")

LATEST_AUDIENCES = text("""
    SELECT DISTINCT ON (post_id) post_id, audience, observed_at FROM audiences
     WHERE post_id = ANY(CAST(:posts AS bigint[])) ORDER BY post_id, observed_at DESC""")

# A post that was edited may carry another file than before: its number goes on where those before end.
KEEP_FILES = text("""
    INSERT INTO media_items AS known (post_id, ordinal, kind, address, media_type, size, locator)
    SELECT post, coalesce((SELECT max(ordinal) + 1 FROM media_items WHERE post_id = post), 0)
                 + row_number() OVER (PARTITION BY post ORDER BY place) - 1,
           kind, file, media_type, size, CAST(locator AS jsonb)
      FROM unnest(CAST(:posts AS bigint[]), CAST(:kinds AS text[]), CAST(:files AS text[]), CAST(:types AS text[]),
                  CAST(:sizes AS bigint[]), CAST(:locators AS text[]))
           WITH ORDINALITY AS read (post, kind, file, media_type, size, locator, place)
    ON CONFLICT (post_id, address) DO UPDATE SET locator = excluded.locator
    RETURNING id, post_id, xmax = 0 AS new""")

DUE = text(f"""
    WITH due AS ({schedule.due("chat_id = :chat", "published_at")})
    SELECT number,
           (SELECT content_hash FROM observations WHERE post_id = posts.id AND method = :method
             ORDER BY id DESC LIMIT 1) AS content_hash,
           {schedule.TOLD} AS told
      FROM posts JOIN due ON due.id = posts.id
     ORDER BY checked_at LIMIT :limit""")  # noqa: S608  our own words

NEVER = timedelta(days=36_500)


@dataclass(frozen=True, slots=True)
class Kept:
    """What a reading added."""

    new_posts: int
    observations: int
    rows: str
    """what the custody log says of these observations (`storage.observed`)"""
    new_items: tuple[int, ...]
    """media items that were not known"""
    fresh_items: tuple[int, ...]
    """those of them whose posts are so young that they may well be deleted soon"""
    missing: int
    """posts that were there before, and were missed now for the first time"""


@dataclass(frozen=True, slots=True)
class _Look:
    """What one post looked like."""

    post: int
    seen: Seen
    message: MessageSeen


def keep(db: Connection, source: int, read: Reading, second_look: timedelta) -> Kept:
    """Keep all that a reading brought: posts, what they look like, their files, and how far the chat is read.

    A post that looks as it did when it was last read by this method gets no observation, and neither does one of which
    no raw record was kept.  What an export states changes nothing but that: neither how far the chat is read, nor
    whether a post is there, nor how many people it has met.
    """
    cover = telegram_chats.cover if read.live else telegram_chats.row
    chat = cover(db, source, read)
    there = [one for one in read.messages if one.seen is Seen.PRESENT]
    posts, new = _keep_posts(db, source, chat, read, there)
    looks = [_Look(posts[one.number], one.seen, one) for one in there]
    latest = _latest(db, read, [post for post in posts.values() if post not in new])
    same = [look for look in looks if not _differs(look, latest)] if latest else []
    changed = [look for look in looks if _differs(look, latest)] if same else looks
    changed = [*changed, *_missed(db, chat, read, second_look)]
    rows = _observe(db, source, read, changed) if read.raw_key else ""
    if read.live:
        _keep_audiences(db, read, same, latest)
    items = _keep_files(db, read, there, posts)
    young = {
        posts[one.number] for one in there if one.published_at and one.published_at > read.observed_at - schedule.YOUNG
    }
    return Kept(
        new_posts=len(new),
        observations=len(changed) if read.raw_key else 0,
        rows=rows,
        new_items=tuple(items),
        fresh_items=tuple(item for item, post in items.items() if post in young),
        missing=sum(look.seen is Seen.MISSING for look in changed),
    )


def latest_hashes(db: Connection, chat: int, method: str, numbers: Sequence[int]) -> Mapping[int, str]:
    """Number -> content hash of the newest observation of that message by this method, for those that are known."""
    values = {"chat": chat, "method": method, "numbers": list(numbers)}
    return {row.number: row.content_hash for row in db.execute(LATEST_OF, values)}


def hashes_from(db: Connection, chat: int, method: str, first: int, limit: int) -> Mapping[int, str]:
    """The same for the messages that are known from number `first` on, in order, at most `limit`."""
    values = {"chat": chat, "method": method, "first": first, "limit": limit}
    return {row.number: row.content_hash for row in db.execute(HASHES_FROM, values)}


@dataclass(frozen=True, slots=True)
class Due:
    """A message that is to be looked for again."""

    number: int
    content_hash: str | None
    """of the newest look by the method that was asked for; None: there was none"""
    told: bool
    """if it is not there: that was told already, and now is no second look"""


def due(db: Connection, chat: int, method: str, second_look: timedelta, limit: int) -> list[Due]:
    """Messages of a chat that are to be looked for again now, those looked for longest ago first."""
    values = {"chat": chat, "method": method, "second_look": second_look, "limit": limit}
    return [Due(**row) for row in db.execute(DUE, values).mappings()]


def _keep_posts(
    db: Connection, source: int, chat: int, read: Reading, there: Sequence[MessageSeen]
) -> tuple[dict[int, int], set[int]]:
    """Row ids by number, and which of these are new.

    An export, which is not live, says nothing of what is there now: a post that is known stays what it is.
    """
    if not there:
        return {}, set()
    numbers = "{" + ",".join(str(one.number) for one in there) + "}"
    known = {row.number: row.id for row in db.execute(KNOWN, {"chat": chat, "numbers": numbers})}
    if read.live and known:
        _see_posts(db, read, [one for one in there if one.number in known], known)
    new = _add_posts(db, source, chat, read, [one for one in there if one.number not in known])
    return known | new, set(new.values())


def _see_posts(db: Connection, read: Reading, there: Sequence[MessageSeen], known: Mapping[int, int]) -> None:
    """Posts that are known, and are there (again)."""
    values = {
        "at": read.observed_at,
        "posts": [known[one.number] for one in there],
        "published": [one.published_at for one in there],
    }
    db.execute(SEE_POSTS, values)


def _add_posts(db: Connection, source: int, chat: int, read: Reading, there: Sequence[MessageSeen]) -> dict[int, int]:
    """Row ids by number.  A post that only an export states has yet to be looked for."""
    if not there:
        return {}
    ids = db.execute(NEW_IDS, {"count": len(there)}).scalars().all()
    at = iso(read.observed_at)
    begin = fields(str(source), Platform.TELEGRAM, f"{read.chat.chat}/")
    end = fields(at, at, at if read.live else None, str(chat))
    copy_in(
        db,
        ADD_POSTS,
        (
            f"{post}\t{begin}{one.number}\t{field(one.permalink)}\t{_moment(one.published_at)}\t{one.seen}\t{end}"
            f"\t{one.number}"
            for post, one in zip(ids, there, strict=True)
        ),
    )
    return {one.number: post for post, one in zip(ids, there, strict=True)}


@dataclass(frozen=True, slots=True)
class _Latest:
    """What a post looked like, and how many people it had met, when it was last looked at."""

    content_hash: str
    audience: dict[str, object] | None


def _latest(db: Connection, read: Reading, known: Sequence[int]) -> dict[int, _Latest]:
    """By row id of the post."""
    if not known:
        return {}
    observed = db.execute(LATEST, {"posts": known, "method": read.method}).all()
    met = {row.post_id: row for row in db.execute(LATEST_AUDIENCES, {"posts": known})}
    return {
        row.post_id: _Latest(row.content_hash, max(row, met.get(row.post_id, row), key=_when).audience)
        for row in observed
    }


def _when(row: Row[Any]) -> datetime:
    moment: datetime = row.observed_at
    return moment


def _differs(look: _Look, latest: Mapping[int, _Latest]) -> bool:
    before = latest.get(look.post)
    return before is None or before.content_hash != look.message.content_hash


def _missed(db: Connection, chat: int, read: Reading, second_look: timedelta) -> list[_Look]:
    """What this reading makes missing, or gone."""
    sought = {one.number: one for one in read.messages if one.seen is Seen.MISSING}
    if not sought:
        return []
    due = second_look if read.raw_key else NEVER  # a post is not gone without a record that says so
    values = {"chat": chat, "numbers": list(sought), "at": read.observed_at, "second_look": due}
    rows = db.execute(MISS_POSTS, values)
    return [_Look(row.id, Seen(row.seen), sought[row.number]) for row in rows if row.seen != row.before]


def _observe(db: Connection, source: int, read: Reading, looks: Sequence[_Look]) -> str:
    """Returns what the custody log says of the rows: the bytes that are hashed for it are those that are copied."""
    begin, record = observed.begin(read.observed_at, read.method), fields(read.raw_key, read.raw_sha256)
    looked = [
        f"{begin}\t{look.seen}\t{look.message.content_hash}\t\t{field(look.message.text)}"
        f"\t{observed.end(look.message.facts, look.message.audience)}"
        for look in looks
    ]
    if looks:
        copy_in(db, OBSERVE, [f"{look.post}\t{record}\t{said}" for look, said in zip(looks, looked, strict=True)])
    post = f"{source}\t{read.chat.chat}/"
    return observed.digest([f"{post}{look.message.number}\t{said}" for look, said in zip(looks, looked, strict=True)])


def _moment(at: datetime | None) -> str:
    return iso(at) if at else NULL


def _keep_audiences(db: Connection, read: Reading, looks: Sequence[_Look], latest: Mapping[int, _Latest]) -> None:
    """Of posts that look as they did."""
    met = [look for look in looks if look.message.audience and look.message.audience != latest[look.post].audience]
    if met:
        audiences = [_spelled(look.message.audience) for look in met]
        values = {"at": read.observed_at, "posts": [look.post for look in met], "audiences": audiences}
        db.execute(KEEP_AUDIENCES, values)


def _spelled(audience: Mapping[str, object] | None) -> str | None:
    return json.dumps(audience) if audience else None


def _keep_files(
    db: Connection, read: Reading, there: Sequence[MessageSeen], posts: Mapping[int, int]
) -> dict[int, int]:
    """Row ids of the media items that were not known, each with its post's."""
    carried = [(posts[one.number], file) for one in there for file in one.files]
    if not carried:
        return {}
    rows = db.execute(
        KEEP_FILES,
        {
            "posts": [post for post, _ in carried],
            "kinds": [file.kind for _, file in carried],
            "files": [file.file for _, file in carried],
            "types": [file.media_type for _, file in carried],
            "sizes": [file.size for _, file in carried],
            "locators": [json.dumps({**file.locator, "account": read.account}) for _, file in carried],
        },
    )
    return {row.id: row.post_id for row in rows if row.new}

"""The chats of a source on Telegram (its channel, and the discussion that is linked to it), and how far they are read.

How far is kept as a multirange of message numbers: reading a stretch adds it, stretches that meet become one, and what
is missing between them are the gaps.
"""

from dataclasses import dataclass
from datetime import datetime

from psycopg.types.multirange import Multirange
from sqlalchemy import Connection, text

from lastseen.message_ranges import gaps
from lastseen.records import Chat, ChatRole, ChatSeen, MessageRange, Reading

CHATS = text(
    """
    SELECT chats.id, source_id, role, chat, access_hash, username, title, first, held, again
      FROM telegram_chats AS chats
      JOIN telegram_access ON chat_id = chats.id AND account_id = :account
     WHERE source_id = :source ORDER BY chats.id"""
)

KEEP_CHAT = text("""
    INSERT INTO telegram_chats (source_id, role, chat, username, title)
    VALUES (:source, :role, :chat, :username, :title)
    ON CONFLICT (source_id, chat) DO UPDATE SET username = excluded.username, title = excluded.title
    RETURNING id""")

KEEP_ACCESS = text("""
    INSERT INTO telegram_access (account_id, chat_id, access_hash) VALUES (:account, :chat, :access_hash)
    ON CONFLICT (account_id, chat_id) DO UPDATE SET access_hash = excluded.access_hash""")

COVER = text("""
    UPDATE telegram_chats
       SET held = held + CAST(:covered AS int8multirange), again = again - CAST(:covered AS int8multirange),
           first = coalesce(first, :first),
           stated = coalesce(:stated, stated), read_at = :at, refusal = ''
     WHERE id = :chat""")

SHUT = text("UPDATE telegram_chats SET refusal = :why WHERE source_id = :source")


def chats(db: Connection, source: int, account: int) -> tuple[Chat, ...]:
    """The chats of a source that an account can name."""
    rows = db.execute(CHATS, {"source": source, "account": account})
    return tuple(
        Chat(
            row.id,
            row.source_id,
            ChatRole(row.role),
            ChatSeen(row.chat, row.access_hash, row.username, row.title),
            row.first,
            _stretches(row.held),
            _stretches(row.again),
        )
        for row in rows
    )


STRETCH = text("""
    SELECT min(number) AS first, max(number) AS last
      FROM posts JOIN telegram_chats ON telegram_chats.id = posts.chat_id
     WHERE telegram_chats.source_id = :source AND role = 'channel'
       AND (CAST(:first AS bigint) IS NULL OR number >= :first) AND (CAST(:last AS bigint) IS NULL OR number <= :last)
       AND (CAST(:since AS timestamptz) IS NULL OR published_at >= :since)
       AND (CAST(:until AS timestamptz) IS NULL OR published_at < :until)""")


def stretch(
    db: Connection, source: int, begin: int | datetime | None, end: int | datetime | None
) -> MessageRange | None:
    """The numbers of the channel's posts that are held between two bounds; None: there are none.

    A number is within, and so is the moment that it begins with; the moment that it ends with is not.
    """
    values = {
        "source": source,
        "first": begin if isinstance(begin, int) else None,
        "last": end if isinstance(end, int) else None,
        "since": begin if isinstance(begin, datetime) else None,
        "until": end if isinstance(end, datetime) else None,
    }
    row = db.execute(STRETCH, values).one()
    return MessageRange(row.first, row.last) if row.first is not None else None


def begin_anew(db: Connection, source: int) -> None:
    """Have the first message that is to be read found out again: the day from which the source is read has changed."""
    db.execute(text("UPDATE telegram_chats SET first = NULL WHERE source_id = :source"), {"source": source})


def known(db: Connection, source: int) -> ChatSeen | None:
    """The channel that a source was read as, as no account in particular names it; None: it was not read yet."""
    statement = text("SELECT chat, username, title FROM telegram_chats WHERE source_id = :source AND role = 'channel'")
    row = db.execute(statement, {"source": source}).first()
    return ChatSeen(row.chat, 0, row.username, row.title) if row else None


def row(db: Connection, source: int, read: Reading) -> int:
    """Row id of the chat that a reading is about, which is held until the transaction ends, as `cover` does.

    Raises sqlalchemy's NoResultFound where it is not known.
    """
    statement = text("SELECT id FROM telegram_chats WHERE source_id = :source AND chat = :chat FOR UPDATE")
    found: int = db.execute(statement, {"source": source, "chat": read.chat.chat}).scalar_one()
    return found


def read_again(db: Connection, source: int, stretch: MessageRange) -> None:
    """Have a stretch of the source's channel read anew when it is read next."""
    statement = text("""
        UPDATE telegram_chats SET again = again + int8multirange(int8range(:first, :last, '[]'))
         WHERE source_id = :source AND role = 'channel'""")
    db.execute(statement, {"source": source, "first": stretch.first, "last": stretch.last})


def shut(db: Connection, source: int, why: str) -> None:
    """Nobody can read it now; whatever is read again opens it."""
    db.execute(SHUT, {"source": source, "why": why})


@dataclass(frozen=True, slots=True)
class Coverage:
    """How far a chat is read, for people."""

    role: ChatRole
    chat: int
    """Telegram's own id"""
    title: str
    username: str
    first: int | None
    """number of the first message that is to be read"""
    held: tuple[MessageRange, ...]
    again: tuple[MessageRange, ...]
    """what somebody has asked to read anew"""
    posts: int
    """how many of its messages we hold that were there when they were last looked for"""
    missing: int
    gone: int
    unchecked: int
    """what only an export states, and nobody has looked for yet"""
    stated: int | None
    """how many messages Telegram said that it has"""
    read_at: datetime | None
    refusal: str
    """why it cannot be read now; empty: it can"""

    @property
    def gaps(self) -> tuple[MessageRange, ...]:
        """What lies before, and between, the stretches that are held, and is to be read."""
        return gaps(self.first or 1, self.held)


COVERAGE = text(
    """
    SELECT role, chat, title, username, first, stated, read_at, refusal, held, again,
           (SELECT count(*) FROM posts WHERE chat_id = chats.id AND seen = 'present'
                                         AND checked_at IS NOT NULL) AS posts,
           (SELECT count(*) FROM posts WHERE chat_id = chats.id AND seen = 'missing') AS missing,
           (SELECT count(*) FROM posts WHERE chat_id = chats.id AND seen = 'gone') AS gone,
           (SELECT count(*) FROM posts WHERE chat_id = chats.id AND checked_at IS NULL) AS unchecked
      FROM telegram_chats AS chats WHERE source_id = :source ORDER BY id"""
)


def coverage(db: Connection, source: int) -> list[Coverage]:
    """Of each chat of a source."""
    rows = db.execute(COVERAGE, {"source": source}).mappings()
    return [
        Coverage(
            **{
                **row,
                "role": ChatRole(row["role"]),
                "held": _stretches(row["held"]),
                "again": _stretches(row["again"]),
            }
        )
        for row in rows
    ]


def cover(db: Connection, source: int, read: Reading) -> int:
    """Keep the chat that was read, how its reader names it, and how far it is read now.  Returns its row id."""
    seen = read.chat
    named = {"source": source, "role": read.role, "chat": seen.chat, "username": seen.username, "title": seen.title}
    chat: int = db.execute(KEEP_CHAT, named).scalar_one()
    db.execute(KEEP_ACCESS, {"account": read.account, "chat": chat, "access_hash": seen.access_hash})
    covered = "{" + ",".join(f"[{one.first},{one.last}]" for one in read.covered) + "}"
    db.execute(
        COVER,
        {"chat": chat, "covered": covered, "first": read.first, "stated": read.stated, "at": read.observed_at},
    )
    return chat


def _stretches(multirange: Multirange[int]) -> tuple[MessageRange, ...]:
    return tuple(
        MessageRange(part.lower, part.upper - 1)
        for part in multirange
        if part.lower is not None and part.upper is not None
    )

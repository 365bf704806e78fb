"""The words of a post that was collected, as a list of names that its publisher gave out.

They are those of the newest observation, as received: the list's file is their text, and its name the post's link.
"""

from dataclasses import dataclass
from datetime import date
from typing import Final

from sqlalchemy import Connection, text

from lastseen import links
from lastseen.errors import WrongUse
from lastseen.words import words

NAME: Final = "post.txt"
"""as which it is read: text"""

# A post on Telegram is found by its channel and number, which an index has, and whatever the capitals of its link.
WORDS = text("""
    SELECT posts.id, permalink, CAST(published_at AS date) AS published, observations.title, observations.text
      FROM posts JOIN observations ON post_id = posts.id
     WHERE posts.id IN (SELECT id FROM posts WHERE permalink = ANY(CAST(:links AS text[]))
                         UNION SELECT posts.id FROM posts JOIN telegram_chats ON telegram_chats.id = chat_id
                                WHERE lower(username) = :channel AND number = :number)
       AND (observations.title <> '' OR observations.text <> '')
     ORDER BY observations.id DESC LIMIT 1""")


@dataclass(frozen=True, slots=True)
class PostAsList:
    """What a post says."""

    id: int
    link: str
    published: date | None
    content: bytes
    """UTF-8"""


def find(db: Connection, link: str) -> PostAsList:
    """What the post behind a link said when it was read last.  Raises WrongUse: no such post has words here."""
    row = db.execute(WORDS, _sought(link.strip())).first()
    if row is None:
        raise WrongUse(words("No post with this link was collected, or it has no text."))
    lines = [row.text] if row.title in row.text else [row.title, row.text]
    return PostAsList(row.id, row.permalink, row.published, "\n".join(filter(None, lines)).encode())


def _sought(link: str) -> dict[str, object]:
    channel, number = "", 0
    try:
        post = links.read(link).post
    except links.NotRead:
        post = link
    if post.startswith("https://t.me/"):
        channel, _, last = post.removeprefix("https://t.me/").partition("/")
        number = int(last)
    return {"links": [link, post], "channel": channel, "number": number}

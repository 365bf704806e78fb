"""How people write down which channel they mean."""

import re
from typing import Final

from lastseen.errors import WrongUse

LINK: Final = re.compile(r"(?:https?://)?(?:www\.)?(?:t\.me|telegram\.me|telegram\.dog)/(?:s/)?", re.IGNORECASE)
USERNAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]{3,31}")
INVITATION: Final = re.compile(r"(?:joinchat/|\+)")


def number(source: str) -> int | None:
    """Of a source that is one post (`@name/123`), the post's number; None: it is a whole channel."""
    _, _, last = source.partition("/")
    return int(last) if last.isdecimal() else None


def address(written: str) -> str:
    """`@name` in small letters, out of `name`, `@name`, `t.me/name` or the link of a post.  Raises WrongUse."""
    rest = LINK.sub("", written.strip(), count=1)
    if INVITATION.match(rest):
        raise WrongUse("this is an invitation to a private channel: lastseen reads what is public, and joins nothing")
    name = re.split(r"[/?#]", rest.removeprefix("@"), maxsplit=1)[0]
    if not USERNAME.fullmatch(name) or name == "c":
        raise WrongUse("this is no public channel of Telegram: write @name or https://t.me/name")
    return f"@{name.lower()}"

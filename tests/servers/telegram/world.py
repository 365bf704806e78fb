"""What the server serves: channels and their posts, which tests add to, edit and take away while it runs."""

from bisect import bisect_left, insort
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Final

EPOCH: Final = datetime(2024, 5, 1, 12, 0, tzinfo=UTC)
"""date of a channel's first post, unless it says another"""
HOME: Final = 2
"""number of the data centre that accounts and most files live in"""
OTHER: Final = 4
"""number of another one; both are the same server"""
FIRST_REFERENCE: Final = b"reference 1"


@dataclass(frozen=True, slots=True)
class Attachment:
    """A file that hangs on a post; equal ids are the same file."""

    id: int
    content: bytes
    name: str = "clip.mp4"
    media_type: str = "video/mp4"
    photo: bool = False
    """sent as a photo rather than as a document"""
    dc: int = HOME
    """number of the data centre that has it"""


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a forwarded post was published first."""

    channel: int
    post: int
    date: datetime = EPOCH


@dataclass(frozen=True, slots=True)
class Post:
    """One post, as it is now."""

    id: int
    text: str
    date: datetime | None = None
    """a minute after EPOCH for each id, if it does not say"""
    edited: datetime | None = None
    album: int | None = None
    reply_to: int | None = None
    origin: Origin | None = None
    attachment: Attachment | None = None
    views: int = 1
    reactions: Mapping[str, int] = field(default_factory=dict)
    """emoji -> how often"""
    service: bool = False
    """it says that something happened, e.g. that a post was pinned"""

    @property
    def published(self) -> datetime:
        """When."""
        return self.date or EPOCH + timedelta(minutes=self.id)


@dataclass(slots=True)
class Channel:
    """One channel."""

    id: int
    username: str
    title: str
    access_hash: int = 77
    discussion: int | None = None
    """id of the chat in which its posts are talked about"""
    refusal: str = ""
    """what everybody is told who asks for it, such as CHANNEL_PRIVATE"""
    posts: dict[int, Post] = field(default_factory=dict)
    ids: list[int] = field(default_factory=list)
    """of `posts`, in order"""

    def publish(self, *posts: Post) -> None:
        """Add posts, or put others in the place of those with their ids."""
        for post in posts:
            if post.id not in self.posts:
                insort(self.ids, post.id)
            self.posts[post.id] = post

    def delete(self, *ids: int) -> None:
        """Take posts away."""
        for number in ids:
            del self.posts[number]
            self.ids.remove(number)

    def page(self, offset: int, shift: int, limit: int, above: int, below: int) -> list[Post]:
        """Posts from new to old, as `messages.getHistory` counts: those older than `offset` (0: all of them), the
        first `shift` of them left out, or as many newer ones before them where it is negative; at most `limit`; of
        these only those between `above` and `below` (0: no bound).  Costs the same whatever is held.
        """
        older = bisect_left(self.ids, offset) if offset else len(self.ids)
        newest = older - shift
        window = self.ids[max(0, newest - limit) : max(0, newest)]
        return [self.posts[number] for number in reversed(window) if above < number and (not below or number < below)]

    def before(self, moment: datetime) -> int:
        """The id from which on posts are not older than that; 0 if there are none."""
        at = bisect_left(self.ids, moment, key=lambda number: self.posts[number].published)
        return self.ids[at] if at < len(self.ids) else 0


@dataclass(slots=True)
class World:
    """All that this Telegram knows."""

    channels: dict[int, Channel] = field(default_factory=dict)
    reference: bytes = FIRST_REFERENCE
    """under which files are given out now"""

    def add(self, channel: Channel) -> Channel:
        """Make it known."""
        self.channels[channel.id] = channel
        return channel

    def named(self, username: str) -> Channel | None:
        """The channel of that name, however it is written."""
        return next((one for one in self.channels.values() if one.username.lower() == username.lower()), None)

    def attachment(self, number: int) -> Attachment | None:
        """The file with this id."""
        posts: Iterable[Post] = (post for channel in self.channels.values() for post in channel.posts.values())
        return next((post.attachment for post in posts if post.attachment and post.attachment.id == number), None)

    def expire_references(self) -> None:
        """Refuse files to whoever has read their posts before now."""
        count = int(self.reference.split()[-1])
        self.reference = b"reference %d" % (count + 1)


def numbered(ids: Sequence[int]) -> list[Post]:
    """Plain posts with these ids."""
    return [Post(number, f"post {number}") for number in ids]

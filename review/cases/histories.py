"""What became of a post: its observations as a story of changes."""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

from lastseen.records import TELEGRAM_EXPORT
from storage.cases import Case, Observation, Post


class Change(StrEnum):
    """What an observation shows that the one before it did not; the page has the words."""

    FIRST = "first"
    """it was seen"""
    CHANGED = "changed"
    """its words, or what it carries, are others"""
    FULLER = "fuller"
    """read by another way for the first time, which says more and nothing else: a page, after the list it stood in"""
    MISSING = "missing"
    """it was not there; once is not enough to call it gone"""
    GONE = "gone"
    """it was not there again"""
    BACK = "back"
    """it was there again"""
    AGAIN = "again"
    """read anew, by another way or whole; it looked as before"""


@dataclass(frozen=True, slots=True)
class Seen:
    """One observation in the story."""

    change: Change
    observation: Observation


@dataclass(frozen=True, slots=True)
class History:
    """One post that carried the file, and what became of it."""

    post: Post
    source: str
    """its address"""
    reason: str
    """why it is watched"""
    story: tuple[Seen, ...]
    """the oldest first"""
    title: str
    text: str
    """the newest words that were seen"""
    kept_back: bool = False
    """no words of it are shown to whoever may still be asked about a face of it"""


def of(case: Case, kept_back: Collection[int] = ()) -> list[History]:
    """Of each post of a case, the one that was seen first leading; without words those that are kept back."""
    sources = {int(str(source["id"])): source for source in case.sources}
    posts = sorted(case.posts, key=lambda one: (one.first_seen_at, one.id))
    return [_history(case, post, sources.get(post.source, {}), hidden=post.id in kept_back) for post in posts]


def _history(case: Case, post: Post, source: Mapping[str, object], *, hidden: bool) -> History:
    seen = [one for one in case.observations if one.post == post.id]
    there = sorted((one for one in seen if one.seen == "present"), key=_newness)
    title, text = (there[-1].title, there[-1].text) if there and not hidden else ("", "")
    story = tuple(_wordless(one) if hidden else one for one in _story(seen))
    return History(post, str(source.get("address", "")), str(source.get("reason", "")), story, title, text, hidden)


def _wordless(seen: Seen) -> Seen:
    return replace(seen, observation=replace(seen.observation, title="", text=""))


def _newness(one: Observation) -> tuple[bool, int]:
    """What an export states may be older than what was read before it was imported."""
    return one.method != TELEGRAM_EXPORT, one.id


def _story(seen: Sequence[Observation]) -> Iterator[Seen]:
    before: Observation | None = None
    there: Observation | None = None
    """the newest that found it there"""
    methods: set[str] = set()
    for one in sorted(seen, key=lambda each: (each.observed_at, each.id)):
        yield Seen(_change(before, there, one, one.method not in methods), one)
        before, there = one, one if one.seen == "present" else there
        methods.add(one.method)


def _change(before: Observation | None, there: Observation | None, now: Observation, another_way: bool) -> Change:
    if now.seen != "present":
        return Change.GONE if now.seen == "gone" else Change.MISSING
    if before is None:
        return Change.FIRST
    if before.seen != "present":
        return Change.BACK
    if there is not None and now.content_hash == there.content_hash:
        return Change.AGAIN
    return Change.FULLER if another_way and there is not None and _says_more(there, now) else Change.CHANGED


def _says_more(before: Observation, now: Observation) -> bool:
    """Whatever was said before is said now; what each way of reading does not bring is empty."""
    pairs = ((before.title, now.title), (before.text, now.text))
    return all(not said or new.startswith(said) for said, new in pairs)

"""What collecting and fetching share: an observation's raw record goes into the evidence, its row into the posts."""

import hashlib
from collections.abc import Container, Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final

from extractors.addresses import site_of
from extractors.video_site_posts import LISTING
from lastseen.clock import iso, utcnow
from lastseen.errors import WrongUse
from lastseen.lifecycle import WorkState
from lastseen.outcomes import ObjectToStore
from lastseen.records import FetchedFile, PostSeen, Seen, Source
from lastseen.settings import Settings
from pipeline.runner import Result
from storage import alerts, erasures, keys, observed, pages, posts, schedule, work
from storage.custody import Action, Entry
from storage.database import Connection
from storage.objects import EVIDENCE, Stored
from storage.work import Queue

Hashes = Mapping[tuple[str, str], str]
"""(platform's post id, method) -> content hash of the newest observation"""


FETCH = Queue("fetch")
FRESH, IN_DANGER = 1, 2
"""priorities of media: of young posts, and of sources from which many posts have just gone"""
ALERT_BURST: Final = timedelta(days=1)
"""how long a burst of deletions is told of"""


class NoLegalBasis(WrongUse):
    """Collection does not start: nobody has said on what legal basis this office may watch."""


def check_legal_basis(settings: Settings) -> None:
    """Raises NoLegalBasis."""
    if not settings.legal_basis.strip():
        raise NoLegalBasis(
            "no legal basis is set, so nothing is collected: set LASTSEEN_LEGAL_BASIS to the id of the decision or law"
            " that allows this office to collect"
        )


def not_erased(source: Source, seen: Iterable[PostSeen], barred: Container[bytes]) -> tuple[PostSeen, ...]:
    """Those posts that were not erased by a lawful order: the others are not kept again."""
    return tuple(one for one in seen if erasures.post_hash(source.platform, one.platform_post_id) not in barred)


def raw_record(seen: PostSeen, known: Hashes) -> tuple[ObjectToStore, ...]:
    """The record to store; none if the post looks as it did when it was last read this way."""
    if known.get((seen.platform_post_id, seen.method)) == seen.content_hash:
        return ()
    return (record(seen),)


def record(seen: PostSeen) -> ObjectToStore:
    """What was read, as evidence."""
    return ObjectToStore(EVIDENCE, seen.raw_key, seen.raw, _sha256(seen), "application/json")


def original(file: FetchedFile) -> ObjectToStore:
    """The bytes of a media item, as evidence."""
    return ObjectToStore(EVIDENCE, keys.blob(file.sha256), Path(file.path), file.sha256, file.media_type)


def keep(
    db: Connection,
    source: Source,
    seen: PostSeen,
    stored: Mapping[str, Stored],
    settings: Settings,
    how: Mapping[str, str | int] = MappingProxyType({}),
) -> list[Entry]:
    """Keep what one reading showed, and queue the media items that were not known.

    An observation is kept if its raw record is in `stored`; of a post that was erased meanwhile, nothing is.  `how` is
    what else the custody log says of it.  Returns what that must say.
    """
    if erasures.among(db, [erasures.post_hash(source.platform, seen.platform_post_id)]):
        return []
    recorded = seen.raw_key in stored
    if seen.seen is not Seen.PRESENT:
        return _told(_keep_absent(db, source, seen, settings, recorded=recorded), how)
    noted = posts.note(db, source, seen, _sha256(seen), changed=recorded, looked=seen.method != LISTING)
    young = seen.published_at is not None and seen.published_at > seen.observed_at - schedule.YOUNG
    work.offer(db, FETCH, noted.new_items, of_media(source, young=young), site_of(seen.permalink))
    if noted.back:
        items = replace(FETCH, subjects=tuple(posts.items_of_post(db, noted.post)))
        work.reopen(db, items, [WorkState.GONE])
    return _told(_entries(source, noted.post, noted.observation, seen, settings), how)


def _told(entries: list[Entry], how: Mapping[str, str | int]) -> list[Entry]:
    return [replace(entry, detail={**entry.detail, **how}) for entry in entries]


def _keep_absent(db: Connection, source: Source, seen: PostSeen, settings: Settings, *, recorded: bool) -> list[Entry]:
    second_look = timedelta(seconds=settings.site_gone_after_seconds)
    missed = pages.miss(db, source.id, seen, _sha256(seen), second_look, recorded=recorded)
    if missed is None or not missed.news:
        return []
    if missed.seen is Seen.MISSING and (lately := pages.lately_missed(db, source.id)) >= settings.site_burst:
        tell_of_burst(db, source, lately)
    return _entries(source, missed.post, missed.observation, replace(seen, seen=missed.seen), settings)


def _entries(source: Source, post: int, observation: int | None, seen: PostSeen, settings: Settings) -> list[Entry]:
    if observation is None:
        return []
    detail = {
        "observation": observation,
        "rows": observed.digest_of(source.id, seen),
        "method": seen.method,
        "key": seen.raw_key,
        "sha256": _sha256(seen),
        "legal_basis": settings.legal_basis,
    }
    return [Entry(Action.COLLECTED, f"post:{post}", detail)]


def tell_of_burst(db: Connection, source: Source, missing: int) -> None:
    """Many posts of a source went at once: what is not fetched of it yet may be gone in minutes."""
    said = f"{missing} posts of it were found missing at once; its media are fetched before others'"
    alerts.sound(db, alerts.DELETIONS, f"source:{source.id}", said, utcnow() + ALERT_BURST)
    work.hurry(db, replace(FETCH, subjects=tuple(posts.items_of(db, source.id, unfetched=True))), IN_DANGER)


def of_media(source: Source, *, young: bool) -> int:
    """The priority of what a post of a source carries."""
    return work.OF_A_TIP if source.single else FRESH if young else 0


def keep_file(
    db: Connection,
    item: int,
    file: FetchedFile,
    result: Result[Any, Any],
    recipe: str | None,
    how: Mapping[str, str | int] = MappingProxyType({}),
) -> Entry:
    """Record that a media item carries these bytes, which are in the evidence; offer them to the step `fingerprint`.

    `how` is what else the custody log says of them.
    """
    stored = result.stored[keys.blob(file.sha256)]
    blob, stored_at = posts.keep_blob(db, item, file, stored, result.locked_until)
    detail = {
        "sha256": file.sha256,
        "size": file.size,
        "media_type": file.media_type,
        "key": stored.key,
        "version": stored.version_id,
        **how,
    }
    if recipe is not None:
        work.offer(db, Queue("fingerprint", recipe), [blob], result.claim.passed_on)
    return stored_or_seen(file, detail, stored_at)


def stored_or_seen(file: FetchedFile, detail: Mapping[str, object], stored_at: datetime | None) -> Entry:
    """What the custody log must say of bytes that are kept; `stored_at`: since when, if they were not there before."""
    if stored_at is None:
        return Entry(Action.SEEN_AGAIN, f"blob:{file.sha256}", detail)
    return Entry(Action.STORED, f"blob:{file.sha256}", {**detail, "stored_at": iso(stored_at)})


def _sha256(seen: PostSeen) -> str:
    return hashlib.sha256(seen.raw).hexdigest()

"""How a media item of a video site is fetched: its page is read again, its files downloaded, held against the page.

What is kept are originals: the video as the server sent it, its sound, where the site has that apart, a thumbnail and
subtitles.  Where picture and sound came apart, a working copy with both is made beside them.
"""

import hashlib
import json
import shutil
from collections.abc import Container, Iterable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from extractors import video_site_posts
from lastseen.clock import utcnow
from lastseen.outcomes import Done, Fault, NotDone, ObjectToStore, Outcome
from lastseen.records import Fetched, FileRole, Joined, Measured, PageFile, PostSeen, Rejection, SiteAccess, Source
from lastseen.settings import Settings
from pipeline import scratch
from pipeline.runner import Bench, Result
from pipeline.sources import observing
from pipeline.video_sites import visits
from pipeline.video_sites.visits import Told
from storage import erasures, keys, pages, posts
from storage.custody import Action, Entry
from storage.database import Connection
from storage.objects import DERIVED
from storage.posts import MediaItem
from storage.work import Claim

SHARE: Final = 0.02
"""by how much of what the page says a file may be shorter"""
ROUNDING: Final = 0.6
"""seconds by which a page is wrong that says whole seconds, and a little"""
LEAST: Final = 0.1
"""seconds: the length of a few pictures is nothing that is missing"""
RECIPE: Final = "join.1"
"""of working copies: another way to make them is another recipe"""
ERASED: Final = "the same bytes were erased by a lawful order"
MAIN: Final = (FileRole.VIDEO, FileRole.IMAGE)
"""what a fetch is for; the rest stands beside it"""
GOES_ON: Final = (Fault.TRANSIENT, Fault.WAIT, Fault.BLOCKED)
"""after these, what has been downloaded is gone on with"""


@dataclass(frozen=True, slots=True)
class Job:
    """A media item of a post of a source, and how the post looked before."""

    claim: Claim
    item: MediaItem
    source: Source
    known: observing.Hashes
    told: bool
    """if its page is not there: that was told already, and now is no second look"""


@dataclass(frozen=True, slots=True)
class WorkingCopy:
    """Picture and sound of one video in one file: derived, beside the two originals that it never replaces."""

    video: str
    """sha256"""
    detail: dict[str, str | int]
    """how it was made"""


Made = Fetched | WorkingCopy | PostSeen | Told


def load(db: Connection, claim: Claim, item: MediaItem, source: Source, settings: Settings) -> Job:
    """What is known of it."""
    told = pages.told(db, item.post, timedelta(seconds=settings.site_gone_after_seconds))
    return Job(claim, item, source, posts.latest_hashes(db, source.id, [item.post]), told)


def run(job: Job, bench: Bench) -> Outcome[Made]:
    """The page at this moment, and its files, when it is our turn at the site."""
    visit = visits.visit(bench, job.claim, job.source, job.item.address, lambda access: _fetched(job, bench, access))
    got = _lawful(visit.brought, job, bench)
    if not isinstance(got, NotDone):
        outcome = _checked(got, job, bench)
    elif got.fault is Fault.GONE and not got.made:
        outcome = _absent(job, got)
    else:
        outcome = replace(got, objects=tuple(_objects(got.made, job)))
    return replace(outcome, made=(*outcome.made, *visit.told))


def _lawful(got: Fetched | NotDone[Any], job: Job, bench: Bench) -> Fetched | NotDone[Any]:
    """Without what was erased by a lawful order; what stands beside it is kept all the same."""
    brought = got.made if isinstance(got, NotDone) else (got,)
    erased = _erased(brought, job, bench)
    if not erased:
        return got
    if any(_hash(job, each) in erased for each in brought):
        return NotDone(Fault.SKIPPED, "its post was erased by a lawful order")
    left = tuple(_without(each, erased) for each in brought)
    if isinstance(got, NotDone):
        return replace(got, made=left)
    return left[0] if has_video(left[0]) else NotDone(Fault.SKIPPED, ERASED, made=left)


def _erased(brought: Iterable[Fetched], job: Job, bench: Bench) -> frozenset[bytes]:
    hashes = [_hash(job, each) for each in brought]
    hashes += [bytes.fromhex(one.file.sha256) for each in brought for one in each.files]
    with bench.stores.db.begin() as db:
        return erasures.among(db, hashes)


def _hash(job: Job, fetched: Fetched) -> bytes:
    return erasures.post_hash(job.source.platform, fetched.post.platform_post_id)


def _without(fetched: Fetched, erased: Container[bytes]) -> Fetched:
    out = [one for one in fetched.files if bytes.fromhex(one.file.sha256) in erased]
    if not out:
        return fetched
    said = f"left out, since it was erased by a lawful order: {', '.join(one.role for one in out)}"
    note = "; ".join(filter(None, (fetched.note, said)))
    return replace(fetched, files=tuple(one for one in fetched.files if one not in out), note=note)


def _absent(job: Job, met: NotDone[Any]) -> NotDone[Made]:
    """Its page is not there: that is a first look at the post, or a second."""
    absent = video_site_posts.absent(job.item.platform_post_id, job.item.permalink, met.why, utcnow())
    records = () if job.told else (observing.record(absent),)
    return NotDone(met.fault, met.why, made=(absent,), objects=records)


def _fetched(job: Job, bench: Bench, access: SiteAccess) -> Fetched | NotDone[Fetched]:
    """The files are in the bench's folder; what is left of them after a fault waits for the next try."""
    with scratch.kept(bench.settings, f"video_site-{job.item.id}", bench.scratch / "fetch") as folder:
        got = bench.sites.fetch(job.item.address, job.source, folder, access)
        goes_on = isinstance(got, NotDone) and got.fault in GOES_ON
        if isinstance(got, NotDone):
            got = replace(got, made=tuple(_moved(each, bench.scratch) for each in got.made))
        else:
            got = _moved(got, bench.scratch)
        if not goes_on or not any(folder.iterdir()):
            shutil.rmtree(folder)
    return got


def keep(
    db: Connection, job: Job, made: Made, result: Result[Any, Any], settings: Settings, recipe: str
) -> list[Entry]:
    """The observation, and each file as a media item; returns what the custody log must say."""
    match made:
        case WorkingCopy():
            return [Entry(Action.DERIVED, f"blob:{made.video}", made.detail)]
        case PostSeen():
            return observing.keep(db, job.source, made, result.stored, settings, visits.reached(result.made))
        case Fetched():
            return _keep_files(db, job, made, result, settings, recipe)
    visits.keep(db, made, settings)
    return []


def _keep_files(
    db: Connection, job: Job, made: Fetched, result: Result[Any, Any], settings: Settings, recipe: str
) -> list[Entry]:
    reached = visits.reached(result.made)
    entries = observing.keep(db, job.source, made.post, result.stored, settings, reached)
    held = has_video(made)
    for number, each in enumerate(made.files):
        detail = {"role": each.role, **each.how, **reached}
        if held and number == 0:
            _keep_former(db, job.item, each)
            entries.append(observing.keep_file(db, job.item.id, each.file, result, recipe, detail))
        elif (item := _item_beside(db, job.item, each)) is not None:
            looked_at = recipe if each.role is FileRole.THUMBNAIL and not held else None
            entries.append(observing.keep_file(db, item, each.file, result, looked_at, detail))
    return entries


def _keep_former(db: Connection, item: MediaItem, each: PageFile) -> None:
    """Other bytes stood there before: they stay with the post, as a media item of their own."""
    former = posts.carried(db, item.id)
    if former is None or former.sha256 == each.file.sha256:
        return
    address = video_site_posts.beside(item.address, each.role, "", former.sha256)
    beside = posts.item_beside(db, item.id, item.kind, address)
    if beside is not None:
        posts.carry(db, beside, former.id)


def has_video(fetched: Fetched) -> bool:
    """Whether it is what was asked for, and not only what stands beside it."""
    return bool(fetched.files) and fetched.files[0].role in MAIN


def _item_beside(db: Connection, item: MediaItem, each: PageFile) -> int | None:
    """None: it is held already."""
    address = video_site_posts.beside(item.address, each.role, str(each.how.get("language", "")), each.file.sha256)
    return posts.item_beside(db, item.id, each.role, address)


def _moved(fetched: Fetched, folder: Path) -> Fetched:
    """The files move to where they are deleted with this item's work."""
    files = []
    for number, each in enumerate(fetched.files):
        path = Path(each.file.path).rename(folder / f"file-{number}")
        files.append(replace(each, file=replace(each.file, path=str(path))))
    return replace(fetched, files=tuple(files))


def _objects(made: tuple[Fetched, ...], job: Job) -> list[ObjectToStore]:
    found = []
    for fetched in made:
        found += [observing.original(each.file) for each in fetched.files]
        found += observing.raw_record(fetched.post, job.known)
    return found


# --- is it all of it? --------------------------------------------------------------------------------------


def _checked(fetched: Fetched, job: Job, bench: Bench) -> Outcome[Made]:
    """Held against what the page says; with the working copy."""
    lengths = _lengths(fetched, bench)
    if isinstance(lengths, NotDone):
        return lengths
    said, flaw = lengths
    notes = [f"{fetched.file.size} bytes", *([fetched.note] if fetched.note else []), *said]
    made: list[Made] = [fetched]
    objects = _objects((fetched,), job)
    copy = _working_copy(fetched, bench)
    if isinstance(copy, Rejection):
        notes.append(f"no working copy: {copy.why}")
    elif copy is not None:
        made.append(copy[0])
        objects += copy[1]
    return Done(tuple(made), tuple(objects), note="; ".join(notes), flaw=flaw)


def _lengths(fetched: Fetched, bench: Bench) -> tuple[list[str], Fault | None] | NotDone[Made]:
    """What is to be said of how long the files are, and whether that is a flaw."""
    files = [each for each in fetched.files if each.role in (FileRole.VIDEO, FileRole.AUDIO)]
    if files and fetched.duration is None:
        return ["the page does not say how long it is: not checked"], None
    notes, flaw = [], None
    for each in files:
        found = bench.box.measure(Path(each.file.path))
        if isinstance(found, Rejection):
            flaw = Fault.DEFECT
            notes.append(f"how long the {each.role} is could not be measured: {found.why}")
            continue
        verdict = _compared(found, each.role, fetched.duration or 0.0)
        if isinstance(verdict, NotDone):
            return verdict
        notes += [verdict] if verdict else []
    return notes, flaw


def _compared(found: Measured, role: FileRole, stated: float) -> str | NotDone[Made]:
    """What is to be said of it; a file that is too short is tried for again."""
    lasts = found.milliseconds / 1000
    spare = max(stated * SHARE, ROUNDING if stated.is_integer() else LEAST)
    said = f"the {role} lasts {lasts:.1f} s, the page says {stated:.1f} s"
    if not found.milliseconds:
        return f"the {role} does not say when its pictures are shown: how long it is was not checked"
    if lasts < stated - spare:
        return NotDone(Fault.TRANSIENT, f"{said}: it is not all there, and not kept")
    return said if lasts > stated + spare else ""


# --- the working copy --------------------------------------------------------------------------------------


def _working_copy(fetched: Fetched, bench: Bench) -> tuple[WorkingCopy, list[ObjectToStore]] | Rejection | None:
    """Of picture and sound that came apart, and how it was made; None: they did not."""
    files = {each.role: each.file for each in fetched.files}
    video, audio = files.get(FileRole.VIDEO), files.get(FileRole.AUDIO)
    if video is None or audio is None:
        return None
    path = bench.scratch / "joined"
    joined = bench.box.join(Path(video.path), Path(audio.path), path)
    if isinstance(joined, Rejection):
        return joined
    with path.open("rb") as content:
        sha256 = hashlib.file_digest(content, "sha256").hexdigest()
    key = keys.joined(video.sha256, audio.sha256, RECIPE, joined.container)
    detail = _how(joined) | {"video": video.sha256, "audio": audio.sha256, "key": key, "sha256": sha256}
    detail["size"] = path.stat().st_size
    told = json.dumps(detail, sort_keys=True, separators=(",", ":")).encode()
    kind = "video/mp4" if joined.container == "mp4" else "video/x-matroska"
    objects = [
        ObjectToStore(DERIVED, key, path, sha256, kind),
        ObjectToStore(DERIVED, f"{key}.json", told, hashlib.sha256(told).hexdigest(), "application/json"),
    ]
    return WorkingCopy(video.sha256, detail), objects


def _how(joined: Joined) -> dict[str, str | int]:
    return {"recipe": RECIPE, "container": joined.container, "packets": "copied, not encoded anew", **joined.made_with}

"""Step: one blob in; its fingerprint and what else shows the same footage out; then it is offered to the analysis.

Where fingerprints say that a blob shows, from its beginning to its end, what an analysed one shows, both are laid over
each other picture by picture.  If nothing is in it that would be searched and is not in the other, it is not analysed
again: its item ends as skipped, and says which.  A fault here keeps no file from being analysed.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from lastseen.outcomes import Done, Outcome
from lastseen.records import Comparison, Fingerprint, LinkedStretch, Rejection
from lastseen.settings import Settings
from matchers import reposts as matching
from matchers.reposts import Look, Shelf, Stretch
from pipeline.runner import Bench, Result, Step
from storage import candidates, posts, reposts, work
from storage.custody import Action, Entry
from storage.database import Connection
from storage.objects import EVIDENCE
from storage.posts import Blob
from storage.reposts import End, Kept
from storage.work import Claim, Queue

NAME: Final = "fingerprint"
LARGER: Final = 1.05
"""times as wide and high, and its faces are larger, too: that is seen without a look"""
MOST_LAID: Final = 3
"""files that one is laid over, since each costs as much as decoding both"""
AT_ENDS_MS: Final = 1000
"""that may be left of a copy before and after what is linked"""


@dataclass(frozen=True, slots=True)
class Job:
    """A blob, and what was known when it was looked at."""

    blob: Blob
    recipe: str
    known: int
    """row id of the newest fingerprint that it was compared with"""


@dataclass(frozen=True, eq=False, slots=True)
class Seen:
    """A fingerprint, as kept and as compared."""

    found: Fingerprint
    look: Look
    mirrored: Look


@dataclass(frozen=True, slots=True)
class Shared:
    """What a blob has in common with another."""

    other: Kept
    stretches: tuple[Stretch, ...]


@dataclass(frozen=True, eq=False, slots=True)
class Proof:
    """A file that shows everything that would be searched in this one."""

    blob: int
    """row id"""
    compared: int
    """pictures"""


@dataclass(frozen=True, eq=False, slots=True)
class Compared:
    """What a fingerprint came to."""

    seen: Seen
    shared: tuple[Shared, ...]
    proof: Proof | None


def step(settings: Settings, recipe: str, analysis: str) -> Step[Job, Compared]:
    """Take fingerprints by one recipe, for analyses by another."""

    def run(job: Job, bench: Bench) -> Outcome[Compared]:
        return _run(job, bench, analysis)

    def keep(db: Connection, result: Result[Job, Compared]) -> list[Entry]:
        if not result.made:
            work.offer(db, Queue("analyze", analysis), [result.job.blob.id], result.claim.passed_on)
        return [_keep(db, result, made, analysis, settings.people_per_track) for made in result.made]

    return Step(NAME, recipe, _load, run, keep)


def _load(db: Connection, claim: Claim) -> Job:
    return Job(posts.blob(db, claim.subject), claim.recipe, reposts.newest(db, claim.recipe))


def _run(job: Job, bench: Bench, analysis: str) -> Outcome[Compared]:
    path = bench.download(EVIDENCE, job.blob.key, job.blob.sha256, job.blob.version_id)
    found = bench.box.fingerprint(path)
    if isinstance(found, Rejection):
        return Done(note=f"no fingerprint: {found.why}")  # what is wrong with a file is told once, by its analysis
    try:
        seen = seen_in(found)
    except ValueError as fault:
        return Done(note=f"no fingerprint: the child process gave none that makes sense: {fault}")
    with bench.stores.db.connect() as db:
        shared = tuple(_compare(db, job, seen))
        originals = _originals(db, found, shared, analysis)
    proof, why = _proven(bench, path, originals[:MOST_LAID])
    notes = [f"{len(seen.look.at_ms)} moments", *([f"{len(shared)} others show the same"] if shared else []), *why]
    return Done((Compared(seen, shared, proof),), note=", ".join(notes))


def _proven(bench: Bench, path: Path, originals: Sequence[Shared]) -> tuple[Proof | None, list[str]]:
    """The first of them that shows all of the file; why the others do not."""
    why: list[str] = []
    for one in originals:
        with bench.stores.db.connect() as db:
            blob = posts.blob(db, one.other.blob)
        other = bench.download(EVIDENCE, blob.key, blob.sha256, blob.version_id, name="other")
        found = bench.box.compare(path, other, [linked(stretch) for stretch in one.stretches])
        if isinstance(found, Comparison) and not found.why:
            return Proof(blob.id, found.compared), why
        why.append(f"not only what {blob.sha256[:12]} shows: {found.why}")
    return None, why


def linked(stretch: Stretch) -> LinkedStretch:
    """What is told to the child process of a stretch."""
    ours = stretch.one_start_ms, stretch.one_end_ms
    return LinkedStretch(*ours, stretch.other_start_ms, stretch.other_end_ms, stretch.mirrored)


def seen_in(found: Fingerprint) -> Seen:
    """As numbers.  Raises ValueError for what is no fingerprint."""
    look = matching.look(found.moments, found.hashes, found.light)
    turned = np.ascontiguousarray(look.light[:, ::-1]).tobytes()
    return Seen(found, look, matching.look(found.moments, found.mirrored, turned))


def _compare(db: Connection, job: Job, seen: Seen, after: int = 0) -> Iterator[Shared]:
    """With all fingerprints that are newer than row `after`."""
    shelves = (_shelf(rows) for rows in reposts.anchors(db, job.recipe, job.blob.id, after))
    worth = matching.worth_comparing(seen.look, seen.mirrored, shelves)
    for blob in worth:
        for other in reposts.of_blobs(db, job.recipe, [blob]):
            found = between(seen, other)
            if found:
                yield Shared(other, tuple(found))


def between(seen: Seen, other: Kept) -> list[Stretch]:
    """What both show."""
    look = matching.look(other.moments, other.hashes, other.light)
    if "image" in (seen.found.kind, other.kind):
        return matching.stills(seen.look, seen.mirrored, look) if seen.found.kind == other.kind else []
    return matching.stretches(seen.look, seen.mirrored, look)


def _shelf(rows: Sequence[tuple[int, bytes]]) -> Shelf:
    words = [np.frombuffer(anchors, "<u8").reshape(-1, 2) for _, anchors in rows]
    owners = np.repeat([blob for blob, _ in rows], [len(word) for word in words])
    return Shelf(owners.astype(np.int64), np.concatenate(words))


# --- what is kept ------------------------------------------------------------------------------------------


def _keep(db: Connection, result: Result[Job, Compared], made: Compared, analysis: str, people_per_track: int) -> Entry:
    job = result.job
    reposts.lock(db)
    shared = [*made.shared, *_compare(db, job, made.seen, job.known)]
    if shared:  # before any row is written: whoever erases takes the lock first and the rows after it
        candidates.lock(db)
    reposts.keep(db, job.blob.id, job.recipe, made.seen.found, matching.anchors(made.seen.look).astype("<u8").tobytes())
    there = {other.blob for other in reposts.of_blobs(db, job.recipe, [one.other.blob for one in shared])}
    shared = [one for one in shared if one.other.blob in there]  # what was erased meanwhile is linked with nothing
    for one in shared:
        for stretch in one.stretches:
            _link(db, job, one.other, stretch)
    if shared:  # what is asked in both of them is one question
        candidates.arrange(db, [job.blob.id], people_per_track)
    original = _original(db, made, shared, analysis)
    if original is not None:
        reposts.spare(db, analysis, job.blob.id, original.other.sha256, _told(original.stretches))
    work.offer(db, Queue("analyze", analysis), [job.blob.id], result.claim.passed_on)
    return Entry(Action.DERIVED, f"blob:{job.blob.sha256}", _detail(job, made, shared, original))


def _detail(job: Job, made: Compared, shared: Sequence[Shared], original: Shared | None) -> dict[str, object]:
    """For the log; of a file that is not analysed, too, what it shows nothing more than."""
    same = [one.other.sha256 for one in shared]
    detail = {"recipe": job.recipe, "moments": len(made.seen.look.at_ms), "same_footage": same}
    if original is None or made.proof is None:
        return detail
    return {**detail, "shows_no_more_than": original.other.sha256, "pictures_compared": made.proof.compared}


def _link(db: Connection, job: Job, other: Kept, stretch: Stretch) -> None:
    ours = End(job.blob.id, stretch.one_start_ms, stretch.one_end_ms)
    theirs = End(other.blob, stretch.other_start_ms, stretch.other_end_ms)
    reposts.link(db, job.recipe, ours, theirs, stretch.distance, mirrored=stretch.mirrored)


def _originals(db: Connection, found: Fingerprint, shared: Sequence[Shared], analysis: str) -> list[Shared]:
    """Files that are analysed and may show all of this one, those with the most pixels first."""
    whole = [one for one in shared if may_be_copy(found, one)]
    analyzed = reposts.analyzed(db, analysis, [one.other.blob for one in whole])
    left = [one for one in whole if one.other.blob in analyzed]
    return sorted(left, key=lambda one: -one.other.width * one.other.height)


def _original(db: Connection, made: Compared, shared: Sequence[Shared], analysis: str) -> Shared | None:
    """The file that was proven to show everything, if it is still there and analysed."""
    if made.proof is None:
        return None
    left = _originals(db, made.seen.found, shared, analysis)
    return next((one for one in left if one.other.blob == made.proof.blob), None)


def may_be_copy(found: Fingerprint, shared: Shared) -> bool:
    """Whether it is worth decoding both: all of this file is linked with the other, which is no smaller.

    A still picture is never taken for a copy: a single moment proves too little, and analysing it costs nothing.
    """
    other = shared.other
    if found.kind == "image" or not (found.complete and other.complete):
        return False
    if found.width > other.width * LARGER and found.height > other.height * LARGER:
        return False
    return covers(found, shared.stretches)


def covers(found: Fingerprint, stretches: Sequence[Stretch]) -> bool:
    """Whether stretches leave nothing of a film but AT_ENDS_MS before and after them, and as much between two."""
    moments = np.frombuffer(found.moments, "<u4")
    if not stretches or not len(moments):
        return False
    reached = int(moments[0])
    for stretch in stretches:
        if stretch.one_start_ms - reached > AT_ENDS_MS:
            return False
        reached = stretch.one_end_ms
    hidden = found.duration_ms - (int(moments[-1]) - int(moments[0]))  # flat pictures, of which there is no moment
    return int(moments[-1]) - reached <= AT_ENDS_MS and hidden <= 2 * AT_ENDS_MS


def _told(stretches: Sequence[Stretch]) -> str:
    """Where in the other one; said in the reason of what was spared."""
    parts = [f"{one.other_start_ms / 1000:.1f}-{one.other_end_ms / 1000:.1f}" for one in stretches]
    return f", seconds {', '.join(parts)}: analysed once; `lastseen analyze --blob` has it done all the same"

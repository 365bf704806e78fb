"""The life of a work item and of a candidate, each as one table.

`docs/architecture.md` shows the diagrams that `python -m lastseen.lifecycle` draws from these tables; a test holds
the two together.
"""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum

from lastseen.outcomes import Fault


class WorkState(StrEnum):
    """Where one item stands in one step.  A leased item is `open`: its lease ends by itself."""

    OPEN = "open"
    DONE = "done"
    GONE = "gone"
    SKIPPED = "skipped"
    FAILED = "failed"
    QUARANTINED = "quarantined"


class CandidateState(StrEnum):
    """Where a candidate stands."""

    OPEN = "open"
    DISPLACED = "displaced"
    """five nearer people came between: kept, not queued"""
    JOINED = "joined"
    """another track of the same face, in this file or in a re-post of its footage, carries the question"""
    WITHDRAWN = "withdrawn"
    """the person was found, the entry withdrawn, or the photo removed"""
    SUPERSEDED = "superseded"
    """a newer analysis of the same file, or another engine, found the same person at the same time"""
    REJECTED = "rejected"
    """somebody said of this face that it is not this person"""
    UNDECIDED = "undecided"
    """people have looked, and it cannot be said"""
    SIGHTING = "sighting"
    """two reviewers said that it is this person: a possible sighting"""


class FaceState(StrEnum):
    """Where a face of a roll call stands; of several that hold, the first counts."""

    SIGHTING = "sighting"
    """one of its candidates was confirmed"""
    CANDIDATE = "candidate"
    """one waits for reviewers, or they could not say"""
    REJECTED = "rejected"
    """somebody said "not this person", and nobody is left"""
    UNKNOWN = "unknown"
    """it resembles nobody in the register enough"""


@dataclass(frozen=True, slots=True)
class Rule:
    """What one class of fault does to an open item."""

    state: WorkState
    rest: timedelta = timedelta()
    """how long an item that stays open rests at least; doubled with each failure, with jitter, if `counted`"""
    counted: bool = False
    """a counted failure ends the item as `failed` at `Settings.transient_limit`"""


RULES: Mapping[Fault, Rule] = {
    Fault.WAIT: Rule(WorkState.OPEN),
    Fault.STALE: Rule(WorkState.OPEN, timedelta(seconds=1), counted=True),
    Fault.TRANSIENT: Rule(WorkState.OPEN, timedelta(seconds=5), counted=True),
    Fault.BLOCKED: Rule(WorkState.OPEN, timedelta(hours=1)),
    Fault.GONE: Rule(WorkState.GONE),
    Fault.SKIPPED: Rule(WorkState.SKIPPED),
    Fault.DEFECT: Rule(WorkState.QUARANTINED),
}


@dataclass(frozen=True, slots=True)
class Change:
    """One arrow of a diagram."""

    before: str
    after: str
    because: str


def work_changes() -> tuple[Change, ...]:
    """Every way a work item may change its state, in reading order."""
    ends = [
        Change(WorkState.OPEN, WorkState.DONE, "done"),
        Change(WorkState.OPEN, WorkState.DONE, "done, with a flaw that is counted"),
        Change(WorkState.OPEN, WorkState.OPEN, "done in part"),
    ]
    for fault, rule in RULES.items():
        ends.append(Change(WorkState.OPEN, rule.state, fault))
        if rule.counted:
            ends.append(Change(WorkState.OPEN, WorkState.FAILED, f"{fault}, too often"))
    ends.append(Change(WorkState.OPEN, WorkState.QUARANTINED, "its worker died too often"))
    again = [Change(state, WorkState.OPEN, "asked for again") for state in WorkState if state is not WorkState.OPEN]
    return (*ends, *again)


CANDIDATE_ORDER = (
    CandidateState.SIGHTING,
    CandidateState.REJECTED,
    CandidateState.WITHDRAWN,
    CandidateState.SUPERSEDED,
    CandidateState.DISPLACED,
    CandidateState.JOINED,
    CandidateState.UNDECIDED,
    CandidateState.OPEN,
)
"""a candidate's state is the first of these whose reason holds, whatever happened first"""

REASONS: Mapping[CandidateState, tuple[str, str]] = {
    CandidateState.REJECTED: ("not this person", "the rejection was revoked"),
    CandidateState.WITHDRAWN: ("person found, entry withdrawn or photo removed", "found again, person missing again"),
    CandidateState.SUPERSEDED: (
        "a newer analysis or another engine shows the same",
        "what the newer one showed is closed",
    ),
    CandidateState.DISPLACED: ("five nearer people", "a nearer one is closed"),
    CandidateState.JOINED: ("the same face is asked about already", "the other is closed, or the link withdrawn"),
    CandidateState.UNDECIDED: ("people looked, and it cannot be said", "a judgement was undone or superseded"),
    CandidateState.SIGHTING: ("two people said yes", "a judgement was undone or superseded"),
}
"""state -> why an open candidate takes it, and why it is open again"""


def candidate_changes() -> tuple[Change, ...]:
    """How a candidate leaves the queue and comes back; it passes from one reason to another in the same way."""
    through = (
        change
        for state, (because, ended) in REASONS.items()
        for change in (Change(CandidateState.OPEN, state, because), Change(state, CandidateState.OPEN, ended))
    )
    return tuple(through)


def mermaid(changes: Iterable[Change]) -> str:
    """The table as a Mermaid state diagram."""
    arrows = [f"    {change.before} --> {change.after}: {change.because}" for change in changes]
    return "\n".join(["stateDiagram-v2", "    [*] --> open", *arrows])


def chapter() -> str:
    """Both diagrams as they stand in `docs/architecture.md`."""
    order = ", ".join(CANDIDATE_ORDER)
    told = f"A candidate (where several reasons hold, the first of {order}):"
    titles = {"A work item:": work_changes(), told: candidate_changes()}
    return "\n\n".join(f"{title}\n\n```mermaid\n{mermaid(changes)}\n```" for title, changes in titles.items())


if __name__ == "__main__":
    sys.stdout.write(chapter() + "\n")

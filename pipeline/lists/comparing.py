"""Step: lines of lists against the whole register; proposals out, for people to decide.

What is due is worked out from the data, as for the words of posts: a block of lines is compared when one of them is
new, and all blocks are when the register changes.  So a list that was imported before somebody was entered finds them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from lastseen.lifecycle import WorkState
from lastseen.outcomes import Done, Outcome
from lastseen.records import NamedPerson
from matchers.lists.matching import VERSION, Asked, Register
from pipeline.runner import Bench, Result, Step
from storage import lists, work
from storage.custody import Action, Entry
from storage.database import Connection
from storage.lists import Look, Named
from storage.work import Claim, Queue

NAME = "lists"

Found = Mapping[int, Sequence[tuple[int, Mapping[str, Any]]]]
"""line -> (person, why), the likeliest first"""


@dataclass(frozen=True, slots=True)
class Job:
    """A block of lines, and the register."""

    look: Look
    lines: tuple[Named, ...]
    people: tuple[NamedPerson, ...] | None
    """None: they are those of the job before"""


def step() -> Step[Job, Found]:
    """Hold what lists say against everybody in the register."""
    ready = _Ready()

    def load(db: Connection, claim: Claim) -> Job:
        look = lists.look(db, claim.subject)
        people = None if ready.holds(look.register) else tuple(lists.people(db))
        return Job(look, tuple(lists.lines(db, claim.subject)), people)

    def run(job: Job, bench: Bench) -> Outcome[Found]:
        register = ready.register(job)
        found = {line.id: proposals(register, line) for line in job.lines}
        return Done((found,), note=f"{len(found)} lines, {sum(map(bool, found.values()))} with proposals")

    def keep(db: Connection, result: Result[Job, Found]) -> list[Entry]:
        return [_keep(db, result, found) for found in result.made]

    return Step(NAME, VERSION, load, run, keep)


def fill(db: Connection, queue: Queue) -> None:
    """Have compared what is due."""
    blocks = tuple(lists.due(db, queue.recipe))
    work.offer(db, queue, blocks)
    work.reopen(db, replace(queue, subjects=blocks), [WorkState.DONE])


def proposals(register: Register, line: Named) -> list[tuple[int, Mapping[str, Any]]]:
    """Whom a line may speak of, as it is kept."""
    return [(one.person, one.as_json()) for one in register.proposals(Asked(line.id, line.names, line.birth_year))]


def _keep(db: Connection, result: Result[Job, Found], found: Found) -> Entry:
    kept = lists.propose(db, result.claim.recipe, result.job.look, found)
    detail = {"matcher": result.claim.recipe, "lines": len(found), "new": kept.new, "gone": kept.gone}
    return Entry(Action.SEARCHED, f"list_lines:{result.claim.subject}", detail)


class _Ready:
    """The register made ready, until it changes."""

    def __init__(self) -> None:
        self._held: tuple[str, Register] | None = None

    def holds(self, register: str) -> bool:
        """It is ready in this state."""
        return self._held is not None and self._held[0] == register

    def register(self, job: Job) -> Register:
        """Of the job's people."""
        if self._held is None or job.people is not None:
            self._held = (job.look.register, Register.of(job.people or ()))
        return self._held[1]

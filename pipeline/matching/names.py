"""Step: the words of posts against the names of the register; hints out.

What is due is worked out from the data: a block of observations is compared when one of them is new, and all blocks are
when the register changes.  So neither who collects nor who imports has to think of it, and nothing is missed that
was committed late: whichever of an observation and an entry is committed last has the other compared with it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from lastseen.lifecycle import WorkState
from lastseen.outcomes import Done, Outcome
from lastseen.records import NamedPerson, NameHint
from lastseen.settings import Settings
from matchers.names.index import VERSION, Index
from pipeline.runner import Bench, Result, Step
from storage import candidates, name_hints, work
from storage.custody import Action, Entry
from storage.database import Connection
from storage.name_hints import Look, Words
from storage.work import Claim, Queue

NAME = "names"

Hints = Mapping[Words, Sequence[NameHint]]


@dataclass(frozen=True, slots=True)
class Job:
    """A block of observations, and the register."""

    look: Look
    words: tuple[Words, ...]
    people: tuple[NamedPerson, ...] | None
    """None: they are those of the job before"""


def step(settings: Settings) -> Step[Job, Hints]:
    """Compare what posts say with whom the register misses."""
    ready = _Ready()

    def load(db: Connection, claim: Claim) -> Job:
        look = name_hints.look(db, claim.subject)
        people = None if ready.holds(look.register) else tuple(name_hints.people(db))
        return Job(look, tuple(name_hints.words(db, claim.subject)), people)

    def run(job: Job, bench: Bench) -> Outcome[Hints]:
        index = ready.index(job)
        found = {said: index.hints(said.text, said.published) for said in job.words}
        hints = sum(map(len, found.values()))
        return Done((found,), note=f"{len(job.words)} texts, {index.people} people, {hints} hints")

    def keep(db: Connection, result: Result[Job, Hints]) -> list[Entry]:
        candidates.lock(db)
        return [_keep(db, result, found, settings.people_per_track) for found in result.made]

    return Step(NAME, VERSION, load, run, keep)


def fill(db: Connection, queue: Queue) -> None:
    """Have compared what is due."""
    blocks = tuple(name_hints.due(db, queue.recipe))
    work.offer(db, queue, blocks)
    work.reopen(db, replace(queue, subjects=blocks), [WorkState.DONE])


def _keep(db: Connection, result: Result[Job, Hints], found: Hints, people_per_track: int) -> Entry:
    kept = name_hints.keep(db, result.claim.recipe, result.job.look, found)
    if kept.new or kept.gone:  # whom words name goes before others
        candidates.arrange(db, name_hints.ranked(db, result.claim.subject), people_per_track)
    detail = {
        "matcher": result.claim.recipe,
        "texts": len(result.job.words),
        "hints": kept.hints,
        "new": kept.new,
        "gone": kept.gone,
    }
    return Entry(Action.SEARCHED, f"words:{result.claim.subject}", detail)


class _Ready:
    """The register made ready, until it changes."""

    def __init__(self) -> None:
        self._held: tuple[str, Index] | None = None

    def holds(self, register: str) -> bool:
        """It is ready in this state."""
        return self._held is not None and self._held[0] == register

    def index(self, job: Job) -> Index:
        """Of the job's people."""
        if self._held is None or job.people is not None:
            self._held = (job.look.register, Index(job.people or ()))
        return self._held[1]

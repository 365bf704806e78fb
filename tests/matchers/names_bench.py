"""Names in posts: precision and recall on captions written for it: `python -m tests.matchers.names_bench [--json]`.

The captions were written before the code that reads them.  Every other one was held out: what it said at the first look
stands in docs/matching.md, with what was mended after that.  All people are invented.
"""

import argparse
import json
import random
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from time import perf_counter
from typing import Final

from lastseen.records import NamedPerson
from matchers.names import people
from matchers.names.given_names import MEN
from matchers.names.index import Index

HERE: Final = Path(__file__).parent
TUNED, HELD_OUT = "tuned", "held out"
FIRST_DRAWN: Final = 1000
COMMON: Final = 0.05
SYLLABLES: Final = [
    "ба",
    "ко",
    "ли",
    "гна",
    "три",
    "ше",
    "мо",
    "ру",
    "сте",
    "пан",
    "дов",
    "жу",
    "ри",
    "вер",
    "го",
    "лов",
    "че",
    "за",
    "ста",
    "пиль",
    "кри",
    "хо",
    "лю",
    "яр",
]
ENDINGS: Final = ["енко", "чук", "ук", "юк", "ський", "ов", "ик", "ець", "ак", "ин", "ко", "ишин"]


@dataclass(frozen=True, slots=True)
class Caption:
    """The text of a post, and whom of the register it names."""

    language: str
    difficulty: str
    expected: frozenset[str]
    published: date
    text: str
    half: str


@dataclass(slots=True)
class Tally:
    """Hints, counted."""

    captions: int = 0
    right: int = 0
    wrong: int = 0
    missed: int = 0

    @property
    def precision(self) -> float:
        """Of all hints, those that are right; 1 where there are none."""
        return self.right / (self.right + self.wrong) if self.right + self.wrong else 1.0

    @property
    def recall(self) -> float:
        """Of all whom captions name, those that a hint was given at; 1 where nobody is named."""
        return self.right / (self.right + self.missed) if self.right + self.missed else 1.0

    def as_dict(self) -> dict[str, float]:
        """For JSON."""
        counts = {name: getattr(self, name) for name in ("captions", "right", "wrong", "missed")}
        return {**counts, "precision": round(self.precision, 3), "recall": round(self.recall, 3)}


def register() -> list[NamedPerson]:
    """The invented people; `p07` has the row id 7."""
    rows = (line.split("\t") for line in (HERE / "captions_register.tsv").read_text("utf-8").splitlines())
    return [NamedPerson(int(number[1:]), tuple(names.split("|")), int(year) if year else None)
            for number, year, names in rows]  # fmt: skip


def captions() -> list[Caption]:
    """All of them, in their order."""
    lines = (HERE / "captions.tsv").read_text("utf-8").splitlines()
    return [_caption(place, *line.split("\t")) for place, line in enumerate(lines)]


def _caption(place: int, language: str, difficulty: str, expected: str, published: str, text: str) -> Caption:
    named = frozenset() if expected == "-" else frozenset(expected.split(","))
    half = HELD_OUT if place % 2 else TUNED
    return Caption(language, difficulty, named, date.fromisoformat(published), text.replace("\\n", "\n"), half)


def measure(chosen: Iterable[Caption]) -> dict[tuple[str, str], Tally]:
    """(what, which) -> tally: of each half and language in it, and of difficulties in both."""
    index = Index(register())
    found: dict[tuple[str, str], Tally] = defaultdict(Tally)
    for caption in chosen:
        said = {f"p{hint.person:02}" for hint in index.hints(caption.text, caption.published)}
        halves = ("half", caption.half), (caption.half, caption.language)
        for key in (*halves, ("difficulty", caption.difficulty)):
            _count(found[key], caption, said)
    return dict(found)


def _count(tally: Tally, caption: Caption, said: set[str]) -> None:
    tally.captions += 1
    tally.right += len(said & caption.expected)
    tally.wrong += len(said - caption.expected)
    tally.missed += len(caption.expected - said)


def failures(chosen: Iterable[Caption]) -> list[str]:
    """What went wrong, a line each."""
    index = Index(register())
    lines = []
    for caption in chosen:
        said = {f"p{hint.person:02}" for hint in index.hints(caption.text, caption.published)}
        if said != caption.expected:
            wanted = ", ".join(sorted(caption.expected)) or "nobody"
            told = ", ".join(sorted(said)) or "nobody"
            lines.append(f"{caption.language} {caption.difficulty}: {told} instead of {wanted}: {caption.text!r}")
    return lines


def cost(size: int) -> dict[str, float]:
    """Seconds to make a register of drawn names ready, milliseconds a caption, and hints at people who were drawn."""
    everybody = [*register(), *drawn(size)]
    begun = perf_counter()
    index = Index(everybody)
    ready = perf_counter() - begun
    every = captions()
    for _ in range(2):  # words are folded once
        begun = perf_counter()
        found = [index.hints(caption.text, caption.published) for caption in every]
        compared = perf_counter() - begun
    strangers = sum(hint.person >= FIRST_DRAWN for hints in found for hint in hints)
    return {
        "people": size,
        "ready_seconds": round(ready, 1),
        "ms_a_caption": round(compared / len(every) * 1000, 3),
        "strangers": strangers,
    }


def drawn(size: int) -> Iterator[NamedPerson]:
    """People of invented surnames, one of twenty with one of the captions' own: as common as common surnames are."""
    chance = random.Random(6)
    men = [line.split()[0] for line in MEN.strip().splitlines()]
    fathers = [f"{name}ович" for name in men if name[-1] not in "аяійоь"]
    common = [parts.surname for person in register() for parts in people.parts(person.names[0])]
    rare = ["".join(chance.choices(SYLLABLES, k=chance.choice((2, 3)))).capitalize() for _ in range(size // 3 + 1)]
    for number in range(size):
        surname = chance.choice(common) if chance.random() < COMMON else chance.choice(rare) + chance.choice(ENDINGS)
        name = f"{surname} {chance.choice(men)} {chance.choice(fathers)}"
        yield NamedPerson(FIRST_DRAWN + number, (name,), chance.randint(1960, 2005))


def main(arguments: Sequence[str] | None = None) -> int:
    """Print both halves, and each language and difficulty."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="one JSON object on the last line")
    parser.add_argument("--people", type=int, default=0, help="also the time with a register of so many")
    parser.add_argument("--failures", action="store_true", help="of the half that was not held out, what went wrong")
    chosen = parser.parse_args(arguments)
    told: dict[str, object] = {
        f"{what}: {which}": tally.as_dict() for (what, which), tally in sorted(measure(captions()).items())
    }
    if chosen.people:
        told["register"] = cost(chosen.people)
    if chosen.failures:
        sys.stdout.writelines(f"{line}\n" for line in failures(one for one in captions() if one.half == TUNED))
    if chosen.json:
        sys.stdout.write(json.dumps(told) + "\n")
    else:
        sys.stdout.writelines(f"{name:26} {tally}\n" for name, tally in told.items())
    return 0


if __name__ == "__main__":
    sys.exit(main())

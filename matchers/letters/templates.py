"""The language of letters' templates: text with `{{placeholders}}`, and lines that are written once for each person.

What stands around a letter (office, number, date, to whom, page numbers, annex) is no part of it.

    {{each person}}
    {{person.name.genitive}}, {{person.number}}
    {{each sighting}}
    {{sighting.where}}
    {{end}}
    {{end}}

Lines between `{{each case}}` and `{{end}}` are written if the letter is about the case of a group.
`{{each ...}}` and `{{end}}` stand in lines of their own.  Nothing else means anything: a template runs no program.
"""

import re
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from lastseen.errors import WrongUse
from lastseen.letters import LetterKind
from lastseen.words import words
from matchers.names.declining import Case

_NAMES: Final = tuple(str(case) for case in Case)
EVERYWHERE: Final = (
    "office", "date", "recipient", "address", "case", "people.count", "sightings.count",
    *(f"people.names.{case}" for case in _NAMES), *(f"people.short.{case}" for case in _NAMES),
)  # fmt: skip
OF_CASE: Final = ("case.shown", "case.accounted", "case.open", "case.since")
OF_PERSON: Final = (
    "person.place", "person.number", "person.born", "person.sightings", *(f"person.name.{case}" for case in _NAMES),
)  # fmt: skip
OF_SIGHTING: Final = (
    "sighting.number", "sighting.where", "sighting.published", "sighting.seen", "sighting.moment", "sighting.places",
    "sighting.sha256",
)  # fmt: skip
BLOCKS: Final[Mapping[str, tuple[str, ...]]] = {"case": OF_CASE, "person": OF_PERSON, "sighting": OF_SIGHTING}
"""what may stand within a block, beside what may stand everywhere and in the blocks around it"""
LONGEST: Final = 20_000
"""characters of a template, and of a letter: some ten pages"""

_HOLE = re.compile(r"\{\{(.*?)\}\}")
_CONTROL = re.compile(r"\s*\{\{\s*(each\s+\w+|end)\s*\}\}\s*")


@dataclass(frozen=True, slots=True)
class Line:
    """A line to fill."""

    text: str


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that are written once for each person, for each of their sightings, or for the case of a group."""

    of: str
    parts: tuple["Part", ...]


Part = Line | Block


@dataclass(frozen=True, slots=True)
class Template:
    """A letter before it is filled."""

    subject: str
    body: str


@cache
def shipped(kind: LetterKind, language: str) -> Template:
    """The one that comes with this software."""
    found = tomllib.loads(files("matchers.letters").joinpath(f"{kind}.toml").read_text("utf-8"))[language]
    return Template(found["subject"], found["body"].strip())


def of(kind: LetterKind, language: str, edited: tuple[str, str] | None) -> Template:
    """The one that counts.  `edited`: subject and body as the office has written them; None: it has not."""
    return Template(*edited) if edited else shipped(kind, language)


def parse(template: Template) -> tuple[Sequence[Part], Sequence[Part]]:
    """Subject and body, read.  Raises WrongUse that names what is not known, and the line it stands in."""
    if len(template.subject) + len(template.body) > LONGEST:
        raise WrongUse(words("This is too long: {most} characters are the most.", most=LONGEST))
    subject, body = template.subject.strip(), template.body.strip()
    if not subject or not body:
        raise WrongUse(words("A letter needs a subject and a text."))
    if "\n" in subject or _CONTROL.fullmatch(subject):
        raise WrongUse(words("The subject is one line, and repeats nothing."))
    return _parsed([(0, subject)]), _parsed(list(enumerate(body.splitlines(), 1)))


def _parsed(lines: Sequence[tuple[int, str]]) -> Sequence[Part]:
    """`lines`: with their numbers; 0 is the subject."""
    open_: list[tuple[str, int, list[Part]]] = [("", 0, [])]
    for number, line in lines:
        control = _CONTROL.fullmatch(line)
        if control is None:
            _check(number, line, [name for name, _, _ in open_])
            open_[-1][2].append(Line(line))
        elif control[1] == "end":
            _close(number, open_)
        else:
            open_.append((_opened(number, control[1].split()[1], [name for name, _, _ in open_]), number, []))
    if len(open_) > 1:
        raise WrongUse(words("Line {line}: nothing ends what is repeated from here.", line=str(open_[-1][1])))
    return tuple(open_[0][2])


def _close(number: int, open_: list[tuple[str, int, list[Part]]]) -> None:
    if len(open_) == 1:
        raise WrongUse(words("Line {line}: there is nothing to end here.", line=str(number)))
    name, _, parts = open_.pop()
    open_[-1][2].append(Block(name, tuple(parts)))


def _opened(number: int, name: str, within: Sequence[str]) -> str:
    if name not in BLOCKS or name in within or (name == "sighting" and "person" not in within):
        said = words("Line {line}: {name} cannot be repeated here.", line=str(number), name=name)
        raise WrongUse(said)
    return name


def _check(number: int, line: str, within: Sequence[str]) -> None:
    known = {*EVERYWHERE, *(name for block in within for name in BLOCKS.get(block, ()))}
    for hole in _holes(line):
        if hole not in known:
            where = words("the subject") if number == 0 else words("line {line}", line=str(number))
            told = words("No placeholder is called {name}: {where}.", name=hole or "…", where=where)
            if hole in (*OF_CASE, *OF_PERSON, *OF_SIGHTING):
                told = words("{name} stands outside of what is repeated: {where}.", name=hole, where=where)
            raise WrongUse(told)
    if "{{" in _HOLE.sub("", line) or "}}" in _HOLE.sub("", line):
        raise WrongUse(words("Line {line}: a placeholder is not closed, or not begun.", line=str(number)))


def _holes(line: str) -> Iterator[str]:
    yield from (found[1].strip() for found in _HOLE.finditer(line))


def fill(line: str, values: Mapping[str, str]) -> str:
    """A line of a template that was parsed, with what is known.  What values say is text, and is not read again."""
    return _HOLE.sub(lambda found: values[found[1].strip()], line)

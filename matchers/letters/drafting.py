"""Drafts of letters: a template filled with what is known of people, and of where they were perhaps seen."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Final

from lastseen import letter_marks as marking
from lastseen.letters import LetterFacts, LetterPerson, LetterSighting
from matchers.letters import templates
from matchers.letters.templates import Block, Line, Part, Template
from matchers.names.declining import Case, Form, Sex, decline, sex_of

UNKNOWN: Final = "\N{EN DASH}"
_DAYS: Final = {"en": "%Y-%m-%d", "uk": "%d.%m.%Y"}
_CYRILLIC = re.compile("[Ѐ-ӿ]")


def draft(template: Template, language: str, facts: LetterFacts, sexes: Mapping[int, Sex]) -> Template:
    """The letter; generated word forms are marked (`lastseen.letter_marks`).  Raises WrongUse as `templates.parse`.

    `sexes`: what the clerk said of whom no patronymic tells, by person.
    """
    subject, body = templates.parse(template)
    writer = _Writer(language, facts, sexes)
    return Template("\n".join(writer.lines(subject)), "\n".join(writer.lines(body)).strip())


def asks_for_sex(language: str, person: LetterPerson) -> bool:
    """Whether the clerk has to say it, for a name to decline."""
    return language == "uk" and sex_of(shown_name(person, language)) is None


def shown_name(person: LetterPerson, language: str) -> str:
    """The name by which a letter in this language calls somebody: the first in its script, or else the first."""
    names = [marking.unsigned(" ".join(name.split())) for name in person.names if name.strip()]
    wanted = language == "uk"
    return next((name for name in names if bool(_CYRILLIC.search(name)) == wanted), next(iter(names), ""))


@dataclass(frozen=True, slots=True)
class _Writer:
    language: str
    facts: LetterFacts
    sexes: Mapping[int, Sex]

    def lines(self, parts: Sequence[Part]) -> Iterator[str]:
        yield from self._written(parts, self._everywhere(), None)

    def _written(self, parts: Sequence[Part], values: Mapping[str, str], person: LetterPerson | None) -> Iterator[str]:
        for part in parts:
            match part:
                case Line(text):
                    yield templates.fill(text, values)
                case Block("person", inner):
                    for one in self.facts.people:
                        yield from self._written(inner, {**values, **self._person(one)}, one)
                case Block(_, inner):
                    for seen in person.sightings if person else ():
                        yield from self._written(inner, {**values, **self._sighting(seen)}, person)

    def _everywhere(self) -> dict[str, str]:
        facts = self.facts
        sightings = sum(len(one.sightings) for one in facts.people)
        return {
            "office": _line(facts.office), "date": day(facts.day, self.language), "recipient": _line(facts.recipient),
            "address": marking.unsigned(facts.address), "case": _line(facts.case),
            "people.count": str(len(facts.people)), "sightings.count": str(sightings),
            **{f"people.names.{case}": ", ".join(self._name(one, case) for one in facts.people) for case in Case},
        }  # fmt: skip

    def _person(self, person: LetterPerson) -> dict[str, str]:
        return {
            "person.number": _line(person.register_number), "person.born": str(person.birth_year or UNKNOWN),
            "person.sightings": str(len(person.sightings)),
            **{f"person.name.{case}": self._name(person, case) for case in Case},
        }  # fmt: skip

    def _sighting(self, seen: LetterSighting) -> dict[str, str]:
        return {
            "sighting.number": str(seen.id), "sighting.where": _line(seen.permalink),
            "sighting.published": moment(seen.published_at, self.language),
            "sighting.seen": moment(seen.first_seen_at, self.language),
            "sighting.moment": moment_of(seen), "sighting.places": str(seen.places), "sighting.sha256": seen.sha256,
        }  # fmt: skip

    def _name(self, person: LetterPerson, case: Case) -> str:
        name = shown_name(person, self.language)
        if self.language != "uk" or case is Case.NOMINATIVE:
            return name or _line(person.register_number)
        form = decline(name, case, sex_of(name) or self.sexes.get(person.id)) if name else Form("", False)
        return marking.mark(form.text or _line(person.register_number), sure=form.sure)


def moment_of(seen: LetterSighting) -> str:
    """When in the file it is; `UNKNOWN` for a still picture."""
    return span(seen.start_ms, seen.end_ms) if seen.kind == "video" else UNKNOWN


def span(start_ms: int, end_ms: int) -> str:
    """A stretch of a recording."""
    return f"{_clock(start_ms)}{UNKNOWN}{_clock(end_ms)}"


def _clock(at_ms: int) -> str:
    seconds = at_ms // 1000
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def day(on: date, language: str) -> str:
    """As letters write it."""
    return f"{on:{_DAYS[language]}}"


def moment(at: datetime | None, language: str) -> str:
    """As letters write it; `UNKNOWN` where it is not known."""
    return f"{at.astimezone(UTC):{_DAYS[language]} %H:%M} UTC" if at else UNKNOWN


def _line(text: str) -> str:
    """Text from outside in one line."""
    return marking.unsigned(" ".join(text.split()))

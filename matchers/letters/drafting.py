"""Drafts of letters: a template filled with what is known of people, and of where they were perhaps seen."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from lastseen import letter_marks as marking
from lastseen.letters import LetterFacts, LetterGroup, LetterPerson, LetterSighting
from matchers.letters import templates
from matchers.letters.templates import Block, Line, Part, Template
from matchers.names.declining import Case, Form, Sex, decline, sex_of
from matchers.names.romanizing import romanize

DASH: Final = "\N{EN DASH}"
_NOT_KNOWN: Final[Mapping[str, Mapping[str, str]]] = {
    "en": {
        "born": "in a year not known to us", "where": "(no post is known that published it)",
        "when": "(time not stated)", "moment": "(a still picture)",
    },
    "uk": {
        "born": "нам невідомий", "where": "(допис із цим записом невідомий)",
        "when": "(час не вказано)", "moment": "(нерухоме зображення)",
    },
}  # fmt: skip
"""what stands in a sentence where there is nothing to fill it with: a dash after "born" is none"""
MOST_NAMED: Final = 3
"""people whom a short list of names names; of more it names the first, and says how many there are"""
_DAYS: Final = {"en": "%Y-%m-%d", "uk": "%d.%m.%Y"}
_OTHERS: Final = {
    Case.NOMINATIVE: "інші", Case.GENITIVE: "інших", Case.DATIVE: "іншим", Case.ACCUSATIVE: "інших",
    Case.INSTRUMENTAL: "іншими", Case.LOCATIVE: "інших",
}  # fmt: skip
_CYRILLIC = re.compile("[Ѐ-ӿ]")
_LATIN = re.compile(r"[A-Za-z\u00c0-\u024f\u1e00-\u1eff]")


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
    """The name of the register by which a letter in this language calls somebody: the first in its script.

    Where there is none, an English letter takes the first in Cyrillic, which `english_name` can write; else the first.
    """
    names = [marking.unsigned(" ".join(name.split())) for name in person.names if name.strip()]
    wanted = (_is_latin, _is_cyrillic) if language == "en" else (_is_cyrillic,)
    return next((name for fits in wanted for name in names if fits(name)), next(iter(names), ""))


def english_name(name: str) -> Form | None:
    """A name of the register in Latin letters, which somebody has to confirm; None: it is written so already.

    What no rule can write stays as it is, and is not sure.
    """
    if _is_latin(name) or not name:
        return None
    made = romanize(name) if _is_cyrillic(name) else None
    return Form(name, False) if made is None else Form(made, True)


def _is_latin(name: str) -> bool:
    return bool(_LATIN.search(name)) and not _is_cyrillic(name)


def _is_cyrillic(name: str) -> bool:
    return bool(_CYRILLIC.search(name))


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
                case Block(of, inner):
                    for more, whom in self._each(of, person):
                        yield from self._written(inner, {**values, **more}, whom)

    def _each(self, of: str, person: LetterPerson | None) -> Iterator[tuple[Mapping[str, str], LetterPerson | None]]:
        """What a block is filled with, as often as it is written."""
        if of == "case" and self.facts.group:
            yield self._group(self.facts.group), person
        elif of == "person":
            yield from ((self._person(one, place), one) for place, one in enumerate(self.facts.people, 1))
        elif of == "sighting" and person:
            yield from ((self._sighting(seen), person) for seen in person.sightings)

    def _everywhere(self) -> dict[str, str]:
        facts = self.facts
        sightings = sum(len(one.sightings) for one in facts.people)
        return {
            "office": _line(facts.office), "date": day(facts.day, self.language), "recipient": _line(facts.recipient),
            "address": marking.unsigned(facts.address), "case": _line(facts.group.title) if facts.group else "",
            "people.count": str(len(facts.people)), "sightings.count": str(sightings),
            **{f"people.names.{case}": ", ".join(self._name(one, case) for one in facts.people) for case in Case},
            **{f"people.short.{case}": self._short(case) for case in Case},
        }  # fmt: skip

    def _short(self, case: Case) -> str:
        """The names, or the first and how many there are, where a subject would be as long as a page."""
        people = self.facts.people
        if len(people) <= MOST_NAMED:
            return ", ".join(self._name(one, case) for one in people)
        first, count = self._name(people[0], case), len(people)
        if self.language == "uk":
            return f"{first} та {_OTHERS[case]} (усього осіб: {count})"  # noqa: RUF001  Ukrainian
        return f"{first} and others ({count} in all)"

    def _group(self, group: LetterGroup) -> dict[str, str]:
        return {
            "case.shown": str(group.shown), "case.accounted": str(group.accounted), "case.open": str(group.open),
            "case.since": day(group.since.astimezone(ZoneInfo(self.facts.zone)).date(), self.language),
        }  # fmt: skip

    def _person(self, person: LetterPerson, place: int) -> dict[str, str]:
        return {
            "person.place": str(place), "person.number": _line(person.register_number),
            "person.born": str(person.birth_year or self._not_known("born")),
            "person.sightings": str(len(person.sightings)),
            **{f"person.name.{case}": self._name(person, case) for case in Case},
        }  # fmt: skip

    def _sighting(self, seen: LetterSighting) -> dict[str, str]:
        return {
            "sighting.number": str(seen.id), "sighting.where": _line(seen.permalink) or self._not_known("where"),
            "sighting.published": self._at(seen.published_at), "sighting.seen": self._at(seen.first_seen_at),
            "sighting.moment": self._moment(seen), "sighting.places": str(seen.places), "sighting.sha256": seen.sha256,
        }  # fmt: skip

    def _at(self, at: datetime | None) -> str:
        return moment(at, self.language, self.facts.zone) if at else self._not_known("when")

    def _moment(self, seen: LetterSighting) -> str:
        return span(seen.start_ms, seen.end_ms) if seen.kind == "video" else self._not_known("moment")

    def _not_known(self, what: str) -> str:
        return _NOT_KNOWN[self.language][what]

    def _name(self, person: LetterPerson, case: Case) -> str:
        name = shown_name(person, self.language)
        if self.language == "en" and (made := english_name(name)):
            return marking.mark(made.text, sure=made.sure) + (f" ({name})" if made.sure else "")
        if self.language != "uk" or case is Case.NOMINATIVE:
            return name or _line(person.register_number)
        form = decline(name, case, sex_of(name) or self.sexes.get(person.id)) if name else Form("", False)
        return marking.mark(form.text or _line(person.register_number), sure=form.sure)


def span(start_ms: int, end_ms: int) -> str:
    """A stretch of a recording."""
    return f"{_clock(start_ms)}{DASH}{_clock(end_ms)}"


def _clock(at_ms: int) -> str:
    seconds = at_ms // 1000
    return f"{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"


def day(on: date, language: str) -> str:
    """As letters write it."""
    return f"{on:{_DAYS[language]}}"


def moment(at: datetime, language: str, zone: str = "UTC") -> str:
    """As letters write it, in this time zone and saying how far that is from UTC."""
    there = at.astimezone(ZoneInfo(zone))
    return f"{there:{_DAYS[language]} %H:%M} {_offset(there.utcoffset() or timedelta())}"


def _offset(from_utc: timedelta) -> str:
    minutes = int(from_utc.total_seconds()) // 60
    sign = "+" if minutes > 0 else "\N{MINUS SIGN}"
    return f"UTC{sign}{abs(minutes) // 60}{f':{abs(minutes) % 60:02}' if minutes % 60 else ''}" if minutes else "UTC"


def _line(text: str) -> str:
    """Text from outside in one line."""
    return marking.unsigned(" ".join(text.split()))

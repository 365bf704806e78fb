"""One mention in a text beside one entry of the register, field by field, and whether that makes a hint."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

from lastseen.records import NameReason, Verdict
from matchers.names.endings import NOMINATIVE
from matchers.names.folding import Folded
from matchers.names.given import Name, Patronymic
from matchers.names.people import Parts
from matchers.names.reading import Born, Naming, Word

SURNAME, GIVEN, PATRONYMIC, BIRTH = "surname", "given name", "patronymic", "birth"

_WEIGHTS: Final[Mapping[tuple[str, Verdict], float]] = {
    (SURNAME, Verdict.AGREES): 0.35,
    (SURNAME, Verdict.CLOSE): 0.2,
    (GIVEN, Verdict.AGREES): 0.25,
    (GIVEN, Verdict.CLOSE): 0.15,
    (PATRONYMIC, Verdict.AGREES): 0.2,
    (PATRONYMIC, Verdict.CLOSE): 0.1,
    (BIRTH, Verdict.AGREES): 0.2,
    (BIRTH, Verdict.CLOSE): 0.15,
}
"""what a field adds to the score: given names repeat more often than surnames, and years than both"""


@dataclass(frozen=True, slots=True)
class Mention:
    """Words that name somebody."""

    surname: Word
    first: int
    last: int
    """the place of its first and of its last word in the text"""
    given: Word | None = None
    """a name, or an initial"""
    father: Word | None = None
    """a patronymic, or an initial"""

    @property
    def says_a_name(self) -> bool:
        """A given name that is known, an initial, or a word that stands where names do.

        What stands before a surname may be anything: a rank, the first word of a sentence.
        """
        if self.given is None:
            return False
        named = self.given.initial or self.given.given or self.father is not None
        return named or self.given.start > self.surname.start


@dataclass(frozen=True, slots=True)
class Compared:
    """The four fields of a mention and an entry."""

    surname: NameReason
    given: NameReason
    patronymic: NameReason
    birth: NameReason

    def __iter__(self) -> Iterator[NameReason]:
        yield from (self.surname, self.given, self.patronymic, self.birth)

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        """Alone."""
        return tuple(one.verdict for one in self)

    @property
    def worth(self) -> tuple[float, int]:
        """To choose by: the score, and in how many fields the entry is written as the post writes it, or nearly so."""
        return self.score, sum(one.said[:1].isascii() == one.registered[:1].isascii() for one in self)

    @property
    def score(self) -> float:
        """0 .. 1."""
        return sum(_WEIGHTS.get((one.field, one.verdict), 0.0) for one in self)


def surname(word: Word, parts: Parts, cases: Mapping[str, str], fine: frozenset[str], *, part: bool) -> NameReason:
    """`cases`: of the entry's surname, coarse; `fine`: its forms in the finer spelling; `part`: it is half of one."""
    folded = next((one for one in word.spellings if one.coarse in cases), None)
    if folded is None:
        return NameReason(SURNAME, word.text, parts.surname, Verdict.CLOSE, "one letter apart")
    case = cases[folded.coarse]
    how = ", ".join(filter(None, ("half of a double surname" if part else "", case)))
    if part or (fine and folded.fine is not None and folded.fine not in fine):
        return NameReason(SURNAME, word.text, parts.surname, Verdict.CLOSE, how or "spelt otherwise")
    if case == NOMINATIVE and folded.fine is None and fine:
        how = "in Latin letters"
    return NameReason(SURNAME, word.text, parts.surname, Verdict.AGREES, how)


def given_name(word: Word | None, parts: Parts) -> NameReason:
    """An initial is close; a word that is no given name we know, and not the entry's, says nothing."""
    name = parts.name
    if word is None:
        return NameReason(GIVEN, "", parts.given, Verdict.SILENT)
    verdict, how = _initial(word, name.initials) if word.initial else _name(word, name)
    return NameReason(GIVEN, word.text, parts.given, verdict, how)


def patronymic(word: Word | None, parts: Parts) -> NameReason:
    """-івна beside -ович is close: somebody wrote it wrong, or it is a sister.  Sex is told, and never a filter."""
    father = parts.father
    if word is None or father is None:
        return NameReason(PATRONYMIC, word.text if word else "", parts.patronymic, Verdict.SILENT)
    verdict, how = _initial(word, father.initials) if word.initial else _father(word.patronymic, father)
    return NameReason(PATRONYMIC, word.text, parts.patronymic, verdict, how)


def birth(born: Born | None, year: int | None) -> NameReason:
    """An age is true of two years, and people round it: it agrees with a year on either side, too."""
    registered = "" if year is None else str(year)
    if born is None or year is None:
        return NameReason(BIRTH, born.said if born else "", registered, Verdict.SILENT)
    if born.age:
        near = born.first - 1 <= year <= born.last + 1
        return NameReason(BIRTH, born.said, registered, Verdict.CLOSE if near else Verdict.DIFFERS, "by the age")
    return NameReason(BIRTH, born.said, registered, Verdict.AGREES if born.first == year else Verdict.DIFFERS)


def is_hint(found: Compared, naming: Naming, *, written_small: bool) -> bool:
    """Whether this much is worth an analyst's look.  A field that differs is somebody else; a surname is not enough.

    Who speaks in a post as an official or reporter is named without a year; the missing are not written small, but by
    those who write everything small.
    """
    name, father, born = found.given.verdict, found.patronymic.verdict, found.birth.verdict
    if Verdict.DIFFERS in found.verdicts:
        return False
    if naming is Naming.PLACE:
        return name is not Verdict.SILENT and born is Verdict.AGREES
    stated = Verdict.AGREES in (father, born) or (born is Verdict.CLOSE and name is Verdict.AGREES)
    if name is Verdict.SILENT:
        return born is Verdict.AGREES and found.surname.verdict is Verdict.AGREES and not written_small
    if found.surname.verdict is Verdict.CLOSE or naming is Naming.PUBLIC or written_small:
        return stated
    return True


def most_namesakes(found: Compared) -> int:
    """How many people of the register the same words may fit before they are a hint at nobody."""
    if found.given.verdict is Verdict.SILENT:
        return 3
    if Verdict.AGREES in (found.patronymic.verdict, found.birth.verdict):
        return 50
    if found.given.verdict is Verdict.CLOSE and found.patronymic.verdict is Verdict.SILENT:
        return 3 if found.birth.verdict is Verdict.SILENT else 10
    return 25


def _initial(word: Word, initials: frozenset[str]) -> tuple[Verdict, str]:
    fits = any(one.coarse[:1] in initials for one in word.spellings)
    return (Verdict.CLOSE, "an initial") if fits else (Verdict.DIFFERS, "another initial")


def _name(word: Word, name: Name) -> tuple[Verdict, str]:
    for folded in word.spellings:
        if folded.coarse in name.formal:
            return Verdict.AGREES, _otherwise(folded, name)
        if folded.coarse in name.at_home:
            return Verdict.CLOSE, "used at home"
    return (Verdict.DIFFERS, "") if word.given else (Verdict.SILENT, "")


def _otherwise(folded: Folded, name: Name) -> str:
    return "" if folded.coarse in name.nominatives else "another case"


def _father(said: Patronymic | None, registered: Patronymic) -> tuple[Verdict, str]:
    if said is None:
        return Verdict.SILENT, ""
    if said.father != registered.father:
        return Verdict.DIFFERS, ""
    if said.of_a_woman != registered.of_a_woman:
        return Verdict.CLOSE, "of a woman" if said.of_a_woman else "of a man"
    return Verdict.AGREES, ""

"""A line of a list beside everybody in the register: at most a few people each, with the reasons field by field.

Lists are typed by tired people from other lists: letters are wrong, years are off, names stand in three alphabets and
in any order.  So more is proposed here than a post's words are taken for (`matchers.names.index`): somebody looks at
each, one after the other, and a match that is not proposed is found by nobody.  What two fields contradict is none.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from typing import Any, Final

from lastseen.records import NamedPerson, NameReason, Verdict
from matchers.names import given, people
from matchers.names.comparing import BIRTH, GIVEN, PATRONYMIC, SURNAME
from matchers.names.folding import Folded, seen, spellings
from matchers.names.given import Name, Patronymic, cases
from matchers.names.nearness import letters_apart

VERSION: Final = "lists-1"
"""of everything that decides what is proposed: another one has all lists compared again"""
MOST: Final = 5
"""people a line"""
_MOST_SPELLINGS: Final = 6
"""of one line's name that are compared"""
_ONE_WRONG, _TWO_WRONG = 4, 7
"""letters that a word has at least, for so many of them to be wrong"""
_FEW_NAMESAKES: Final = 200
"""entries that one way in may lead to: a way that leads to more tells nobody apart"""

_AGREES, _CLOSE, _DIFFERS, _SILENT = Verdict.AGREES, Verdict.CLOSE, Verdict.DIFFERS, Verdict.SILENT
_WEIGHTS: Final[Mapping[str, Mapping[Verdict, float]]] = {
    SURNAME: {_AGREES: 0.35, _CLOSE: 0.25, _DIFFERS: 0.0},
    GIVEN: {_AGREES: 0.25, _CLOSE: 0.15, _DIFFERS: -0.2},
    PATRONYMIC: {_AGREES: 0.2, _CLOSE: 0.12, _DIFFERS: -0.2},
    BIRTH: {_AGREES: 0.2, _CLOSE: 0.12, _DIFFERS: -0.2},
}
"""given names repeat more often than surnames, and years than both; what differs speaks against"""
_NUMBERS: Final = {0: "spelt otherwise", 1: "one letter apart", 2: "two letters apart"}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a line says of somebody."""

    entry: int
    """row id"""
    names: tuple[str, ...]
    birth_year: int | None


@dataclass(frozen=True, slots=True)
class Proposal:
    """Somebody whom a line may speak of."""

    person: int
    score: float
    reasons: tuple[NameReason, ...]
    fitting: int
    """people of the register whom the line fits as well, this one included"""

    def as_json(self) -> dict[str, Any]:
        """To be kept."""
        return {"score": self.score, "fitting": self.fitting, "reasons": [asdict(reason) for reason in self.reasons]}


@dataclass(frozen=True, slots=True)
class _Parts:
    """One way to understand a name, on either side."""

    surname: str
    folded: tuple[Folded, ...]
    """its spellings; of a double one also its halves"""
    given: str
    name: Name | None
    """None: an initial, or nothing"""
    patronymic: str
    father: Patronymic | None
    initials: tuple[str, ...] = ()
    """of given name and patronymic, folded, where they are initials"""


@dataclass(frozen=True, slots=True)
class _Known:
    """One way in which somebody in the register is written."""

    person: NamedPerson
    parts: _Parts
    forms: Mapping[str, str]
    """coarse form of the surname -> case"""


@dataclass(frozen=True, slots=True)
class _Found:
    """One line's name beside one entry's."""

    reasons: tuple[NameReason, NameReason, NameReason, NameReason]
    score: float

    @property
    def verdicts(self) -> tuple[Verdict, ...]:
        return tuple(one.verdict for one in self.reasons)


@dataclass(slots=True)
class Register:
    """Everybody, by what lists may call them.  Ten thousand take about a second to make ready."""

    people: int = 0
    _by_surname: dict[str, list[_Known]] = field(default_factory=lambda: defaultdict(list))
    _by_fewer: dict[str, list[_Known]] = field(default_factory=lambda: defaultdict(list))
    """coarse surname, and it with one letter left out: two that share one of these are one or two letters apart"""
    _by_parents: dict[tuple[str, str], list[_Known]] = field(default_factory=lambda: defaultdict(list))
    _by_year: dict[tuple[str, int], list[_Known]] = field(default_factory=lambda: defaultdict(list))

    @classmethod
    def of(cls, register: Iterable[NamedPerson]) -> "Register":
        """Made ready."""
        made = cls()
        for person in register:
            made.people += 1
            for written in person.names:
                for parts in _understood(written):
                    made._add(person, parts)
        return made

    def _add(self, person: NamedPerson, parts: _Parts) -> None:
        known = _Known(person, parts, _forms(parts.folded))
        for form in known.forms:
            self._by_surname[form].append(known)
        for folded in parts.folded:
            for fewer in _fewer(folded.coarse):
                self._by_fewer[fewer].append(known)
        if parts.name and parts.father:
            self._by_parents[parts.name.label, parts.father.father].append(known)
        if parts.name and person.birth_year:
            self._by_year[parts.name.label, person.birth_year].append(known)

    def proposals(self, asked: Asked) -> list[Proposal]:
        """Whom the line may speak of, the likeliest first."""
        best: dict[int, _Found] = {}
        for written in asked.names[:_MOST_SPELLINGS]:
            for parts in _understood(written):
                for known in self._near(parts, asked.birth_year):
                    found = _compared(parts, known, asked.birth_year)
                    person = known.person.person
                    if found and (person not in best or found.score > best[person].score):
                        best[person] = found
        fitting = Counter(found.verdicts for found in best.values())
        ordered = sorted(best.items(), key=lambda one: (-one[1].score, one[0]))
        return [
            Proposal(person, round(found.score, 3), found.reasons, fitting[found.verdicts])
            for person, found in ordered[:MOST]
        ]

    def _near(self, parts: _Parts, year: int | None) -> Iterator[_Known]:
        """Each entry once that shares something with the line by which it could be the same person."""
        ways: list[Sequence[_Known]] = []
        for folded in parts.folded:
            ways.append(self._by_surname.get(folded.coarse, ()))
            ways.extend(self._by_fewer.get(fewer, ()) for fewer in _fewer(folded.coarse))
        if parts.name and parts.father:
            ways.append(self._by_parents.get((parts.name.label, parts.father.father), ()))
        if parts.name and year:
            ways.append(self._by_year.get((parts.name.label, year), ()))
        met: set[int] = set()
        for place, way in enumerate(ways):
            if place and len(way) > _FEW_NAMESAKES:
                continue
            for known in way:
                if id(known) not in met:
                    met.add(id(known))
                    yield known


# --- names, taken apart ------------------------------------------------------------------------------------


@lru_cache(maxsize=50_000)
def _understood(written: str) -> tuple[_Parts, ...]:
    whole = tuple(
        _Parts(one.surname, _folded(one.surname), one.given, one.name, one.patronymic, one.father)
        for one in people.parts(written)
    )
    return (*whole, *_otherwise(written, whole)) or tuple(_with_initials(written))


def _otherwise(written: str, whole: Sequence[_Parts]) -> Iterator[_Parts]:
    """Three words that may be meant in another way: Василь Дмитрович Павлович, or a patronymic with a slip in it."""
    words = [word for word in seen(written).replace(",", " ").split() if len(word) > 2]
    if len(words) != 3:
        return
    first, second, third = words
    if whole and whole[0].father is not None:
        if whole[0].patronymic == third and (father := _father(second)):
            yield _Parts(third, _folded(third), first, given.name(first), second, father)
        return
    yield _Parts(first, _folded(first), second, given.name(second), third, None)
    yield _Parts(third, _folded(third), first, given.name(first), second, None)


def _father(word: str) -> Patronymic | None:
    return next(filter(None, (given.patronymic(one.coarse) for one in spellings(word))), None)


def _with_initials(written: str) -> Iterator[_Parts]:
    """Коваль І. П.: one word, and one or two initials on either side of it."""
    words = [word for word in seen(written).replace(".", " ").replace(",", " ").split() if word[0].isalpha()]
    long, short = [word for word in words if len(word) > 2], [word for word in words if len(word) <= 2]
    if len(long) == 1 and 1 <= len(short) <= 2:
        initials = tuple(spellings(word)[0].coarse[:1] for word in short)
        dotted = [f"{word}." for word in short] + [""]
        yield _Parts(long[0], _folded(long[0]), dotted[0], None, dotted[1], None, initials)
    elif len(words) == 1 and len(long) == 1:
        yield _Parts(long[0], _folded(long[0]), "", None, "", None)


def _folded(surname: str) -> tuple[Folded, ...]:
    halves = [half for half in surname.split("-") if len(half) > 2]
    return (*spellings(surname), *(one for half in halves if len(halves) > 1 for one in spellings(half)))


@lru_cache(maxsize=50_000)
def _forms(folded: tuple[Folded, ...]) -> dict[str, str]:
    return {form: case for one in folded for form, case in cases(one).items()}


@lru_cache(maxsize=50_000)
def _fewer(word: str) -> tuple[str, ...]:
    if len(word) < _ONE_WRONG:
        return (word,)
    return (word, *dict.fromkeys(word[:place] + word[place + 1 :] for place in range(len(word))))


# --- compared ----------------------------------------------------------------------------------------------

_Verdict = tuple[Verdict, str]
"""and how"""
_SAME: Final = (_AGREES, "")
_OTHER: Final = (_DIFFERS, "")
_NOTHING: Final = (_SILENT, "")
_OF_I: Final = frozenset("iaue")
"""how names begin whose initial is I or Y in Latin letters: Іван, and Юрій, Яків and Євген, too"""


def _compared(said: _Parts, known: _Known, year: int | None) -> _Found | None:
    """None: somebody else is meant, or too little is said."""
    name = _given(said, known.parts)
    if name[0] is _DIFFERS:
        return None  # a brother, or a sister
    born = _birth(year, known.person.birth_year)
    father = _patronymic(said, known.parts)
    surname = _surname(said, known)
    if not _may_be(surname[0], name[0], father[0], born[0]):
        return None
    parts, registered = known.parts, known.person.birth_year
    reasons = (
        NameReason(SURNAME, said.surname, parts.surname, *surname),
        NameReason(GIVEN, said.given, parts.given, *name),
        NameReason(PATRONYMIC, said.patronymic, parts.patronymic, *father),
        NameReason(BIRTH, str(year or ""), str(registered or ""), *born),
    )
    return _Found(reasons, sum(_WEIGHTS[one.field].get(one.verdict, 0.0) for one in reasons))


def _may_be(surname: Verdict, name: Verdict, father: Verdict, birth: Verdict) -> bool:
    """Whether somebody should look at it."""
    verdicts = (surname, name, father, birth)
    if verdicts.count(_DIFFERS) > 1:
        return False
    if _DIFFERS in verdicts:  # all else has to be said, and to agree
        agree = verdicts.count(_AGREES)
        return agree == 3 or (birth is _DIFFERS and agree == 2 and _SILENT not in verdicts)
    if name is _SILENT:
        return surname is _AGREES and birth is _AGREES
    if surname is _CLOSE:
        backed = sum(one in (_AGREES, _CLOSE) for one in (father, birth))
        return backed > 0 and (name is _AGREES or backed > 1 or _AGREES in (father, birth))
    return True


def _surname(said: _Parts, known: _Known) -> _Verdict:
    whole, registered = said.folded[0].coarse, known.parts.folded[0].coarse
    if whole == registered:
        return _SAME
    case = known.forms.get(whole)
    halves = "-" in said.surname or "-" in known.parts.surname
    if case is not None and not halves:
        return _AGREES, case
    if halves and any(one.coarse in known.forms for one in said.folded):
        return _CLOSE, "half of a double surname"
    return _by_letters(_apart(whole, registered))


def _given(said: _Parts, known: _Parts) -> _Verdict:
    if (said.name is None and not said.initials) or (known.name is None and not known.initials):
        return _NOTHING
    if said.name is None or known.name is None:
        return (_CLOSE, "an initial") if _first(said) & _first(known) else (_DIFFERS, "another initial")
    key = (said.given, known.given)
    found = _GIVEN_HELD.get(key)
    if found is None:
        found = _remembered(_GIVEN_HELD, key, _names(said.name, known.name))
    return found


def _names(said: Name, known: Name) -> _Verdict:
    if said.label == known.label:
        return _SAME
    if said.nominatives & known.at_home or known.nominatives & said.at_home:
        return _CLOSE, "used at home"
    if said.nominatives & known.formal:
        return _AGREES, "another case"
    return _by_letters(_nearest(said.nominatives, known.nominatives))


def _patronymic(said: _Parts, known: _Parts) -> _Verdict:
    if known.father is None:
        return _NOTHING
    if len(said.initials) > 1:
        fits = _begins(said.initials[1]) & known.father.initials
        return (_CLOSE, "an initial") if fits else (_DIFFERS, "another initial")
    if not said.patronymic or said.initials:
        return _NOTHING
    key = (said.patronymic, known.patronymic)
    found = _FATHERS_HELD.get(key)
    if found is None:
        found = _remembered(_FATHERS_HELD, key, _fathers(said, known, known.father))
    return found


def _fathers(said: _Parts, known: _Parts, father: Patronymic) -> _Verdict:
    """-івна beside -ович is close: somebody wrote it wrong, or it is a sister.  Sex is told, and never a filter."""
    if said.father and said.father.father == father.father:
        if said.father.of_a_woman == father.of_a_woman:
            return _SAME
        return _CLOSE, "of a woman" if said.father.of_a_woman else "of a man"
    return _by_letters(_nearest(_coarse(said.patronymic), _coarse(known.patronymic)))


def _birth(said: int | None, registered: int | None) -> _Verdict:
    if said is None or registered is None:
        return _NOTHING
    if said == registered:
        return _SAME
    return _years(said, registered)


@lru_cache(maxsize=20_000)
def _years(said: int, registered: int) -> _Verdict:
    if abs(said - registered) == 1:
        return _CLOSE, "a year apart"
    digits = [place for place in range(4) if str(said)[place] != str(registered)[place]]
    if len(digits) == 1:
        return _CLOSE, "one digit apart"
    swapped = sorted(str(said)) == sorted(str(registered)) and len(digits) == 2 and digits[1] - digits[0] == 1
    return (_CLOSE, "two digits swapped") if swapped else _OTHER


_MOST_HELD: Final = 200_000
_GIVEN_HELD: dict[tuple[str, str], _Verdict] = {}
_FATHERS_HELD: dict[tuple[str, str], _Verdict] = {}
"""pairs of words that were compared before: names repeat, and their comparing is what a long list takes"""


def _remembered(held: dict[tuple[str, str], _Verdict], key: tuple[str, str], found: _Verdict) -> _Verdict:
    if len(held) >= _MOST_HELD:
        held.clear()
    held[key] = found
    return found


def _first(parts: _Parts) -> frozenset[str]:
    return parts.name.initials if parts.name else frozenset[str]().union(*map(_begins, parts.initials[:1]))


def _begins(initial: str) -> frozenset[str]:
    return _OF_I if initial == "i" else frozenset((initial,))


@lru_cache(maxsize=50_000)
def _coarse(word: str) -> frozenset[str]:
    return frozenset(one.coarse for one in spellings(word))


def _by_letters(apart: int | None) -> _Verdict:
    return _OTHER if apart is None else (_CLOSE, _NUMBERS[apart])


def _nearest(words: Iterable[str], others: Iterable[str]) -> int | None:
    """How many letters apart, where that is few enough for a slip; None: they are others."""
    found = [apart for one in words for other in others if (apart := _apart(one, other)) is not None]
    return min(found, default=None)


def _apart(one: str, other: str) -> int | None:
    shorter = min(len(one), len(other))
    most = 2 if shorter >= _TWO_WRONG else 1 if shorter >= _ONE_WRONG else 0
    return letters_apart(one, other, most) if most else None

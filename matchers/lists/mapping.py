"""How the columns of a giver's lists are to be understood: saved under a name, and guessed from the header at first."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any, Final, Self

from lastseen.errors import WrongUse
from lastseen.records import Says
from lastseen.words import words
from matchers.lists import pfif
from matchers.lists.sheets import Sheet

NAMES, FAMILY, GIVEN, PATRONYMIC = "names", "family", "given", "patronymic"
BIRTH_YEAR, BORN, SAYS, SINCE, NOTE = "birth_year", "born", "says", "since", "note"
FIELDS: Final[Mapping[str, str]] = {
    NAMES: "the whole name, in one or several spellings, parted by | or /",
    FAMILY: "the surname",
    GIVEN: "the given name",
    PATRONYMIC: "the patronymic",
    BIRTH_YEAR: "the year of birth",
    BORN: "the day of birth, or its year",
    SAYS: "what is said of them, row by row",
    SINCE: "the day that is spoken of",
    NOTE: "whatever else should be read beside it",
}
SEVERAL: Final = frozenset({NAMES, NOTE})
"""fields that may take more than one column"""
DATES: Final = ("%Y-%m-%d", "%d.%m.%Y", "%d.%m.%y", "%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S")
"""how days are read unless the mapping says it; 03/04/1990 is two days, and has to be said"""
ONE_MEANING: Final = tuple(way for way in DATES if way.startswith("%Y"))
"""how days are read whatever else is said: as workbooks keep them, and as faults ask for them"""

# Headers by what they begin with, in letters alone; the longer ones first where one begins like another.
_HEADERS: Final = {
    NAMES: "піб пiб прізвищеімя прізвищетаімя фио фамилияимя фамилиииимя fullname name names имявпереводе повнеімя"
    " полноеимя особа військовослужбовець людина",
    FAMILY: "прізвище фамилия surname lastname familyname family",
    GIVEN: "імя имя givenname firstname given",
    PATRONYMIC: "побатькові отчество patronymic middlename",
    BIRTH_YEAR: "рікнародження рнар годрождения birthyear yearofbirth рн гр",
    BORN: "датанародження деньнародження датарождения днрожд днар dateofbirth birthdate dob born народжен",
    SAYS: "статус стан доля состояние status fate says category категорія категория",
    SINCE: "датаподії датасмерті датазагибелі датаповернення датаобміну дата since датагибели eventdate date",
    NOTE: "примітк коментар примечан note remark comment",
}
_VALUES: Final = {
    Says.MISSING: "зниклийбезвісти зникбезвісти зник безвісти безвісно пропавшийбезвести пропал"
    " missing believedmissing",
    Says.ALIVE: "живий жива жив alive believedalive",
    Says.CAPTIVE: "полон вполоні уполоні полонений полонена плен вплену captive pow"
    " captured interned підтвердженополон",
    Says.NOT_HELD: "неутримується неперебуваєвполоні неудерживается notheld denied непідтверджено",
    Says.RETURNED: "повернуто повернувся повернулась звільнений звільнена обміняний обмін возвращен returned exchanged"
    " released",
    Says.DEAD: "загинув загинула загиблий загибла помер померла вбитий погиб погибла мертв dead killed deceased"
    " believeddead 200",
    Says.DNA: "днк збігзаднк збігднк ідентифікованозаднк dna dnamatch совпадениеподнк",
    Says.FOUND: "знайдений знайдена знайдено found найден найдена",
    Says.WITHDRAWN: "відкликано withdrawn отозван",
}
_LETTERS = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Columns:
    """Of one giver's lists."""

    columns: Mapping[str, tuple[str, ...]]
    """field -> columns"""
    says: str = ""
    """of every line, or of those whose column says nothing; one of `Says`"""
    values: Mapping[str, str] = field(default_factory=dict)
    """what the column says -> one of `Says`; added to what is understood anyway"""
    dates: tuple[str, ...] = DATES
    header: bool = True

    def as_json(self) -> dict[str, Any]:
        """To be kept."""
        columns = {name: list(columns) for name, columns in self.columns.items()}
        return {"columns": columns, "says": self.says, "values": dict(self.values), "dates": list(self.dates),
                "header": self.header}  # fmt: skip

    @classmethod
    def of_json(cls, kept: Mapping[str, Any]) -> Self:
        """The same again."""
        columns = {name: tuple(columns) for name, columns in kept["columns"].items()}
        return cls(columns, kept["says"], kept["values"], tuple(kept["dates"]), kept["header"])

    def said(self, written: str) -> str | None:
        """What a cell says; None: nobody has said what it means."""
        own = {_bare(word): says for word, says in self.values.items()}
        bare = _bare(written)
        return own.get(bare) or _known().get(bare)

    def day(self, written: str) -> date | None:
        """Raises ValueError if it is no day in any of the ways."""
        for way in self.dates:
            try:
                day = datetime.strptime(written.strip(), way).date()  # noqa: DTZ007  a day
            except ValueError:
                continue
            return _no_century_ahead(day) if "%y" in way else day
        raise ValueError(written)


def _no_century_ahead(day: date) -> date:
    """31.05.68 is nobody's day in 2068."""
    return day if day.year <= date.today().year + 1 else day.replace(year=day.year - 100)  # noqa: DTZ011


def guessed(sheet: Sheet) -> Columns:
    """By the header, or by the kind of the file."""
    if sheet.kind == "pfif":
        columns: dict[str, tuple[str, ...]] = {
            NAMES: ("full_name", "alternate_names"), FAMILY: ("family_name",), GIVEN: ("given_name",),
            BORN: ("date_of_birth",), SAYS: ("status",), NOTE: ("description",),
        }  # fmt: skip
        return Columns(columns, values=dict(pfif.SAYS))
    if sheet.kind == "text":
        return Columns({NAMES: ("names",), BIRTH_YEAR: ("birth_year",)})
    return Columns(_guessed(sheet.columns))


def _guessed(columns: Iterable[str]) -> dict[str, tuple[str, ...]]:
    made: dict[str, tuple[str, ...]] = {}
    for column in columns:
        name = field_of(column)
        if name and (name not in made or name in SEVERAL):
            made[name] = (*made.get(name, ()), column)
    if FAMILY in made and GIVEN in made and NAMES in made and made[NAMES] in (("name",), ("names",)):
        del made[NAMES]
    return made


def field_of(column: str) -> str | None:
    """What a header says that its column is."""
    bare = _bare(column)
    if not bare:
        return None
    exact = next((name for name, heads in _HEADERS.items() if bare in heads.split()), None)
    if exact:
        return exact
    longest = [
        (len(head), name) for name, heads in _HEADERS.items() for head in heads.split()
        if len(head) >= 4 and bare.startswith(head)
    ]  # fmt: skip
    return max(longest)[1] if longest else None


def is_header(cells: tuple[str, ...]) -> bool:
    """A row that names a column of names, and has no digits as lines with years have."""
    fields = {field_of(one) for one in cells}
    return bool(fields & {NAMES, FAMILY, GIVEN}) and not any(char.isdigit() for one in cells for char in one)


def changed(
    base: Columns, columns: Iterable[str], values: Iterable[str], says: str = "", dates: Iterable[str] = ()
) -> Columns:
    """The mapping with what was said by hand: `names=ПІБ`, `загинув=dead`.  Raises WrongUse."""
    said = dict(base.columns)
    for one in columns:
        name, sign, column = (part.strip() for part in one.partition("="))
        if not sign or name not in FIELDS:
            raise WrongUse(words("Write a column as FIELD=COLUMN; fields are {fields}.", fields=", ".join(FIELDS)))
        said[name] = tuple(filter(None, (part.strip() for part in column.split("+"))))
    meant = dict(base.values) | dict(_value(one) for one in values)
    if says and says not in set(Says):
        raise WrongUse(words("What a list says is one of {known}.", known=", ".join(Says)))
    named = {name: columns_ for name, columns_ in said.items() if columns_}
    return replace(base, columns=named, values=meant, says=says or base.says, dates=_days(dates) or base.dates)


def _days(ways: Iterable[str]) -> tuple[str, ...]:
    """What was said of how days are written, and what can mean one day only; empty: nothing was said."""
    said = tuple(ways)
    return tuple(dict.fromkeys((*said, *ONE_MEANING))) if said else ()


def _value(one: str) -> tuple[str, str]:
    written, sign, says = (part.strip() for part in one.rpartition("="))
    if not sign or not written or says not in set(Says):
        raise WrongUse(words("Write a value as WORD=MEANING; meanings are {known}.", known=", ".join(Says)))
    return written, says


def check(mapping: Columns, sheet: Sheet) -> None:
    """Raises WrongUse if the sheet has not got what the mapping names, or names are nowhere."""
    missing = [one for columns in mapping.columns.values() for one in columns if one not in sheet.columns]
    if missing:
        raise WrongUse(
            words(
                "The file has no column {lacks}; it has {columns}.",
                lacks=", ".join(missing),
                columns=", ".join(sheet.columns),
            )
        )
    if not set(mapping.columns) & {NAMES, FAMILY}:
        raise WrongUse(
            words(
                "Say which column holds names, e.g. names=COLUMN; the file has {columns}.",
                columns=", ".join(sheet.columns),
            )
        )
    if not mapping.says and SAYS not in mapping.columns:
        raise WrongUse(words("Say what the list claims, or which column says it: {known}.", known=", ".join(Says)))


def _bare(written: str) -> str:
    return _LETTERS.sub("", written.lower().replace("’", "").replace("'", "").replace("ʼ", ""))


def _known() -> dict[str, str]:
    known = {word: str(says) for says, said in _VALUES.items() for word in said.split()}
    return known | {_bare(says): str(says) for says in Says}

"""The figures of a year or a month: what each is called, and what it means, for the reports and the pages alike."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from lastseen.fates import Conflict
from lastseen.records import PersonStatus
from lastseen.words import Words, words


class Origin(StrEnum):
    """By what something was found."""

    TELEGRAM = "telegram"
    VIDEO_SITE = "video_site"
    TIP = "tip"
    """its link came from relatives"""
    LIST = "list"
    FILE = "file"
    """no post is known that brought it"""


@dataclass(frozen=True, slots=True)
class Figure:
    """What a figure is called, and what it means."""

    label: Words
    means: Words | None = None
    """None: it is a part of the one before it"""


BY_ORIGIN: Final[Mapping[Origin, Words]] = {
    Origin.TELEGRAM: words("through Telegram"),
    Origin.VIDEO_SITE: words("through a video site"),
    Origin.TIP: words("through a tip of relatives"),
    Origin.LIST: words("through a list"),
    Origin.FILE: words("through a file that no known post brought"),
}
BY_STATUS: Final[Mapping[PersonStatus, Words]] = {
    PersonStatus.MISSING: words("of them missing at that moment"),
    PersonStatus.CAPTIVE: words("of them confirmed in captivity at that moment"),
    PersonStatus.RETURNED: words("of them returned at that moment"),
    PersonStatus.DECEASED: words("of them found deceased at that moment (DNA)"),
    PersonStatus.FOUND: words("of them found at that moment, nobody said how"),
    PersonStatus.WITHDRAWN: words("of them withdrawn from the register at that moment"),
}
BY_CONFLICT: Final[Mapping[Conflict, Words]] = {
    Conflict.SEEN_AFTER_DEATH: words("seen after a claimed death"),
    Conflict.LIVES_AFTER_DEATH: words("said to live after a claimed death"),
    Conflict.HELD_AND_NOT_HELD: words("held by one account, not held by another"),
    Conflict.SEEN_AFTER_DENIAL: words("seen after it was denied that they are held"),
    Conflict.HELD_AFTER_RETURN: words("held or seen after a return"),
    Conflict.TWO_DEATHS: words("two different days of death"),
    Conflict.HOME_AND_DEAD: words("home and dead"),
}


def _parts_of(name: str) -> dict[str, Figure]:
    origins = {f"{name}.{origin}": Figure(said) for origin, said in BY_ORIGIN.items()}
    return {**origins, **{f"{name}.{status}": Figure(said) for status, said in BY_STATUS.items()}}


FOUND: Final[Mapping[str, Figure]] = {
    "identified": Figure(
        words("People identified through open sources"),
        words(
            "People of whom something was found for the first time: a possible sighting, which takes a clear yes of two"
            " people who did not know of each other's, or a line of a list of which a person confirmed that it speaks"
            " of them. People count, not sightings; entries that are declared as one person are one. It counts on the"
            " day of the decision, if the decision still stands. How they were found is what came first; what they are"
            " now is their status at the moment of the records. The software identifies nobody."
        ),
    ),
    **_parts_of("identified"),
    "added": Figure(
        words("People with added identifying material"),
        words(
            "People of whom something had been found before, and something further in this period: a possible sighting"
            " in another recording, or a line of another list. One recording counts once, however often it was posted"
            " or analysed. Each person counts once, by the first addition of the period."
        ),
    ),
    **_parts_of("added"),
    "sightings": Figure(
        words("Possible sightings"),
        words(
            "People times recordings in which they were perhaps seen, decided in this period and standing."
            " A recording of one person counts once, also where it was posted or analysed several times."
        ),
    ),
    "packages": Figure(
        words("Packages of evidence asked for"),
        words("Each of one possible sighting, for one recipient, for a reason that was written down."),
    ),
}
FATES: Final[Mapping[str, Figure]] = {
    "captive": Figure(
        words("People confirmed in captivity"),
        words(
            "People of whom a statement that stands says so, and the office took it for what is. They count once, on"
            " the first day of which such a statement speaks; where it names none, on the day of its document."
        ),
    ),
    "returned": Figure(words("People who came home"), words("The same of people who are said to have returned.")),
    "deceased": Figure(
        words("People found deceased"), words("The same of people of whom a body was identified by DNA.")
    ),
    "called_dead": Figure(
        words("People whom somebody called dead"),
        words("A claim without DNA that stands, by its day. It changes nobody's status."),
    ),
    "contradicted": Figure(
        words("People with open contradictions"),
        words(
            "At the end of the period, or at the moment of the records if that is earlier: people of whom two things"
            " that stand cannot both be so, or have to be held against each other. Below it the contradictions, by"
            " their kind. The software resolves none."
        ),
    ),
    **{f"contradicted.{kind.name.lower()}": Figure(said) for kind, said in BY_CONFLICT.items()},
}
LISTS: Final[Mapping[str, Figure]] = {
    "lists": Figure(
        words("Lists imported"),
        words("Lists of names that somebody gave out, by the day of import; undone ones are none."),
    ),
    "listed": Figure(
        words("People confirmed on lists"),
        words("People of whom a person confirmed in this period that a line of a list speaks of them; each once."),
    ),
}
LETTERS: Final[Mapping[str, Figure]] = {
    "sent": Figure(
        words("Letters sent"), words("By the day on which they were sent, if that was written down in time.")
    ),
    "answered": Figure(
        words("Letters answered"),
        words("By the day of the first answer, whenever they were sent."),
    ),
    "awaited": Figure(
        words("Letters that wait for an answer"),
        words("At the end: sent, neither answered nor given up. Those that are overdue are among them."),
    ),
    "overdue": Figure(
        words("Letters overdue"),
        words("At the end: waited for, and the days within which the recipient answers are over."),
    ),
}
WAITED: Final = words("Days to the answer (median)")
CASES: Final[Mapping[str, Figure]] = {
    "cases": Figure(
        words("Cases of groups"),
        words("Open on any day of the period: a recording that shows several people together."),
    ),
    "cases_open": Figure(words("of them open at the end")),
    "shown": Figure(
        words("People shown in them"),
        words(
            "As the page of a case counts them: as somebody counted them by eye last; where nobody did, everybody whom"
            " the software tells apart in its recordings and can search for, each once. Somebody whom two cases show"
            " counts in both."
        ),
    ),
    "accounted": Figure(
        words("People accounted for in them"),
        words("People shown in them of whom a possible sighting stands; each once a case."),
    ),
}
TIPS: Final[Mapping[str, Figure]] = {
    "tips": Figure(
        words("Tips received"), words("Links and files that relatives sent, by the day on which they came.")
    ),
    "tips_taken": Figure(words("Tips taken up"), words("A case officer had their link collected in this period.")),
    "tips_refused": Figure(words("Tips refused"), words("A case officer refused them in this period.")),
}
PARTS: Final[Sequence[tuple[Words, Mapping[str, Figure]]]] = (
    (words("Found in open sources"), FOUND),
    (words("What became of people"), FATES),
    (words("Lists"), LISTS),
    (words("Letters"), LETTERS),
    (words("Groups"), CASES),
    (words("Tips from relatives"), TIPS),
)
FIGURES: Final[Mapping[str, Figure]] = {name: one for _, part in PARTS for name, one in part.items()}

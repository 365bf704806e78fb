"""How somebody wants to work on the review pages: theirs alone, and never a reason for another answer."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Final

from lastseen.errors import WrongUse
from lastseen.words import words

FIRST_LANGUAGE: Final = "en"
"""what the sources are written in"""
LANGUAGES: Final = {"en": "English", "uk": "Українська"}
"""of the pages: code -> its own name"""
MOST_A_DAY: Final = 10_000
"""largest cap that is taken; above it there may as well be none"""


class NotAPreference(WrongUse, ValueError):
    """Something that cannot be preferred; the message may be shown to the person."""


@dataclass(frozen=True, slots=True)
class Preferences:
    """What one reviewer prefers."""

    language: str = ""
    """a key of LANGUAGES; empty: as the browser asks for"""
    greyscale: bool = False
    """pictures without colour until asked for"""
    small: bool = False
    """small pictures until asked for"""
    cover: bool = True
    """graphic content stays covered until asked for"""
    cap: int | None = None
    """comparisons a day, after which the queue says that it is enough; None: the office's own cap, if there is one"""

    def __post_init__(self) -> None:
        """Raises NotAPreference."""
        if self.language and self.language not in LANGUAGES:
            raise NotAPreference(words("The pages do not speak {language}.", language=repr(self.language)))
        if self.cap is not None and not 1 <= self.cap <= MOST_A_DAY:
            raise NotAPreference(words("A cap lies between 1 and {most} comparisons a day.", most=MOST_A_DAY))

    def as_dict(self) -> dict[str, object]:
        """As it is kept."""
        return asdict(self)

    @classmethod
    def kept(cls, said: Mapping[str, object]) -> "Preferences":
        """From what was kept.  What another version kept and this one does not know is left out."""
        language, cap = said.get("language"), said.get("cap")
        known = isinstance(cap, int) and not isinstance(cap, bool) and 1 <= cap <= MOST_A_DAY
        return cls(
            language if isinstance(language, str) and language in LANGUAGES else "",
            said.get("greyscale") is True,
            said.get("small") is True,
            said.get("cover") is not False,
            cap if known and isinstance(cap, int) else None,
        )

    @classmethod
    def of_form(cls, form: Mapping[str, str]) -> "Preferences":
        """From the fields of the form; a box that is not ticked is not sent.  Raises NotAPreference."""
        cap = form.get("cap", "").strip()
        if cap and not (cap.isascii() and cap.isdigit() and len(cap) <= len(str(MOST_A_DAY))):
            raise NotAPreference(words("A cap is a number between 1 and {most}.", most=MOST_A_DAY))
        ticked = {name: name in form for name in ("greyscale", "small", "cover")}
        return cls(form.get("language", ""), cap=int(cap) if cap else None, **ticked)


PREFERS_NOTHING: Final = Preferences()

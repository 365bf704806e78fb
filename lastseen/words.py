"""Sentences for a person, written where their reason is known and said in that person's language by the pages."""

from collections.abc import Mapping
from typing import Any


class Words(str):
    """An English sentence that still knows its parts, so that the pages can say it in another language.

    Numbers among the parts are written with thousands set apart; an id is given as text.  A part may be `Words` itself.
    """

    __slots__ = ("template", "values")
    template: str
    """with named parts, e.g. `A name has 1 to {most} characters.`"""
    values: Mapping[str, object]

    def __new__(cls, template: str, values: Mapping[str, object]) -> "Words":
        """The sentence in English.  Raises KeyError if a part lacks."""
        made = super().__new__(cls, template.format_map({name: _written(part) for name, part in values.items()}))
        made.template, made.values = template, values
        return made

    def as_json(self) -> dict[str, Any]:
        """What a row or another process keeps of it; `of_json` gives the same again."""
        parts = {name: part.as_json() if isinstance(part, Words) else part for name, part in self.values.items()}
        return {"template": self.template, "values": parts}

    @classmethod
    def of_json(cls, kept: Mapping[str, Any]) -> "Words":
        """The same again."""
        parts = {name: cls.of_json(part) if isinstance(part, dict) else part for name, part in kept["values"].items()}
        return cls(kept["template"], parts)

    def __reduce__(self) -> tuple[type["Words"], tuple[str, Mapping[str, object]]]:
        """An error that carries it may cross from one process into another."""
        return Words, (self.template, self.values)


def words(template: str, /, **values: object) -> Words:
    """A sentence for a person; `make words` finds it by the name of this function."""
    return Words(template, values)


def noted(message: str) -> str:
    """The message itself: it is translated where it is said.  By this name `make words` finds it."""
    return message


def _written(part: object) -> str:
    return f"{part:,}" if isinstance(part, int | float) else str(part)

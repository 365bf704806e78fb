"""Options that take a day: one reader, and one sentence for what is none."""

from collections.abc import Iterator
from typing import Any

import pytest
from typer.main import get_command

from lastseen.errors import WrongUse
from pipeline.cli import app

NAMES = {"--day", "--since", "--until", "--dated", "--as-of"}


def _options(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for option in command.params:
        yield from ((*path, name) for name in NAMES & set(option.opts))
    for name, under in getattr(command, "commands", {}).items():
        yield from _options(under, (*path, name))


def test_every_option_that_takes_a_day_refuses_what_is_none_in_the_same_words() -> None:
    found = list(_options(get_command(app)))
    assert len(found) > 15
    for asked in found:
        with pytest.raises(WrongUse) as refused:
            app([*asked, "1.3.2026"], standalone_mode=False)
        assert str(refused.value).startswith("“1.3.2026” is no day"), asked

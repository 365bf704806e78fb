"""`-` for a file is refused by every command that takes one, before anything is done."""

import inspect
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from lastseen.errors import WrongUse
from pipeline import cli, no_dash
from tests.office import Office


def commands(app: typer.Typer, name: str = "lastseen") -> Iterator[tuple[str, Callable[..., Any]]]:
    for one in app.registered_commands:
        if one.callback is not None:
            yield f"{name} {one.name or one.callback.__name__}", one.callback
    for group in app.registered_groups:
        if group.typer_instance is not None:
            yield from commands(group.typer_instance, f"{name} {group.name}")


def files_of(command: Callable[..., Any]) -> list[str]:
    """Its parameters that are paths."""
    hints = inspect.signature(command, eval_str=True).parameters
    return [name for name, one in hints.items() if "pathlib.Path" in str(one.annotation)]


def test_no_command_takes_a_dash_for_a_file() -> None:
    no_dash.refuse(cli.app)
    taking = [(name, command, file) for name, command in commands(cli.app) for file in files_of(command)]
    assert len(taking) > 25
    for _, command, file in taking:
        for said in (Path("-"), [Path("a"), Path("-")]):
            with pytest.raises(WrongUse, match="name a file"):
                command(**{file: said})


def test_the_command_says_so_and_makes_no_file(office: Office) -> None:
    for words in (["roll-call", "abcdef", "--csv", "-"], ["metrics", "--to", "-"], ["backup", "-"]):
        assert "`-` stands for no file here" in office.run(*words, status=2).stderr
    assert not (office.settings.data_dir / "-").exists()

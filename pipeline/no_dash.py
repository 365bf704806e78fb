"""`-` for a file: no command takes it for standard input or output, and none makes or reads a file of that name."""

from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any, Final

import typer

from lastseen.errors import WrongUse

DASH: Final = Path("-")


def refuse(app: typer.Typer) -> None:
    """Have every command refuse it, before it does anything."""
    for command in app.registered_commands:
        command.callback = _checked(command.callback)
    if app.registered_callback is not None:
        app.registered_callback.callback = _checked(app.registered_callback.callback)
    for group in app.registered_groups:
        if group.typer_instance is not None:
            refuse(group.typer_instance)


def _checked(command: Callable[..., Any] | None) -> Callable[..., Any] | None:
    if command is None:
        return None

    @wraps(command)
    def checked(*args: Any, **named: Any) -> Any:
        for said in (*args, *named.values()):
            if said == DASH or (isinstance(said, list | tuple) and DASH in said):
                raise WrongUse("`-` stands for no file here, nor for standard input or output: name a file")
        return command(*args, **named)

    return checked

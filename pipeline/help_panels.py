"""In which order `lastseen --help` shows the commands, and under which headings: as an office comes to need them."""

from typing import Any, Final

from typer.core import TyperGroup

PANELS: Final = {
    "To begin with": ("demo", "doctor", "settings", "models", "up", "logs", "review", "user", "version"),
    "What is watched, and who is looked for": ("source", "telegram", "site", "register", "tips"),
    "The work: all of it, or step by step": (
        *("run", "collect", "recheck", "fetch", "analyze", "enroll", "names", "match", "reembed", "manifest"),
        *("status", "report", "alerts", "metrics"),
    ),
    "What was found": (
        *(
            "candidates",
            "sightings",
            "judgements",
            "reject",
            "rejections",
            "hints",
            "lists",
            "roll-call",
            "unaccounted",
            "group",
            "reposts",
            "export",
            "exchange",
            "packages",
            "letters",
        ),
    ),
    "How often it is wrong": ("calibrate", "calibrations", "known-pairs", "rematch", "bench"),
    "Whether the evidence stands": (
        "verify",
        "fixity",
        "incidents",
        "stamps",
        "custody",
        "witness",
        "keys",
        "backup",
        "restore",
    ),
    "What may be kept, and what has to go": ("retention", "hold", "erase", "erasures"),
}
"""heading -> commands"""

_PLACES: Final = {name: (place, panel) for place, (panel, name) in enumerate((p, n) for p in PANELS for n in PANELS[p])}


class ByPurpose(TyperGroup):
    """The commands of the command line, sorted and under their headings; a command without one comes first."""

    # The types of `ctx` and of commands are private to typer.
    def list_commands(self, ctx: Any) -> list[str]:
        return sorted(super().list_commands(ctx), key=lambda name: _PLACES.get(name, (-1, ""))[0])

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        found = super().get_command(ctx, cmd_name)
        if found is not None and cmd_name in _PLACES:
            found.rich_help_panel = _PLACES[cmd_name][1]  # type: ignore[attr-defined]  # read by typer's help
        return found

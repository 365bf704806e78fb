"""Which packs' files are on this machine, that they are the described ones, and that their licence was accepted.

A file lies in `NAME/` of the folder of models, where `lastseen models fetch` puts it, with `NAME/installed.json` beside
it; an office may also put it beside its own description.
"""

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from pydantic import BaseModel, ConfigDict, ValidationError

from extractors.faces.packs import FOLDER, File, Pack
from extractors.faces.protocol import EngineUnavailable
from extractors.faces.weights import sha256_of

RECORD: Final = "installed.json"


class Installed(BaseModel):
    """How a file came to be here, and who accepted its licence."""

    model_config = ConfigDict(frozen=True)

    file: str
    sha256: str
    source: str
    """URL or path that it came from"""
    at: datetime
    by: str
    """account of this machine that installed it"""
    licence: str
    """SPDX identifier"""
    licence_url: str
    accepted: str | None
    """text of the licence that `by` accepted; None: nothing had to be"""


@dataclass(frozen=True, slots=True)
class Held:
    """A pack's file on this machine."""

    file: File
    path: Path


def place(pack: Pack, file: File, models: Path) -> Path:
    """Where a file is installed."""
    return models / pack.name / file.name


def found(pack: Pack, models: Path) -> Held | None:
    """The first of the pack's files that is here; nothing is read."""
    for file in pack.files:
        for path in (place(pack, file, models), models / FOLDER / file.name):
            if path.is_file():
                return Held(file, path)
    return None


def record(pack: Pack, models: Path) -> Installed | None:
    """What was written down when the pack was installed."""
    try:
        return Installed.model_validate_json((models / pack.name / RECORD).read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def is_accepted(pack: Pack, file: File, models: Path) -> bool:
    """Whether the licence is free for this work, or was accepted as it reads now."""
    if file.licence.free:
        return True
    kept = record(pack, models)
    return kept is not None and (kept.sha256, kept.accepted) == (file.sha256, file.licence.text)


def usable(pack: Pack, models: Path) -> Held:
    """The pack's file, there and allowed; its bytes are not looked at.  Raises EngineUnavailable."""
    held = found(pack, models)
    if held is None:
        raise EngineUnavailable(
            f"{pack.name} is not in {models}: `lastseen models fetch {pack.name}` brings it, "
            f"`lastseen models fetch {pack.name} --from FILE` takes a file that you have"
        )
    if not is_accepted(pack, held.file, models):
        raise EngineUnavailable(
            f"the licence of {pack.name} has not been accepted: `lastseen models fetch {pack.name}` asks for it"
        )
    return held


def verified(pack: Pack, models: Path) -> Held:
    """The pack's file, hashed and found to be the described one.  Raises EngineUnavailable."""
    held = usable(pack, models)
    actual = sha256_of(held.path)
    if actual != held.file.sha256:
        raise EngineUnavailable(
            f"{held.path} is damaged or another version (its sha256 is {actual[:12]}..., not "
            f"{held.file.sha256[:12]}...): remove it, and `lastseen models fetch {pack.name}` brings it again"
        )
    return held

"""Which packs' files are on this machine, that they are the described ones, and that their licence was accepted.

A file lies in `NAME/` of the folder of models, where `lastseen models fetch` puts it, with `NAME/installed.json` beside
it; an office may also put it beside its own description.
"""

import mmap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, ValidationError

from extractors.faces.packs import FOLDER, File, Pack
from extractors.faces.protocol import EngineUnavailable
from extractors.faces.weights import sha256_of

RECORD: Final = "installed.json"
LOCATION: Final = b"\n\x08location"
"""the key in ONNX's protobuf: field 1, eight characters"""


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
    """The pack's file that is here, of several the one that was installed last; it is not read."""
    kept = record(pack, models)
    for file in sorted(pack.files, key=lambda one: kept is None or one.sha256 != kept.sha256):
        for path in (place(pack, file, models), models / FOLDER / file.name):
            if path.is_file():
                return Held(file, path)
    return None


def record(pack: Pack, models: Path) -> Installed | None:
    """What was written down when the pack was installed; None if nothing is there that can be read."""
    try:
        return Installed.model_validate_json((models / pack.name / RECORD).read_bytes())
    except (OSError, ValidationError):
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
    """The pack's file, hashed and found to be the described one, and whole.  Raises EngineUnavailable."""
    held = usable(pack, models)
    actual = sha256_of(held.path)
    if actual != held.file.sha256:
        raise EngineUnavailable(
            f"{held.path} is damaged or another version (its sha256 is {actual[:12]}..., not "
            f"{held.file.sha256[:12]}...): remove it, and `lastseen models fetch {pack.name}` brings it again"
        )
    if why := incomplete(held.path):
        raise EngineUnavailable(why)
    return held


def incomplete(path: Path) -> str:
    """What is wrong with a model that keeps weights in files beside it: its own sha256 says nothing of those.

    ONNX names such a file under the key `location`; a tensor may be called so as well, so a find is looked into.
    """
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        if content.find(LOCATION) < 0:
            return ""
    import onnx

    if not any(
        tensor.data_location == tensor.EXTERNAL for tensor in _tensors(onnx.load(path, load_external_data=False))
    ):
        return ""
    return (
        f"{path.name} keeps weights in other files, for which its sha256 does not vouch: "
        "write it as one file with onnx.save, and describe that"
    )


def _tensors(message: Any) -> Iterator[Any]:
    """Every tensor in an ONNX message, wherever it hangs."""
    if message.DESCRIPTOR.name == "TensorProto":
        yield message
    for kind, value in message.ListFields():
        if kind.message_type is not None:
            for part in value if isinstance(value, Sequence) else [value]:
                yield from _tensors(part)

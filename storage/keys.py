"""Where objects lie.  Keys carry no names, titles or person ids."""

from datetime import datetime


def blob(sha256: str) -> str:
    """An original, in the evidence bucket."""
    return f"blob/sha256/{sha256[:2]}/{sha256[2:4]}/{sha256}"


def export(chat: int, sha256: str) -> str:
    """What somebody exported of a chat on Telegram, in the evidence bucket."""
    return f"raw/telegram/{chat}/export/{sha256}.json"


CHECKPOINTS, COSIGNATURES = "checkpoint/", "cosignature/"


def checkpoint(size: int, at: datetime) -> str:
    """A signed head of the custody log over `size` events, in the evidence bucket."""
    return f"{CHECKPOINTS}{at:%Y/%m/%d}/{size:012}.txt"


def cosignature(size: int, at: datetime, key_id: bytes, time: int) -> str:
    """The same head with a witness's signature beside ours, in the evidence bucket."""
    return f"{COSIGNATURES}{at:%Y/%m/%d}/{size:012}-{key_id.hex()}-{time}.txt"


def photo(sha256: str) -> str:
    """A reference photo as the office gave it, in the register bucket."""
    return f"photo/sha256/{sha256[:2]}/{sha256[2:4]}/{sha256}"


def crop(sha256: str, recipe: str, at_ms: int, number: int) -> str:
    """A face cut from a blob, in the derived bucket; `number` is the track's."""
    return f"crop/{sha256}/{_safe(recipe)}/{at_ms}-{number}.jpg"


def photo_crop(sha256: str, engine: str) -> str:
    """The face cut from a reference photo, in the derived bucket."""
    return f"photo-crop/{sha256}/{_safe(engine)}.jpg"


def still(sha256: str, recipe: str, at_ms: int, number: int) -> str:
    """The whole picture at a moment, others blurred, in the derived bucket."""
    return f"moment/{sha256}/{_safe(recipe)}/{at_ms}-{number}.jpg"


def clip(sha256: str, recipe: str, at_ms: int, number: int) -> str:
    """The seconds around a moment, others blurred, in the derived bucket."""
    return f"moment/{sha256}/{_safe(recipe)}/{at_ms}-{number}.mp4"


def _safe(recipe: str) -> str:
    return recipe.replace("/", "-")

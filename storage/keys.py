"""Where objects lie.  Keys carry no names, titles or person ids."""

from datetime import date, datetime

from ulid import ULID

MANIFESTS, STAMPS, ROOTS = "manifest/", "stamp/", "authority/"
CHECKPOINTS, COSIGNATURES = "checkpoint/", "cosignature/"
PROOFS = (CHECKPOINTS, COSIGNATURES, MANIFESTS, STAMPS, ROOTS)
"""what shows that the evidence is what it was; no row says what belongs to which piece of it"""
ULID_TIME_BYTES, ULID_OTHER_BYTES = 6, 10


def blob(sha256: str) -> str:
    """An original, in the evidence bucket."""
    return f"blob/sha256/{sha256[:2]}/{sha256[2:4]}/{sha256}"


def export(chat: int, sha256: str) -> str:
    """What somebody exported of a chat on Telegram, in the evidence bucket."""
    return f"raw/telegram/{chat}/export/{sha256}.json"


def checkpoint(size: int, at: datetime) -> str:
    """A signed head of the custody log over `size` events, in the evidence bucket."""
    return f"{CHECKPOINTS}{at:%Y/%m/%d}/{size:012}.txt"


def cosignature(size: int, at: datetime, key_id: bytes, time: int) -> str:
    """The same head with a witness's signature beside ours, in the evidence bucket."""
    return f"{COSIGNATURES}{at:%Y/%m/%d}/{size:012}-{key_id.hex()}-{time}.txt"


def manifest(day: date, at: datetime, sha256: str) -> str:
    """What came in on a day, in the evidence bucket."""
    return f"{MANIFESTS}{day:%Y/%m/%d}/{_ulid(at, sha256)}.jsonl"


def statement(day: date, at: datetime, sha256: str) -> str:
    """What is time-stamped of a day, in the evidence bucket."""
    return f"{STAMPS}{day:%Y/%m/%d}/{_ulid(at, sha256)}.json"


def token(statement: str, authority: str) -> str:
    """An authority's answer about a statement, beside it."""
    return f"{statement.removesuffix('.json')}.{authority}.tsr"


def proof(statement: str, number: int) -> str:
    """A proof of OpenTimestamps of a statement, beside it: the first one, and what became of it later."""
    later = f".{number}" if number > 1 else ""
    return f"{statement.removesuffix('.json')}{later}.ots"


def daily_report(day: date, sha256: str, language: str) -> str:
    """The page of what was reported of a day, in the bucket `derived`."""
    return f"report/{day:%Y/%m/%d}/{sha256}.{language}.html"


def year_report(period: str, sha256: str, name: str) -> str:
    """What was reported of a year or a month, in the bucket `derived`; `name`: language and format."""
    return f"report/of/{period}/{sha256}.{name}"


def root(sha256: str) -> str:
    """The root certificates of an authority as the office configured them, in the evidence bucket."""
    return f"{ROOTS}{sha256}.pem"


def photo(sha256: str) -> str:
    """A reference photo as the office gave it, in the register bucket."""
    return f"photo/sha256/{sha256[:2]}/{sha256[2:4]}/{sha256}"


def received_list(sha256: str) -> str:
    """A list of names as it was received, in the register bucket."""
    return f"list/sha256/{sha256[:2]}/{sha256[2:4]}/{sha256}"


def crop(sha256: str, recipe: str, at_ms: int, number: int) -> str:
    """A face cut from a blob, in the derived bucket; `number` is the track's."""
    return f"crop/{sha256}/{_safe(recipe)}/{at_ms}-{number}.jpg"


def photo_crop(sha256: str, engine: str) -> str:
    """The face cut from a reference photo, in the derived bucket."""
    return f"photo-crop/{sha256}/{_safe(engine)}.jpg"


def disguised(sha256: str, pair: int, what: str) -> str:
    """The probe of a known pair, in the derived bucket; `what`: `face.jpg`, `whole.jpg`, or a piece of its film."""
    return f"known-pair/{sha256}/{pair}-{what}"


def still(sha256: str, recipe: str, at_ms: int, number: int) -> str:
    """The whole picture at a moment, others blurred, in the derived bucket."""
    return f"moment/{sha256}/{_safe(recipe)}/{at_ms}-{number}.jpg"


def clip(sha256: str, recipe: str, at_ms: int, number: int) -> str:
    """The seconds around a moment, others blurred, in the derived bucket."""
    return f"moment/{sha256}/{_safe(recipe)}/{at_ms}-{number}.mp4"


def _ulid(at: datetime, sha256: str) -> str:
    """Of a moment and of the content: who makes the same again after a crash finds it there."""
    moment = int(at.timestamp() * 1000).to_bytes(ULID_TIME_BYTES)
    return str(ULID.from_bytes(moment + bytes.fromhex(sha256)[:ULID_OTHER_BYTES]))


def joined(video_sha256: str, audio_sha256: str, recipe: str, container: str) -> str:
    """A video and its sound in one file, in the derived bucket; `.json` after it: how it was made."""
    return f"joined/{video_sha256}/{audio_sha256}/{_safe(recipe)}.{'mp4' if container == 'mp4' else 'mkv'}"


def _safe(recipe: str) -> str:
    return recipe.replace("/", "-")

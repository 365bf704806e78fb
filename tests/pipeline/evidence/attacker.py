"""Somebody who has a package and changes it, recomputes what can be recomputed, and signs with another key."""

import base64
import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from storage import merkle
from storage.notes import Checkpoint, Note, Signer
from tests.pipeline.evidence.conftest import canonical

DOMAIN = b"lastseen.custody.v2\n"
STAMP_DOMAIN = b"lastseen.stamp.v1\n"
Line = dict[str, Any]


def rebag(package: Path) -> None:
    """All checksums anew, so that the bag is consistent with itself."""
    for algorithm in ("sha256", "sha512"):
        payload = sorted(path for path in (package / "data").rglob("*") if path.is_file())
        _manifest(package, f"manifest-{algorithm}.txt", algorithm, payload)
    for algorithm in ("sha256", "sha512"):
        names = ("bagit.txt", "bag-info.txt", "manifest-sha256.txt", "manifest-sha512.txt")
        _manifest(package, f"tagmanifest-{algorithm}.txt", algorithm, [package / name for name in names])


def lines(path: Path) -> list[Line]:
    """The objects of a file of JSON lines."""
    return [json.loads(line) for line in path.read_text().splitlines()]


def write(path: Path, rows: Sequence[Mapping[str, Any]]) -> None:
    """A file of JSON lines."""
    path.write_text("".join(json.dumps(row, sort_keys=True, ensure_ascii=False) + "\n" for row in rows))


def edit(path: Path, change: Callable[[list[Line]], None]) -> None:
    """Change the lines of a file."""
    rows = lines(path)
    change(rows)
    write(path, rows)


def body(line: Line) -> Line:
    """What an event says."""
    said: Line = json.loads(line["body"])
    return said


def hashed(line: Line, said: Line) -> None:
    """Have an event say something else, with the hash of that."""
    content = canonical(said)
    line["body"] = content.decode()
    line["hash"] = hashlib.sha256(DOMAIN + bytes.fromhex(line["previous"]) + content).hexdigest()


class Forger:
    """Makes a whole new history of a package, of the same size, and signs it with another key."""

    def __init__(self, package: Path) -> None:
        self.package = package
        self.custody = package / "data" / "custody"
        self.private = Ed25519PrivateKey.generate()
        old = Checkpoint.parse(Note.parse((self.custody / "checkpoint.txt").read_text()).text)
        self.origin, self.size, self.at = old.origin, old.size, old.at
        self.signer = Signer(self.origin, self.private)

    def rewrite(self, change: Callable[[Line], None]) -> None:
        """Every event of the extract may say something else; the others are made up."""
        events = {body(line)["seq"]: line for line in lines(self.custody / "events.jsonl")}
        hashes, previous = [], bytes(32)
        for seq in range(1, self.size + 1):
            if seq in events:
                said = body(events[seq])
                change(said)
                events[seq]["previous"] = previous.hex()
                hashed(events[seq], said)
                previous = bytes.fromhex(events[seq]["hash"])
            else:
                previous = hashlib.sha256(previous + b"made up").digest()
            hashes.append(previous)
        for seq, line in events.items():
            spans = merkle.inclusion_spans(seq - 1, self.size)
            found = merkle.subtrees(hashes, spans)
            line["proof"] = [found[span].hex() for span in spans]
        write(self.custody / "events.jsonl", list(events.values()))
        self._sign_heads(hashes)
        self._receipt(hashes)

    def _sign_heads(self, hashes: Sequence[bytes]) -> None:
        (self.custody / "checkpoint.txt").write_text(self.head(hashes, self.size))
        sizes = []
        for path in sorted((self.custody / "checkpoints").iterdir()):
            sizes.append(int(path.stem))
            path.write_text(self.head(hashes, sizes[-1]))
        for path in sorted((self.custody / "stamps").glob("*.json")):
            said = json.loads(path.read_bytes().removeprefix(STAMP_DOMAIN))
            said["checkpoint"] = self.head(hashes, Checkpoint.parse(Note.parse(said["checkpoint"]).text).size)
            path.write_bytes(STAMP_DOMAIN + canonical(said))
        grown = []
        for row in lines(self.custody / "consistency.jsonl"):
            spans = merkle.consistency_spans(row["from"], self.size)
            found = merkle.subtrees(hashes, spans)
            grown.append({**row, "proof": [found[span].hex() for span in spans]})
        write(self.custody / "consistency.jsonl", grown)
        (self.custody / "keys.txt").write_text(f"{self.signer.verifier()}\n")

    def _receipt(self, hashes: Sequence[bytes]) -> None:
        rebag(self.package)
        path = self.package / "receipt.json"
        receipt = json.loads(path.read_text())
        said = body(receipt["event"])
        said["seq"] = self.size + 1
        said["detail"]["sha256"] = hashlib.sha256((self.package / "tagmanifest-sha256.txt").read_bytes()).hexdigest()
        receipt["event"]["previous"] = hashes[-1].hex()
        hashed(receipt["event"], said)
        longer = [*hashes, bytes.fromhex(receipt["event"]["hash"])]
        inside, grown = (
            merkle.inclusion_spans(self.size, self.size + 1),
            merkle.consistency_spans(self.size, self.size + 1),
        )
        found = merkle.subtrees(longer, {*inside, *grown})
        receipt["proof"] = [found[span].hex() for span in inside]
        receipt["consistency"] = [found[span].hex() for span in grown]
        receipt["checkpoint"] = self.head(longer, self.size + 1)
        path.write_bytes(canonical(receipt) + b"\n")

    def head(self, hashes: Sequence[bytes], size: int) -> str:
        root = merkle.Frontier().grown(hashes[:size]).root
        said = Checkpoint.of(self.origin, size, root, hashes[size - 1], self.at)
        return str(Note(said.text).signed(self.signer.sign(said.text)))


def flipped(text: str) -> str:
    """Base64 with its last byte changed."""
    data = base64.b64decode(text)
    return base64.b64encode(data[:-1] + bytes([data[-1] ^ 1])).decode()


def _manifest(package: Path, name: str, algorithm: str, paths: Sequence[Path]) -> None:
    told = [
        f"{hashlib.new(algorithm, path.read_bytes()).hexdigest()}  {path.relative_to(package).as_posix()}\n"
        for path in paths
    ]
    (package / name).write_text("".join(told))

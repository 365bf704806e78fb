"""JSON from outside, token by token: bounded in memory however long, deep or broken it is.

A parser of whole documents stops at the first fault and gives up all that stands behind it, and Telegram Desktop itself
writes what no such parser takes (a control character as `\\x1F`).  Here a document is followed by its brackets and
quotes only, and each value that is wanted is cut out and read by itself: one that cannot be read is one finding.
"""

import json
import re
from collections.abc import Iterator
from typing import BinaryIO, Final

CHUNK: Final = 1 << 18
LONGEST: Final = 1 << 18
"""bytes of one value; a message of Telegram has at most 4096 characters, and its formatting says them once more"""
DEEPEST: Final = 32
"""brackets within brackets in one value; Telegram Desktop needs six"""

TOKEN: Final = re.compile(rb'[{}\[\],:]|"[^"\\]*+(?:\\.[^"\\]*+)*+"|[^\s{}\[\],:"]++|"', re.DOTALL)
"""a bracket or sign, a text, a word or number; and a lone quote: a text whose end was not read yet"""
ESCAPE: Final = re.compile(rb"\\(?:x([0-9A-Fa-f]{2})|.)", re.DOTALL)
OPEN, CLOSE, SIGNS = (b"{", b"["), (b"}", b"]"), b'{}[],:"'


class Unfit(Exception):
    """A value cannot be read; the message says why.  Others can."""


class Broken(Exception):
    """From here on the document cannot be followed; the message says why."""


class Tokens:
    """The tokens of a file, from where it stands to its end."""

    def __init__(self, file: BinaryIO) -> None:
        self._found = _tokens(file)
        self.begin = self.end = 0
        """where the last token stands, in bytes from where the file stood"""

    def next(self) -> bytes:
        """Raises Broken at the end."""
        try:
            self.begin, token = next(self._found)
        except StopIteration:
            raise Broken("the file ends in the middle") from None
        self.end = self.begin + len(token)
        return token

    def members(self) -> Iterator[tuple[str, bytes]]:
        """Of an object that has just begun: key and first token of each value.  Who asks for the next one must have
        taken this one in (`value`, `members`, `items`).  Raises Broken."""
        while (token := self.next()) != b"}":
            if token != b",":
                key = token.decode(errors="replace").strip('"')
                if not token.startswith(b'"') or self.next() != b":":
                    raise Broken("it is no JSON")
                yield key, self.next()

    def items(self) -> Iterator[bytes]:
        """Of an array that has just begun: first token of each value; as with `members`.  Raises Broken."""
        while (token := self.next()) != b"]":
            if token != b",":
                yield token

    def value(self, first: bytes) -> bytes:
        """The whole value that begins with a token.  Raises Broken, and Unfit behind a value that is too much."""
        depth = size = deepest = 0
        parts: list[bytes] = []
        token = first
        while True:
            depth += (token in OPEN) - (token in CLOSE)
            size, deepest = size + len(token), max(depth, deepest)
            if size > LONGEST or deepest > DEEPEST:
                parts.clear()
            else:
                parts.append(token)
            if depth <= 0:
                break
            token = self.next()
        if deepest > DEEPEST:
            raise Unfit(f"it is nested more than {DEEPEST} deep")
        if size > LONGEST:
            raise Unfit(f"it is longer than {LONGEST} bytes")
        return b" ".join(parts)

    def skip(self, first: bytes) -> None:
        """Take a value in, whatever it is.  Raises Broken."""
        try:
            self.value(first)
        except Unfit:
            return


def loaded(value: bytes) -> object:
    """What a value says.  Raises Unfit."""
    try:
        return json.loads(ESCAPE.sub(_as_json, value) if b"\\x" in value else value)
    except UnicodeDecodeError:
        raise Unfit("it is not UTF-8") from None
    except ValueError:
        raise Unfit("it is no JSON") from None


def _as_json(escape: re.Match[bytes]) -> bytes:
    return b"\\u00" + escape[1] if escape[1] else escape[0]


def _tokens(file: BinaryIO) -> Iterator[tuple[int, bytes]]:
    """Each token, and where it stands.  Raises Broken."""
    buffer, begin, more = b"", 0, True
    while more:
        chunk = file.read(CHUNK)
        more, buffer, rest = bool(chunk), buffer + chunk, None
        for found in TOKEN.finditer(buffer):
            token = found.group()
            if token == b'"' or (more and found.end() == len(buffer) and token[:1] not in SIGNS):
                rest = found.start()  # it goes on in the next chunk
                break
            yield begin + found.start(), token
        if rest is None:
            rest = len(buffer)
        begin, buffer = begin + rest, buffer[rest:]
        if len(buffer) > LONGEST:
            raise Broken(f"a text in it is longer than {LONGEST} bytes, or does not end")

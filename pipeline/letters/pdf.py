"""A letter as PDF, by typst."""

from dataclasses import asdict
from pathlib import Path

from pipeline.evidence import typesetting
from pipeline.letters.contents import Contents


def pdf(said: Contents, folder: Path) -> bytes:
    """The document; stills are looked for in the folder.  The same contents make the same bytes."""
    data = {**asdict(said), "at": [said.at.year, said.at.month, said.at.day]}
    return typesetting.pdf("letter.typ", data, folder, "pipeline.letters")

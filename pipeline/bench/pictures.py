"""The pictures that a bench looks at: a folder's, or those that the demo's packages carry."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import cv2
import numpy as np

from lastseen.errors import Failure, WrongUse
from lastseen.records import Pixels
from pipeline.bench import ours
from pipeline.bench.children import Child

SUFFIXES: Final = frozenset({".jpg", ".jpeg", ".png", ".webp", ".bmp", ".tif", ".tiff", ".gif"})
MOST: Final = 24
"""pictures that a bench takes: more would only make it last longer"""


def people(folder: Path) -> dict[str, list[Path]]:
    """Person -> photos: of a folder of PERSON/photo.jpg, or of a folder of photos, each then a person of its own.

    Raises WrongUse if there are none.
    """
    if not folder.is_dir():
        raise WrongUse(f"{folder} is no folder: give one with photos in it, or with PERSON/photo.jpg")
    inside = sorted(folder.iterdir())
    found = {entry.name: sorted(_photos(entry)) for entry in inside if entry.is_dir()}
    found = {name: photos for name, photos in found.items() if photos}
    found = found or {photo.name: [photo] for photo in sorted(_photos(folder))}
    if not found:
        raise WrongUse(f"{folder} holds no pictures ({', '.join(sorted(SUFFIXES))}), nor folders with pictures")
    return found


def _photos(folder: Path) -> Iterator[Path]:
    return (path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES and not path.name.startswith("."))


def gathered(folder: Path | None, us: Child) -> list[Pixels]:
    """The first pictures of a folder that can be read, or the demo's portraits.  Raises WrongUse and Failure."""
    if folder is None:
        return _portraits()
    paths = [path for photos in people(folder).values() for path in photos][:MOST]
    read = [us.ask(ours.picture, path) for path in paths]
    pixels = [one for one in read if one is not None]
    if not pixels:
        raise Failure(f"none of the {len(paths)} pictures in {folder} can be read")
    return pixels


def _portraits() -> list[Pixels]:
    from pipeline.demo.pictures import Sitter, portrait  # their packages are installed for the demo only

    return [np.asarray(portrait(sitter), np.uint8) for sitter in Sitter]


def sized(pixels: Pixels, longest: int) -> Pixels:
    """The picture with a longer side of so many pixels."""
    height, width = pixels.shape[:2]
    scale = longest / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(pixels, size, interpolation=how), np.uint8)

"""Pages and marks by typst, whose templates are ours: everything else is handed over as JSON, never as markup.

This is the one module that imports typst.  It reads no file but those of one folder, and no font but those of its wheel
first; the machine's own stand in for signs that these lack.
"""

import io
import json
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import typst
from PIL import Image

from lastseen.records import Pixels

MARK_PPI = 144.0
POINTS_AN_INCH = 72.0


def pdf(template: str, data: Mapping[str, object], folder: Path, package: str = "pipeline.evidence") -> bytes:
    """A document by one of our templates; pictures that the data names are looked for in the folder.

    `package`: in which the template lies.
    """
    compiler = typst.Compiler(_template(template, package), root=folder, font_paths=_fonts())
    made = compiler.compile(format="pdf", sys_inputs={"data": json.dumps(data, ensure_ascii=False)})
    if not isinstance(made, bytes):
        raise TypeError("typst gave no document")
    return made


def strip(text: str, width: int) -> Pixels:
    """A line of text (or several, where it is long) on grey, `width` pixels wide."""
    inputs = {"text": text, "width": str(width * POINTS_AN_INCH / MARK_PPI)}
    with TemporaryDirectory() as empty:
        compiler = typst.Compiler(_template("mark.typ", "pipeline.evidence"), root=empty, font_paths=_fonts())
        made = compiler.compile(format="png", ppi=MARK_PPI, sys_inputs=inputs)
    if not isinstance(made, bytes):
        raise TypeError("typst gave no picture")
    with Image.open(io.BytesIO(made)) as image:
        pixels = np.asarray(image.convert("RGB"), np.uint8)
    return np.pad(pixels, ((0, 0), (0, max(0, width - pixels.shape[1])), (0, 0)), mode="edge")


@cache
def _fonts() -> typst.Fonts:
    return typst.Fonts(include_system_fonts=True, include_embedded_fonts=True)


def _template(name: str, package: str) -> bytes:
    return files(package).joinpath(name).read_bytes()

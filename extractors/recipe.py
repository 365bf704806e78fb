"""What an analysis is called, apart from what does it: whoever only asks for its name loads no decoder."""

from pathlib import Path
from typing import Final

from extractors import faces
from lastseen.choices import Choices

ANALYSIS_VERSION: Final = 4
"""raised whenever the same file, engine and choices would give other tracks, shots or templates"""

FINGERPRINT: Final = "pdq/2"
"""what a fingerprint depends on besides the file: changed whenever the same file would give another one"""

SMALLEST_FACE: Final = 32
"""pixels: the light of a film is kept so finely that a face of this width is told from another one, if it can be"""
FACE_CELLS: Final = 16
"""cells of light that a face has to cover for that: one that was exchanged then differs in one of them"""


def recipe(engine_name: str, models: Path, choices: Choices) -> str:
    """What an analysis depends on besides the file: engine id, analysis version, and choices that are not the usual.

    Raises EngineUnavailable.
    """
    chosen = choices.digest()
    return f"{faces.engine_id(engine_name, models)}+analysis/{ANALYSIS_VERSION}{chosen and f'-{chosen}'}"

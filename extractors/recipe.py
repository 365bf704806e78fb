"""What an analysis is called, apart from what does it: whoever only asks for its name loads no decoder."""

from pathlib import Path
from typing import Final

from extractors import faces
from lastseen.choices import Choices

ANALYSIS_VERSION: Final = 4
"""raised whenever the same file, engine and choices would give other tracks, shots or templates"""

FINGERPRINT: Final = "pdq/3"
"""what a fingerprint depends on besides the file: changed whenever the same file would give another one"""


def recipe(engine_name: str, models: Path, choices: Choices) -> str:
    """What an analysis depends on besides the file: engine id, analysis version, and choices that are not the usual.

    Raises EngineUnavailable.
    """
    chosen = choices.digest()
    return f"{faces.engine_id(engine_name, models)}+analysis/{ANALYSIS_VERSION}{chosen and f'-{chosen}'}"

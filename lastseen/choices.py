"""Every number that the analysis of a video or photo chose, with its reason.

They are settings like the others (`LASTSEEN_ANALYSIS__EVERY=0.25`), in a file of their own since the sandboxed child
needs these and nothing else.  Whoever changes one changes the recipe (`Choices.digest`): results of different choices
are kept apart.
"""

import hashlib

from pydantic import BaseModel, ConfigDict, Field


class Choices(BaseModel):
    """How a file is looked at."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    # --- which pictures -----------------------------------------------------------------------------------
    every: float = Field(
        0.5,
        gt=0,
        title="Cadence",
        description="Seconds between sampled pictures: a face that passes for one second is met twice.",
    )

    # --- looks --------------------------------------------------------------------------------------------
    look_pixels: int = Field(
        640 * 360,
        ge=64 * 64,
        title="Pixels of a look",
        description="What a video's pictures are shrunk to first, since a detector's time grows with them.",
    )
    closer_pixels: int = Field(
        1280 * 720,
        ge=64 * 64,
        title="Pixels of a closer look",
        description="Enough to meet faces of the least searched width in a wide shot of 720 lines.",
    )
    closer_look_every: float = Field(
        3.0,
        gt=0,
        title="Closer looks",
        description="Seconds between closer looks at whole pictures of one shot, besides its first picture.",
    )
    still_pixels: int = Field(
        2560 * 1440,
        ge=64 * 64,
        title="Pixels of a look at a still picture",
        description="A photo is looked at once only, so more closely than any picture of a video.",
    )

    def digest(self) -> str:
        """Empty for the defaults; else 8 hex digits that differ whenever a choice does."""
        chosen = self.model_dump_json(exclude_defaults=True)
        return "" if chosen == "{}" else hashlib.sha256(chosen.encode()).hexdigest()[:8]

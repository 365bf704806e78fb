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

    def digest(self) -> str:
        """Empty for the defaults; else 8 hex digits that differ whenever a choice does."""
        chosen = self.model_dump_json(exclude_defaults=True)
        return "" if chosen == "{}" else hashlib.sha256(chosen.encode()).hexdigest()[:8]

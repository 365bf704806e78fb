"""All steps, in the order in which work flows through them."""

from dataclasses import dataclass
from typing import Any

from extractors import faces
from extractors.recipe import FINGERPRINT, recipe
from lastseen.settings import Settings
from pipeline.custody import anchor, manifest, stamp
from pipeline.lists import comparing
from pipeline.matching import match, names, sweep
from pipeline.matching.held_register import HeldRegister
from pipeline.media import analyze, fingerprint, illustrate, reembed
from pipeline.register import check_photos, disguise, enroll
from pipeline.runner import Step
from pipeline.sources import collect, fetch, recheck
from storage.sealing import Sealer

AnyStep = Step[Any, Any]
"""a step whatever its job is: the runner treats all alike"""

COMMANDS = {
    "collect": ("collect",),
    "recheck": ("recheck",),
    "fetch": ("fetch",),
    "analyze": (fingerprint.NAME, "analyze"),
    "enroll": ("enroll", check_photos.NAME),
    "names": (names.NAME, comparing.NAME),
    "match": (match.TRACKS, sweep.NAME, "illustrate"),
    "reembed": (reembed.NAME, match.TRACKS, "illustrate"),
    "manifest": (manifest.MANIFEST, manifest.STATEMENT, manifest.STAMP, manifest.ANCHOR, anchor.UPGRADE),
}
"""what a command of this name works off, in the order of `lastseen run`"""


@dataclass(frozen=True, slots=True)
class Steps:
    """The steps as the settings want them."""

    engine: str
    """id of the engine that analyses and enrolls"""
    recipe: str
    fingerprint: str
    """recipe of fingerprints"""
    by_name: dict[str, AnyStep]

    def of(self, command: str) -> tuple[AnyStep, ...]:
        """The steps of one command, in order."""
        return tuple(self.by_name[name] for name in COMMANDS[command])


def build(settings: Settings, sealer: Sealer) -> Steps:
    """Wire the steps.  Raises what `extractors.faces` raises when the engine's weights are missing."""
    engine = faces.engine_id(settings.engine, settings.models_dir)
    analysis = recipe(settings.engine, settings.models_dir, settings.analysis)
    published = faces.published_threshold(settings.engine, settings.models_dir)
    register = HeldRegister(settings, sealer)
    every: tuple[AnyStep, ...] = (
        collect.step(settings),
        recheck.step(settings),
        fetch.step(settings, FINGERPRINT),
        fingerprint.step(settings, FINGERPRINT, analysis),
        analyze.step(analysis, engine, sealer),
        enroll.step(engine, sealer),
        check_photos.step(
            engine,
            published,
            faces.published_apart(settings.engine, settings.models_dir),
            register,
        ),
        disguise.step(),
        names.step(settings),
        comparing.step(),
        match.tracks_step(settings, engine, published, sealer, register),
        sweep.step(settings, engine, published, sealer),
        reembed.step(engine, sealer),
        illustrate.step(),
        manifest.manifest_step(settings),
        manifest.statement_step(settings),
        stamp.step(),
        anchor.step(),
        anchor.upgrade_step(),
    )
    return Steps(engine, analysis, FINGERPRINT, {step.name: step for step in every})

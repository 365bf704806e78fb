"""The sealed files of a machine that takes no templates itself: they follow those that do."""

import os

import numpy as np

from lastseen.settings import Settings
from pipeline.app import App
from pipeline.duties import template_files
from pipeline.runner import Runner
from pipeline.steps import Steps
from storage.sealed_blocks import PRINT_BYTES, BlockPlace, Origin, Templates
from storage.stores import Stores
from storage.template_cache import blocks_of
from tests.pipeline.matching.test_match import SEAL

TRACKS = BlockPlace(Origin.TRACK, "engine", 3)
OF_A_TRACK = Templates(np.array([1]), np.array([1]), np.ones((1, 2), np.float32))


def test_files_of_templates_that_went_elsewhere_go_when_something_is_matched_here(
    stores: Stores, settings: Settings
) -> None:
    """Also those of tracks, whose ids no shard will ever name again."""
    app = App(settings, stores, Steps("engine", "", "", {}), Runner(stores, settings, "tester"), "tester")
    blocks = blocks_of(settings)
    assert not template_files.sweep_hourly(app), "nothing was ever matched here"
    for hourly in (True, False):
        blocks.write(TRACKS, bytes(PRINT_BYTES), OF_A_TRACK, SEAL)
        assert template_files.sweep_hourly(app) == hourly
        assert bool(list(blocks.held())) != hourly
    os.utime(blocks.root / template_files.LOOKED, (0, 0))
    assert template_files.sweep_hourly(app)
    assert list(blocks.held()) == []

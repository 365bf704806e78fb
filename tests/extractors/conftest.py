"""What the tests of pixels share."""

from pathlib import Path

import pytest

from extractors import faces
from extractors.faces import Engine
from extractors.limits import Limits
from lastseen.settings import Settings


@pytest.fixture(scope="session")
def engine(models_dir: Path) -> Engine:
    """The engine that the other tests stand on: the default."""
    return faces.load("dlib", models_dir, 2)


@pytest.fixture
def limits() -> Limits:
    """Small ones."""
    return Limits(max_megapixels=8, max_duration_seconds=60, deadline_seconds=60, memory_mib=4096)


@pytest.fixture
def opening(tmp_path: Path) -> Settings:
    """Settings as far as opening files goes."""
    return Settings.model_construct(
        data_dir=tmp_path, analyze_deadline_seconds=60, max_megapixels=8, max_duration_seconds=60
    )

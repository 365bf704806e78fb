"""A real small case goes out, and a stranger checks it."""

from tests.pipeline.evidence.conftest import Exported


def test_first(exported: Exported) -> None:
    assert (exported.folder / "bagit.txt").exists()

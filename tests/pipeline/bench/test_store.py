"""The bench of storing: what it prints, and that it leaves nothing behind."""

from pathlib import Path

from pipeline.bench import store
from pipeline.bench.store import KIB, Measured, Report
from storage.objects import EVIDENCE, ObjectStore


def test_both_sides_are_measured_and_nothing_stays(objects: ObjectStore, tmp_path: Path) -> None:
    report = store.run(objects, tmp_path, rounds=2, sizes=((64 * KIB, 2), (80 * KIB, 1)))
    said = report.fields()
    assert set(said) == {"store_ratio", "store_ratio_least", "sizes"}
    assert [len(row) for row in report.rows()] == [len(store.COLUMNS)] * 3
    assert list(objects.versions(EVIDENCE)) == []


def test_the_ratio_is_of_all_bytes_over_all_seconds() -> None:
    """100 bytes in 1 s and 100 in 10 s, beside 2 s and 11 s."""
    report = Report((Measured(50, 2, (100.0,), (50.0,)), Measured(100, 1, (10.0,), (100 / 11,))))
    assert round(report.overall.middle, 6) == round(11 / 13, 6)
    assert report.fields()["store_ratio_least"] == 0.5

"""A small part of what `python -m tests.extractors.mutants` does at length."""

import random
from pathlib import Path

from extractors import sandbox
from tests.extractors import mutants

COUNT = 216
"""eight of each format"""


def test_every_mutant_has_an_outcome_and_none_kills_us(tmp_path: Path, models_dir: Path) -> None:
    chosen = mutants.settings_for(models_dir, "dlib")
    with sandbox.opened(chosen) as box:
        report = mutants.run(box, COUNT, 7, tmp_path)
    assert report.count == COUNT
    outcomes = {outcome for counts in report.outcomes.values() for outcome in counts}
    assert outcomes == {"Analysis", "Moment", "DEFECT", "SKIPPED"}, "some still show something, some do not"
    assert report.deaths == {}, "a death is survived, but it is a fault to be looked into"


def test_the_seeds_are_whole(tmp_path: Path, models_dir: Path) -> None:
    """Else the mutants would prove nothing."""
    chosen = mutants.settings_for(models_dir, "dlib")
    with sandbox.opened(chosen) as box:
        for name, content in mutants.seeds().items():
            (tmp_path / name).write_bytes(content)
            verdict = box.moment(tmp_path / name, mutants.WANTED)
            assert (type(verdict).__name__ == "Moment") == (name not in ("wav", *mutants.SOUNDS)), f"{name}: {verdict}"


def test_a_number_makes_the_same_mutant_again() -> None:
    whole = bytes(range(256)) * 8
    made = [mutants.mutant(whole, [whole], random.Random("1/2")) for _ in range(2)]
    assert made[0] == made[1] != whole

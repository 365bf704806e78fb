"""PDQ against an independent, slow reading of its description, and against what it promises.

No picture with a published hash is at hand here, so the published vectors themselves are not among these tests.
"""

import math

import cv2
import numpy as np
import pytest

from extractors.pdq import BYTES, Grey, decimated, pdq, smoothed, window
from pipeline.demo.pictures import Scenery, scenery


@pytest.fixture(scope="module", params=[Scenery.COFFEE, Scenery.CAT, Scenery.ROCKET])
def grey(request: pytest.FixtureRequest) -> Grey:
    """A picture of 200 x 150."""
    coloured = np.asarray(scenery(request.param))
    light = cv2.cvtColor(coloured, cv2.COLOR_RGB2GRAY) if coloured.ndim == 3 else coloured
    return np.asarray(cv2.resize(light, (200, 150), interpolation=cv2.INTER_AREA), np.float32)


def apart(one: bytes, other: bytes) -> int:
    return (int.from_bytes(one, "big") ^ int.from_bytes(other, "big")).bit_count()


def blurred(row: list[float], size: int) -> list[float]:
    """The description's window: of `size`, cut off at both ends of the row."""
    before = (size - 1) // 2
    means = []
    for place in range(len(row)):
        reached = row[max(0, place - before) : place - before + size]
        means.append(sum(reached) / len(reached))
    return means


def slow(grey: Grey) -> str:
    """Row by row, column by column, as the description has it."""
    rows = grey.tolist()
    for _ in range(2):
        rows = [blurred(row, window(len(row))) for row in rows]
        columns = [blurred(list(column), window(len(rows))) for column in zip(*rows, strict=True)]
        rows = [list(row) for row in zip(*columns, strict=True)]
    high, wide = len(rows), len(rows[0])
    points = [[rows[int((y + 0.5) * high / 64)][int((x + 0.5) * wide / 64)] for x in range(64)] for y in range(64)]
    cosines = [[math.cos(math.pi / 128 * wave * (2 * x + 1)) for x in range(64)] for wave in range(1, 17)]
    across = [[sum(row[x] * wave[x] for x in range(64)) for wave in cosines] for row in points]
    waves = [sum(across[y][j] * wave[y] for y in range(64)) for wave in cosines for j in range(16)]
    middle = sorted(waves)[127] / 2 + sorted(waves)[128] / 2
    return f"{sum((wave > middle) << place for place, wave in enumerate(waves)):064x}"


def test_it_says_what_the_description_says(grey: Grey) -> None:
    said, described = str(pdq(grey)), slow(grey)
    assert bin(int(said, 16) ^ int(described, 16)).count("1") <= 2, "rounding at the median"


def test_a_mirrored_picture_has_the_mirrored_hash(grey: Grey) -> None:
    one, other = pdq(grey), pdq(grey[:, ::-1])
    assert one.mirrored == other.bits
    assert apart(one.bits, other.bits) > 60


def test_hard_compression_turns_few_bits(grey: Grey) -> None:
    _, written = cv2.imencode(".jpg", grey.astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 15])
    assert apart(pdq(grey).bits, pdq(np.asarray(cv2.imdecode(written, 0), np.uint8)).bits) < 30


def test_a_flat_picture_is_worth_nothing_and_a_rich_one_everything(grey: Grey) -> None:
    assert pdq(np.full((90, 160), 128, np.uint8)).quality == 0
    assert pdq(grey).quality > 50


def test_a_hash_has_256_bits_of_which_about_half_are_set(grey: Grey) -> None:
    bits = pdq(grey).bits
    assert len(bits) == BYTES
    assert 120 <= int.from_bytes(bits, "big").bit_count() <= 128


def test_small_pictures_are_read_as_they_are() -> None:
    grey = np.arange(64 * 64, dtype=np.float32).reshape(64, 64)
    assert np.array_equal(decimated(smoothed(grey)), grey)

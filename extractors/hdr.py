"""Pictures of high dynamic range (PQ and HLG, ITU-R BT.2100) brought to what a face engine was trained on.

The room's light is kept and only the highlights are pressed together: up to KNEE of the reference white (203 cd/m2,
ITU-R BT.2408; skin lies at 20 to 70) light passes unchanged, above it an exponential roll-off ends at white.
Done with tables on the few sampled pictures: 17 ms for 1280 x 720.  FFmpeg's scaler tone-maps to within three levels
of the same, but first spends 1.4 s on a table, for each video.
"""

from functools import cache
from typing import Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from lastseen.records import Pixels

Transfer = Literal["pq", "hlg"]
TRANSFERS: Final[dict[int, Transfer]] = {16: "pq", 18: "hlg"}
"""by FFmpeg's number (ITU-T H.273) of the transfer characteristics"""
REFERENCE_WHITE: Final = 203.0
"""cd/m2 of a white sheet in an HDR picture, ITU-R BT.2408"""
WHITE_AT: Final = 0.58
"""of the range: where PQ has that white; the rest is for highlights"""
HLG_PEAK: Final = 1000.0
"""cd/m2 of the display that HLG is defined for"""
KNEE: Final = 0.8
GAMMA: Final = 2.4
"""of the display that SDR pictures are graded on, ITU-R BT.1886"""
BRIGHTEST: Final = 10_000.0 / REFERENCE_WHITE
"""what PQ can say, in reference whites"""
TABLE: Final = 1 << 16

# ITU-R BT.2087: linear light of BT.2020's primaries in those of BT.709
TO_BT709: Final = np.array(
    [[1.6605, -0.5876, -0.0728], [-0.1246, 1.1329, -0.0083], [-0.0182, -0.1006, 1.1187]], np.float32
)


def to_sdr(codes: NDArray[np.uint16], transfer: Transfer, wide: bool = True) -> Pixels:
    """Height x width x RGB of full range 0 .. 65535 in, 8 bits of BT.709 out.

    `wide`: the primaries are those of BT.2020.
    """
    light = _light_of(transfer)[codes]
    if wide:
        light = np.asarray(cv2.transform(light, TO_BT709), np.float32)
    # the table is by the square root of light, which leaves the shadows enough steps
    place = np.sqrt(np.clip(light, 0, BRIGHTEST) / BRIGHTEST) * (TABLE - 1)
    return np.asarray(_shade_of()[place.astype(np.uint16)], np.uint8)


@cache
def _light_of(transfer: Transfer) -> NDArray[np.float32]:
    """Display light in reference whites, for each code."""
    code = np.linspace(0, 1, TABLE)
    light = _pq(code) if transfer == "pq" else _hlg(code)
    return (light / REFERENCE_WHITE).astype(np.float32)


def _pq(code: NDArray[np.float64]) -> NDArray[np.float64]:
    """SMPTE ST 2084: cd/m2."""
    m1, m2, c1, c2, c3 = 2610 / 16384, 2523 / 32, 3424 / 4096, 2413 / 128, 2392 / 128
    power = code ** (1 / m2)
    light: NDArray[np.float64] = 10_000 * (np.maximum(power - c1, 0) / (c2 - c3 * power)) ** (1 / m1)
    return light


def _hlg(code: NDArray[np.float64]) -> NDArray[np.float64]:
    """ARIB STD-B67 with the system gamma of 1.2, for each channel by itself: cd/m2."""
    a, b, c = 0.17883277, 0.28466892, 0.55991073
    scene = np.where(code <= 0.5, code**2 / 3, (np.exp((code - c) / a) + b) / 12)
    light: NDArray[np.float64] = HLG_PEAK * scene**1.2
    return light


@cache
def _shade_of() -> NDArray[np.uint8]:
    """The 8-bit shade for each square root of light."""
    light = np.linspace(0, 1, TABLE) ** 2 * BRIGHTEST
    over = np.maximum(light - KNEE, 0)
    pressed = np.where(light <= KNEE, light, KNEE + (1 - KNEE) * (1 - np.exp(-over / (1 - KNEE))))
    return np.asarray(np.rint(255 * pressed ** (1 / GAMMA)), np.uint8)

"""One picture that Pillow has opened, as people see it: 8 bits of RGB, upright, on white where it is transparent."""

from typing import Final

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from extractors.limits import Unfit
from extractors.shown import on_white
from lastseen.outcomes import Fault
from lastseen.records import Pixels

DAMAGE: Final = (OSError, SyntaxError, ValueError, EOFError, RuntimeError, TypeError)
"""what Pillow's decoders raise on damage; the last two of AVIF that will not decode and TIFF without a size"""
DEEP: Final = ("I", "F")
"""modes whose numbers have no stated range"""
CONVERTIBLE: Final = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "RGBa", "La", "CMYK", "YCbCr", "HSV")


def upright(image: Image.Image) -> Pixels:
    """Decoded, turned as its EXIF says, height x width x RGB.  Raises Unfit for pixels that mean no colours."""
    turned = ImageOps.exif_transpose(image)
    if turned.mode.startswith("I;16"):
        return _grey(np.asarray(turned).astype(np.float32) / np.float32(257))
    if turned.mode in DEEP:
        return _grey(_stretched(np.asarray(turned, np.float64)))
    if turned.mode not in CONVERTIBLE:
        raise Unfit(Fault.SKIPPED, f"a picture with {turned.mode} pixels, which are not read")
    if turned.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in turned.info:
        return on_white(np.asarray(turned.convert("RGBA"), np.uint8))
    return np.asarray(turned.convert("RGB"), np.uint8)


def _stretched(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """From its own least to its own greatest number."""
    finite = np.where(np.isfinite(values), values, 0)
    least, greatest = finite.min(), finite.max()
    stretched: NDArray[np.float64] = (finite - least) * (255 / max(greatest - least, 1e-9))
    return stretched


def _grey(levels: NDArray[np.floating]) -> Pixels:
    one = np.rint(np.clip(levels, 0, 255)).astype(np.uint8)
    return np.repeat(one[:, :, None], 3, axis=2)

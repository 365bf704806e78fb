"""ZIP files that come out the same for the same content."""

import io
import zipfile
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Final

MODE: Final = 0o644 << 16
"""of each file in it: everybody may read it, and its owner write"""


def zipped(files: Mapping[str, bytes], at: datetime) -> bytes:
    """These files, in their order, dated `at`."""
    made, moment = io.BytesIO(), at.astimezone(UTC)
    with zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            info = zipfile.ZipInfo(name, moment.timetuple()[:6])
            info.external_attr, info.compress_type = MODE, zipfile.ZIP_DEFLATED
            archive.writestr(info, content)
    return made.getvalue()

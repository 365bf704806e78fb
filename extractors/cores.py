"""How many cores this process was given.  Ask outside the sandbox: inside, control groups cannot be read."""

import os
from pathlib import Path
from typing import Final

GROUP_QUOTA: Final = Path("/sys/fs/cgroup/cpu.max")


def available_cores() -> int:
    """Cores that this process may use: its affinity, or less where its control group has a quota; at least 1."""
    return max(1, min(len(os.sched_getaffinity(0)), _quota()))


def _quota() -> int:
    """Cores of the control group (`MICROSECONDS PERIOD`, or `max PERIOD`), rounded up; no limit if it says none."""
    try:
        granted, period = GROUP_QUOTA.read_text().split()
        return max(1, -(-int(granted) // int(period)))
    except (OSError, ValueError):
        return os.cpu_count() or 1

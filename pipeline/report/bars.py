"""A figure day by day or month by month, drawn as SVG: a bar for each, the last one marked.

Colours are classes of the page's style, so that dark and light, print and forced colours each have theirs; every
number of it stands in the table beside it.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from xml.etree import ElementTree as Xml

WIDTH, HEIGHT, LEFT, TOP, BOTTOM = 580, 120, 78, 14, 24
STEP_DAYS = 15
"""between two days that are written below"""
ROOMY = 40
"""what is written below the last bar stands around its middle where a bar has so much room, and else ends there"""
STEPS = (1, 2, 2.5, 5, 10)
"""what the height of a scale may begin with"""


@dataclass(frozen=True, slots=True)
class Bar:
    """One of them."""

    count: int
    said: str
    """of what it is, as its title says it"""
    below: str = ""
    """what is written below it; empty: nothing"""


def scale(highest: float, unit: int = 1) -> float:
    """The least round number of units that nothing stands above; one where there is nothing."""
    if unit > 1:
        return scale(math.ceil(highest / unit)) * unit
    if highest <= 1:
        return 1
    power = 10.0 ** math.floor(math.log10(highest))
    return next(step * power for step in STEPS if step * power >= highest and (step * power).is_integer())


def draw(
    name: str,
    title: str,
    last: date,
    counts: Sequence[int],
    say: Callable[[int], str],
    say_day: Callable[[date], str],
    unit: int = 1,
) -> str:
    """The picture, as text.

    `name`: of the plot, for its ids; `counts`: the oldest first, ends with `last`; `unit`: what its scale counts in,
    e.g. 3600 for seconds that are told in hours.
    """
    days = [last - timedelta(days=ago) for ago in reversed(range(len(counts)))]
    marked = {last - timedelta(days=ago) for ago in range(0, len(counts), STEP_DAYS)}
    bars = [
        Bar(count, say_day(day), say_day(day) if day in marked else "") for day, count in zip(days, counts, strict=True)
    ]
    return columns(name, title, bars, say, unit)


def columns(name: str, title: str, bars: Sequence[Bar], say: Callable[[int], str], unit: int = 1) -> str:
    """The picture of any bars, as text; the last one stands out, and what is below it ends with it."""
    top = scale(max((bar.count for bar in bars), default=0), unit)
    root = Xml.Element(
        "svg",
        {
            "viewBox": f"0 0 {LEFT + WIDTH + 8} {TOP + HEIGHT + BOTTOM}",
            "role": "img",
            "aria-labelledby": f"{name}-title",
            "class": "plot",
        },
    )
    Xml.SubElement(root, "title", {"id": f"{name}-title"}).text = title
    for share in (0, 0.5, 1):
        _grid(root, share, say(round(top * share)) if float(top * share).is_integer() else "")
    wide = WIDTH / max(len(bars), 1)
    for number, bar in enumerate(bars):
        last = number == len(bars) - 1
        anchor = "end" if last and wide < ROOMY else "middle"
        _bar(root, number * wide, wide, bar.count / top, f"{bar.said}: {say(bar.count)}", last=last)
        _text(root, LEFT + (number + 0.5) * wide, TOP + HEIGHT + 16, bar.below, anchor)
    return Xml.tostring(root, encoding="unicode")


def _grid(root: Xml.Element, share: float, said: str) -> None:
    y = f"{TOP + HEIGHT * (1 - share):.1f}"
    Xml.SubElement(root, "line", {"x1": str(LEFT), "x2": str(LEFT + WIDTH), "y1": y, "y2": y, "class": "grid"})
    _text(root, LEFT - 6, float(y) + 4, said, "end")


def _bar(root: Xml.Element, x: float, wide: float, share: float, said: str, *, last: bool) -> None:
    if share <= 0:
        return
    high = max(share * HEIGHT, 1.0)  # what is there can be seen
    where = {"x": f"{LEFT + x + wide * 0.12:.2f}", "width": f"{wide * 0.76:.2f}"}
    size = {"y": f"{TOP + HEIGHT - high:.2f}", "height": f"{high:.2f}"}
    bar = Xml.SubElement(root, "rect", {**where, **size, "class": "bar last" if last else "bar"})
    Xml.SubElement(bar, "title").text = said


def _text(root: Xml.Element, x: float, y: float, said: str, anchor: str) -> None:
    if said:
        Xml.SubElement(root, "text", {"x": f"{x:.1f}", "y": f"{y:.1f}", "text-anchor": anchor}).text = said

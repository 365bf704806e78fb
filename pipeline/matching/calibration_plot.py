"""A calibration drawn as SVG: distances of strangers, FPIR and candidates a day over the threshold.

Colours and sizes are attributes, since the pages allow no styles; every number of it stands in a table beside it.
"""

from collections.abc import Sequence
from xml.etree import ElementTree as Xml

import numpy as np

from matchers.calibration import fpir
from matchers.measuring import BandFound, Found

WIDTH, HEIGHT, LEFT, TOP, GAP = 760, 220, 70, 40, 80
COLOURS = ("#b45309", "#0f766e", "#4338ca")
"""poorest band first"""
BARS = 80

Points = Sequence[tuple[float, float]]


class _Panel:
    """One diagram: distances across, something upwards, its logarithm where `decades`."""

    def __init__(self, top: float, across: tuple[float, float], up: tuple[float, float], decades: bool) -> None:
        self.top, self.across, self.up, self.decades = top, across, up, decades
        self.group = Xml.Element("g")

    def place(self, x: float, y: float) -> tuple[float, float]:
        """Where a point lies on the paper."""
        low, high = self.up
        if self.decades:
            low, high, y = (float(np.log10(max(value, 1e-12))) for value in (low, high, y))
        right = LEFT + (x - self.across[0]) / (self.across[1] - self.across[0]) * WIDTH
        return round(right, 1), round(self.top + HEIGHT - min(max((y - low) / (high - low), 0), 1) * HEIGHT, 1)

    def line(self, points: Points, colour: str, dashed: bool = False) -> None:
        drawn = " ".join("{},{}".format(*self.place(*point)) for point in points)
        marks = {"stroke-dasharray": "5 4"} if dashed else {}
        Xml.SubElement(self.group, "polyline", {"points": drawn, "fill": "none", "stroke": colour, **marks})

    def between(self, low: Points, high: Points, colour: str) -> None:
        drawn = " ".join("{},{}".format(*self.place(*point)) for point in [*low, *reversed(high)])
        Xml.SubElement(self.group, "polygon", {"points": drawn, "fill": colour, "fill-opacity": "0.15"})

    def axes(self, title: str, ticks: Sequence[float]) -> None:
        grey = {"stroke": "#6b7280", "fill": "none"}
        Xml.SubElement(self.group, "rect", {**_box(self.top), **grey})
        _text(self.group, LEFT, self.top - 10, title, anchor="start")
        for x in np.linspace(*self.across, 8):
            _text(self.group, self.place(float(x), self.up[0])[0], self.top + HEIGHT + 16, f"{x:.2f}")
        for y in ticks:
            _text(self.group, LEFT - 6, self.place(self.across[0], y)[1] + 4, f"{y:g}", anchor="end")


def draw(found: Found) -> str:
    """The picture, as text."""
    ends = [point[0] for band in found.bands for point in band.band.curve]
    across = (max(0.0, min(ends) - 0.02), max(ends) + 0.02)
    panels = [_spread(found), _chance(found, across), _a_day(found, across)]
    high = TOP + len(panels) * (HEIGHT + GAP)
    root = Xml.Element(
        "svg", {"xmlns": "http://www.w3.org/2000/svg", "viewBox": f"0 0 {LEFT + WIDTH + 30} {high}", "role": "img"}
    )
    Xml.SubElement(root, "title").text = "How near strangers come, by band of quality"
    Xml.SubElement(root, "rect", {"width": "100%", "height": "100%", "fill": "#ffffff"})
    root.extend(panels)
    for number, band in enumerate(found.bands):
        said = f"quality from {band.band.least:.2f}: threshold {band.band.threshold:.3f}"
        _text(root, LEFT + 250 * number, high - 14, said, anchor="start", colour=COLOURS[number])
    return Xml.tostring(root, encoding="unicode")


def _spread(found: Found) -> Xml.Element:
    drawn = [band.drawn for band in found.bands]
    across = (0.0, float(max(values.max() for values in drawn)))
    counted = [np.histogram(values, BARS, across, density=True) for values in drawn]
    panel = _Panel(TOP, across, (0, max(float(heights.max()) for heights, _ in counted) * 1.05), decades=False)
    for number, (heights, edges) in enumerate(counted):
        panel.line(list(zip((edges[:-1] + edges[1:]) / 2, heights, strict=True)), COLOURS[number])
        threshold = found.bands[number].band.threshold
        panel.line([(threshold, 0), (threshold, panel.up[1])], COLOURS[number], dashed=True)
    panel.axes("Distances between different people (dashed: the thresholds)", ())
    return panel.group


def _chance(found: Found, across: tuple[float, float]) -> Xml.Element:
    panel = _Panel(TOP + HEIGHT + GAP, across, (1e-5, 1), decades=True)
    for number, band in enumerate(found.bands):
        clumping = found.clumping
        panel.between(_fpir(band, band.low, clumping), _fpir(band, band.high, clumping), COLOURS[number])
        panel.line(_fpir(band, [people for _, people in band.band.curve], clumping), COLOURS[number])
    title = "FPIR: share of searches for a stranger that queue somebody, over the threshold (95 %)"
    panel.axes(title, (1e-5, 1e-4, 1e-3, 1e-2, 0.1, 1))
    return panel.group


def _a_day(found: Found, across: tuple[float, float]) -> Xml.Element:
    panel = _Panel(TOP + 2 * (HEIGHT + GAP), across, (0.1, 10_000), decades=True)
    for number, band in enumerate(found.bands):
        tracks = found.wish.tracks_a_day
        panel.line([(distance, people * tracks) for distance, people in band.band.curve], COLOURS[number])
    panel.line([(across[0], found.wish.accepted), (across[1], found.wish.accepted)], "#6b7280", dashed=True)
    title = f"False candidates a day over the threshold, if all {found.wish.tracks_a_day:.0f} tracks a day were alike"
    panel.axes(title, (0.1, 1, 10, 100, 1000, 10_000))
    return panel.group


def _fpir(band: BandFound, people: Sequence[float], clumping: float) -> Points:
    distances = [distance for distance, _ in band.band.curve]
    return [(distance, fpir(expected, clumping)) for distance, expected in zip(distances, people, strict=True)]


def _box(top: float) -> dict[str, str]:
    return {"x": str(LEFT), "y": str(top), "width": str(WIDTH), "height": str(HEIGHT)}


def _text(parent: Xml.Element, x: float, y: float, said: str, anchor: str = "middle", colour: str = "#374151") -> None:
    where = {"x": f"{x:.1f}", "y": f"{y:.1f}", "text-anchor": anchor, "fill": colour}
    Xml.SubElement(parent, "text", {**where, "font-size": "12", "font-family": "sans-serif"}).text = said

"""Figures in the text form that Prometheus reads (its exposition format, version 0.0.4)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector

PREFIX = "lastseen_"
MEDIA_TYPE = CONTENT_TYPE_LATEST


@dataclass(frozen=True, slots=True)
class Figure:
    """One figure of the office, or one for each of its labels' values."""

    name: str
    """without PREFIX; the unit is its end, in base units: seconds, bytes"""
    help: str
    labels: tuple[str, ...] = ()
    values: Mapping[tuple[str, ...], float] = field(default_factory=dict)
    """by the labels' values; that of a figure without labels by ()"""


class _Given(Collector):
    """Hands over what was worked out already."""

    def __init__(self, figures: Iterable[Figure]) -> None:
        self._figures = figures

    def collect(self) -> Iterable[GaugeMetricFamily]:
        for figure in self._figures:
            family = GaugeMetricFamily(PREFIX + figure.name, figure.help, labels=figure.labels)
            for labels, value in figure.values.items():
                family.add_metric(labels, value)
            yield family


def text_of(figures: Iterable[Figure]) -> bytes:
    """The figures as Prometheus, and node_exporter's textfile collector, read them: UTF-8."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Given(figures))
    return generate_latest(registry)

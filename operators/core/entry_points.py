"""Entry points of the groups `longcap.*`, by which installed distributions extend Longcap."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.metadata import entry_points
from typing import NamedTuple

ENGINES = "longcap.engines"
OPERATORS = "longcap.operators"
EXPORTS = "longcap.exports"
EMBEDDERS = "longcap.embedders"
RECOGNISERS = "longcap.recognisers"
METRICS = "longcap.metrics"
SPEAKERS = "longcap.speakers"
DETECTORS = "longcap.detectors"


class Offer(NamedTuple):
    """An entry point.

    Attributes:
        place: "package.module:ClassName".
        distribution: name and version of the installed distribution, such as "longcap-example 1.2.0".
    """

    place: str
    distribution: str


@cache
def offers(group: str) -> Mapping[str, Offer]:
    """The entry points of `group` by name.

    Raises:
        ValueError: two distributions offer the same name.
    """
    found: dict[str, Offer] = {}
    for entry in entry_points(group=group):
        offer = Offer(entry.value, f"{entry.dist.name} {entry.dist.version}" if entry.dist else "")
        if found.get(entry.name, offer) != offer:
            raise ValueError(
                f"{found[entry.name].distribution} and {offer.distribution} both offer {entry.name!r} as {group}: "
                "uninstall one, or name the class as package.module:ClassName"
            )
        found[entry.name] = offer
    return found


def distribution_of(cls: type, group: str) -> str | None:
    """Name and version of the distribution that offers `cls`; None if no entry point names it."""
    package = cls.__module__.partition(".")[0]  # the entry point may name a package that re-exports the class
    for offer in offers(group).values():
        module, _, name = offer.place.partition(":")
        if name == cls.__qualname__ and module.partition(".")[0] == package:
            return offer.distribution
    return None

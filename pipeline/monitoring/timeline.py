"""Time series of bounded length: how much work became durable when, and how many actors had work."""

from __future__ import annotations

import math
import threading
from array import array
from collections.abc import Mapping, Sized
from typing import Any

from operators.core.base import Row

_BUCKETS = 240  # enough for a plot; beyond that, pairs of buckets are merged
_FIRST_S = 1.0
_SHARES = (0.5, 0.9, 0.95, 0.99, 1.0)


class Timeline:
    """Sums receipts and samples in buckets of time, counted from the start of the work.

    Receipts come from the driver's thread, samples from a timer thread. A bucket is one second long at first; its
    length doubles whenever there would be more than 240 buckets.

    Attributes:
        actors: pool -> the largest number of actors that a graph of the run requested.
    """

    def __init__(self) -> None:
        self.actors: dict[str, int] = {}
        self._lock = threading.Lock()
        self._bucket_s = _FIRST_S
        self._captions: list[float] = []
        self._video_s: list[float] = []
        self._videos: list[float] = []
        self._busy: dict[str, list[tuple[float, float]]] = {}  # pool -> (seconds with work, seconds observed) by bucket
        self._done_s = array("d")

    def add(self, at_s: float, receipt: Row) -> None:
        """Count the receipt of a segment or video without failure that came `at_s` seconds after the start."""
        with self._lock:
            bucket = self._bucket(at_s)
            if receipt["kind"] == "segment":
                _grow(self._captions, bucket, receipt["frames"] + receipt["windows"])
                _grow(self._video_s, bucket, receipt["seconds"])
            elif receipt["kind"] == "video":
                _grow(self._videos, bucket, 1.0)
                self._done_s.append(at_s)

    def sample(self, from_s: float, to_s: float, busy: Mapping[str, float]) -> None:
        """Record how long the actors of each pool had work between two times.

        Args:
            from_s, to_s: seconds after the start.
            busy: pool -> seconds with work of all its actors together, divided by their number.
        """
        if to_s <= from_s:
            return
        with self._lock:
            last = self._bucket(to_s)
            for pool, seconds in busy.items():
                share = min(1.0, seconds / (to_s - from_s))
                series = self._busy.setdefault(pool, [])
                series += [(0.0, 0.0)] * (last + 1 - len(series))
                for bucket in range(max(0, int(from_s / self._bucket_s)), last + 1):
                    start = bucket * self._bucket_s
                    part = max(0.0, min(to_s, start + self._bucket_s) - max(from_s, start))
                    total, weight = series[bucket]
                    series[bucket] = (total + share * part, weight + part)

    def series(self) -> dict[str, Any]:
        """Return `bucket_s` and, per bucket, the durable `captions`, `video_s` and `videos`, and `busy`.

        `busy` is pool -> mean share of its actors that had work; null for a bucket without a sample.
        """
        with self._lock:
            known: list[Sized] = [self._captions, self._video_s, self._videos, *self._busy.values()]
            length = max(map(len, known))
            return {
                "bucket_s": self._bucket_s,
                "captions": [int(n) for n in _padded(self._captions, length)],
                "video_s": [round(s, 2) for s in _padded(self._video_s, length)],
                "videos": [int(n) for n in _padded(self._videos, length)],
                "busy": {
                    pool: [round(t / n, 3) if n else None for t, n in (*series, *[(0.0, 0.0)] * (length - len(series)))]
                    for pool, series in self._busy.items()
                },
            }

    def time_to(self) -> dict[str, float]:
        """Return the share of finished videos, "50", "90", "95", "99" and "100" %, -> seconds after the start."""
        with self._lock:
            done = sorted(self._done_s)
        return {
            f"{share:.0%}".rstrip("%"): round(done[math.ceil(share * len(done)) - 1], 2) for share in _SHARES if done
        }

    def busy(self) -> dict[str, float]:
        """Return pool -> mean share of its actors that had work in the observed time, 0 to 1."""
        with self._lock:
            sums = {pool: (sum(t for t, _ in s), sum(n for _, n in s)) for pool, s in self._busy.items()}
        return {pool: round(total / count, 3) for pool, (total, count) in sums.items() if count}

    def _bucket(self, at_s: float) -> int:
        while at_s >= self._bucket_s * _BUCKETS:
            self._bucket_s *= 2
            self._captions, self._video_s, self._videos = (
                [sum(pair) for pair in _pairs(series, 0.0)] for series in (self._captions, self._video_s, self._videos)
            )
            self._busy = {
                pool: [(a[0] + b[0], a[1] + b[1]) for a, b in _pairs(series, (0.0, 0.0))]
                for pool, series in self._busy.items()
            }
        return int(at_s / self._bucket_s)


def _grow(series: list[float], bucket: int, value: float) -> None:
    series += [0.0] * (bucket + 1 - len(series))
    series[bucket] += value


def _padded(series: list[float], length: int) -> list[float]:
    return series + [0.0] * (length - len(series))


def _pairs(series: list[Any], filler: Any) -> list[tuple[Any, Any]]:
    even = series + [filler] * (len(series) % 2)
    return list(zip(even[::2], even[1::2], strict=True))

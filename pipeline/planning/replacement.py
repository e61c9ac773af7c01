"""Describe the finished captions of another config that a run would replace.

Captions cost money, so a run that would replace some stops before it writes anything, unless this is allowed. If a
source changed, its captions describe a file that no longer exists and are replaced without confirmation. So are the
captions of videos named by `--recaption` or `longcap retry`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pipeline.terminal.errors import UsageError

RUNS_SHOWN = 3
_DIFFERENCES_SHOWN = 6


class WouldReplace(UsageError):
    """A run would replace finished captions without permission."""


@dataclass(frozen=True, kw_only=True)
class Replacement:
    """What a run would replace or remove, and what else it would change without confirmation.

    Attributes:
        captioned: ids of videos whose long caption has another captioner's settings: captioned and narrated again.
        narrated: ids of videos with captions of this captioner whose long caption has other settings: narrated again.
        partial: ids of videos without a long caption, with segments captioned with other settings.
        removed: ids of videos whose long caption would be removed without a new one: the filter excludes their
                duration, or `run.on_incomplete` is fail now and segments of them failed.
        updated: ids of videos with a long caption whose source has changed since; needs no confirmation.
        moved_out, moved_back: number of long captions that move unchanged to the table `filtered`, and back to the
                dataset; needs no confirmation.
        tables: further table -> number of videos whose rows in it are made again; needs no confirmation.
        hours: hours of video in the first four.
        segments: number of superseded captioned segments.
        windows: number of captioned windows in the long captions with another captioner's settings.
        tokens, cost_usd: usage of the engines for everything that is replaced, according to the rows.
        runs: run_id -> number of videos for which it made what is replaced, largest first.
        settings: run_id -> the settings in which that run differs; empty if none differs.
    """

    captioned: tuple[str, ...] = ()
    narrated: tuple[str, ...] = ()
    partial: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    updated: tuple[str, ...] = ()
    moved_out: int = 0
    moved_back: int = 0
    tables: dict[str, int] = field(default_factory=dict)
    hours: float = 0.0
    segments: int = 0
    windows: int = 0
    tokens: int = 0
    cost_usd: float = 0.0
    runs: dict[str, int] = field(default_factory=dict)
    settings: dict[str, tuple[str, ...]] = field(default_factory=dict)

    @property
    def asks(self) -> bool:
        """Whether anything that cost money would be replaced or removed."""
        return bool(self.captioned or self.narrated or self.partial or self.removed)

    @property
    def text(self) -> str:
        """Describe in one line what would be replaced, which config made it, and what it cost."""
        finished = len(self.captioned) + len(self.narrated) + len(self.removed)
        what = [f"{finished} finished long caption{'s'[: finished != 1]}"] if finished else []
        if self.partial:
            what.append(f"the captions of {len(self.partial)} unfinished video{'s'[: len(self.partial) != 1]}")
        again = [f"{len(self.captioned)} captioned and narrated again"] if self.captioned else []
        again += [f"{len(self.narrated)} narrated again"] if self.narrated else []
        again += [f"{len(self.removed)} removed"] if self.removed else []
        paid = [f"{self.segments} segments"] if self.segments else []
        paid += [f"{self.windows} window captions"] if self.windows else []
        paid += [f"{self.tokens} tokens"] if self.tokens else []
        paid += [f"{self.cost_usd:.2f} USD"] if self.cost_usd else []
        return (
            f"{' and '.join(what)} ({self.hours:.2f} h{': ' if again else ''}{', '.join(again)}), made by "
            f"{self._makers}{'; spent on them: ' if paid else ''}{', '.join(paid)}"
        )

    @property
    def _makers(self) -> str:
        parts = []
        for run_id, count in list(self.runs.items())[:RUNS_SHOWN]:
            settings = self.settings.get(run_id)
            if settings is None:
                how = "its config.yaml is not readable"
            elif settings:
                more = len(settings) - _DIFFERENCES_SHOWN
                how = ", ".join(settings[:_DIFFERENCES_SHOWN]) + (f" and {more} more" if more > 0 else "")
            elif self.removed:
                how = "the same captioner and narrator"
            else:
                how = "the same settings; other versions of prompts, operators or engines"
            parts.append(f"run {run_id} ({count} video{'s'[: count != 1]}; {how})")
        rest = len(self.runs) - RUNS_SHOWN
        return ", ".join(parts) + (f" and {rest} more runs" if rest > 0 else "")

    def refusal(self, out: str) -> str:
        """Return why the run stops, and what to do."""
        other = f"{out.rstrip('/')}-2"
        return (
            f"{out} holds {self.text}. This run would replace them: use --replace (in Python replace=True) to allow "
            f"it, or write to another place, such as -o {other}"
        )

    @property
    def notes(self) -> list[str]:
        """Return the other changes, one line each."""
        lines = []
        if self.updated:
            count = len(self.updated)
            lines.append(f"{count} finished video{'s'[: count != 1]} whose source has changed: captioned again")
        if self.moved_out or self.moved_back:
            lines.append(
                f"filter: {self.moved_out} finished long captions move to filtered/, {self.moved_back} move back to "
                "dataset/; nothing is captioned again"
            )
        for name, count in self.tables.items():
            lines.append(
                f"table {name}: the rows of {count} video{'s'[: count != 1]} are made again, because its settings, the "
                "source or the rows that they were made from have changed"
            )
        return lines

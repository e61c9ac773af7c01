"""Print the figures of a run of `bench/gpu.sh` as a table, from its reports, logs and GPU samples.

python -m bench.gpu_summary FOLDER
"""

from __future__ import annotations

import csv
import json
import sys
from pathlib import Path
from typing import Any


def captioning(folder: Path) -> list[str]:
    """Return one line per output of captions."""
    lines = [
        f"{'run':14}{'video-h':>9}{'wall s':>8}{'captions/GPU-h':>16}{'video-h/GPU-h':>15}{'engine s':>10}{'GPU %':>7}"
    ]
    for out in sorted(folder.glob("captions-*")):
        name = out.name.removeprefix("captions-")
        reports = sorted(out.glob("runs/*/report.json"))
        if not reports:
            lines.append(f"{name:14} no report: see {name}.log")
            continue
        report = json.loads(reports[-1].read_text())
        shown = [_number(report.get(key)) for key in ("captions_per_gpu_hour", "video_hours_per_gpu_hour", "engine_s")]
        busy = busy_share(folder / f"{name}.gpu.csv")
        lines.append(
            f"{name:14}{report['video_hours']:9.3f}{report['elapsed_s']:8.0f}{shown[0]:>16}{shown[1]:>15}{shown[2]:>10}"
            f"{'-' if busy is None else f'{busy:.0f}':>7}"
        )
    return lines


def busy_share(samples: Path) -> float | None:
    """Return the mean utilization of all GPUs in %, from the first to the last busy second; None if never busy."""
    if not samples.exists():
        return None
    seconds: dict[str, list[float]] = {}
    for row in csv.reader(samples.read_text().splitlines()):
        if len(row) >= 3 and row[2].strip().isdigit():
            seconds.setdefault(row[0].strip(), []).append(float(row[2]))
    means = [sum(some) / len(some) for some in seconds.values()]
    at_work = [k for k, mean in enumerate(means) if mean > 0]
    if not at_work:
        return None
    span = means[at_work[0] : at_work[-1] + 1]
    return sum(span) / len(span)


def _number(value: Any) -> str:
    return "-" if value is None else f"{value:.1f}"


def main() -> None:
    folder = Path(sys.argv[1])
    print("\n".join(captioning(folder)))
    for name in ("decode", "throughput", "caches"):
        log = folder / f"{name}.log"
        if log.exists():
            print(f"\n{name}\n{log.read_text().rstrip()}")


if __name__ == "__main__":
    main()

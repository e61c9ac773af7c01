"""Decode frames of a video by time and inspect a video: `longcap frames`, `longcap probe`, and their Python functions.

Decoding runs in child processes, as in a run, so that a file that hangs or crashes a decoder only raises an error.
"""

from __future__ import annotations

import io
import math
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import asdict, dataclass, field
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any

from cluster.own_files import check_own
from operators.core.addresses import redacted
from operators.core.atomic import replace_file
from operators.core.base import ItemError, Row
from operators.core.folders import make_folder
from operators.core.text import printable
from operators.video.frames import LOOK_JOB, SAMPLE_JOB, SIGNALS_JOB
from operators.video.isolation import DecodeChild
from operators.video.protocol import LAST_RESORTS, Backend
from operators.video.size import Size
from operators.video.split import part_count, split_times
from pipeline.sources.files import path_of
from pipeline.terminal.errors import RunFailed, UsageError
from pipeline.terminal.printing import echo, echo_json, json_text

if TYPE_CHECKING:
    import numpy as np

_AT_ONCE = 32  # frames per request to a decoder, which bounds memory
_CUT_SPAN_S = 120.0
_CUT_OVERLAP_S = 2.0  # cut detection looks at most 1.5 s around a cut
_STRIP_FRAMES = 12
_CHAIN: tuple[Backend, ...] = ("pyav", "pyav", *LAST_RESORTS)


@dataclass(frozen=True, kw_only=True)
class Frame:
    """One frame of a video.

    Attributes:
        requested_s: the requested time, seconds from the first presented frame.
        pts_s: the container's presentation time of the frame, seconds.
        time_s: the presentation time, seconds from the first presented frame.
        duration_s: how long the frame is shown, seconds.
        pixels: RGB, uint8, shape (height, width, 3), upright, square pixels.
    """

    requested_s: float
    pts_s: float
    time_s: float
    duration_s: float
    pixels: np.ndarray[Any, Any] = field(repr=False)

    def save(self, path: str | Path) -> None:
        """Write the frame as an image; the suffix gives the format."""
        from PIL import Image

        Image.fromarray(self.pixels).save(path)


@dataclass(frozen=True, kw_only=True)
class Look:
    """The facts of a video that are known without captioning it.

    Attributes:
        uri: uri of the video.
        facts: the columns `operators.core.rows.VIDEO_FACTS`.
        keyframes_s: times of its keyframes, seconds from the first presented frame.
        cuts_s: times of its hard cuts, seconds; None if they were not detected.
    """

    uri: str
    facts: Row
    keyframes_s: list[float]
    cuts_s: list[float] | None


def frames(
    video: str | os.PathLike[str],
    at: Sequence[float] | None = None,
    *,
    every_s: float | None = None,
    count: int | None = None,
    size: int | Size | None = None,
    workers: int | None = None,
) -> Iterator[Frame]:
    """Return the frames on screen at the given times, ordered by time, exact in every format.

    Args:
        video: a path or anything that fsspec opens.
        at: times, seconds from the first presented frame, any order.
        every_s: alternative to `at`: one frame every `every_s` seconds.
        count: alternative to `at`: `count` frames, each in the middle of one of `count` equal parts.
        size: short side in pixels, or a rule; None keeps the size of the video.
        workers: processes that share a long video; None starts one per core, fewer if the parts would be short.

    Raises:
        UsageError: not exactly one of `at`, `every_s` and `count` is given, or a time is negative.
        ItemError: the video cannot be read. A time past its end yields no frame.
    """
    if sum(wish is not None for wish in (at, every_s, count)) != 1:
        raise UsageError("frames needs exactly one of at, every_s and count")
    if at is not None and any(not t >= 0 for t in at):
        raise UsageError(f"at holds {min(at)}; times are seconds from the first frame, 0 or above")
    if (every_s is not None and not every_s > 0) or (count is not None and count < 1):
        raise UsageError("every_s must be above 0 and count at least 1")
    rule = Size(short_side_px=size) if isinstance(size, int) else size
    return _frames(os.fspath(video), (at, every_s, count), rule, workers or os.cpu_count() or 1)


def probe(video: str | os.PathLike[str], *, cuts: bool = True) -> Look:
    """Return facts and keyframes of a video and, if `cuts` is set, its cuts, which need a full decode.

    Raises:
        ItemError: the video cannot be read.
    """
    video = os.fspath(video)
    with DecodeChild() as child:
        found = child.run(LOOK_JOB, uri=video)
        return Look(uri=redacted(video), cuts_s=_cuts(child, video, found["facts"]) if cuts else None, **found)


def _frames(
    video: str, wish: tuple[Sequence[float] | None, float | None, int | None], size: Size | None, workers: int
) -> Iterator[Frame]:
    at, every_s, count = wish
    with ExitStack() as stack:
        child = stack.enter_context(DecodeChild())
        facts = child.run("operators.video.facts:probe", uri=video)
        duration_s = facts["duration_s"]
        if every_s is not None:
            at = [k * every_s for k in range(math.ceil(duration_s / every_s - 1e-6))]
        elif count is not None:
            at = [(k + 0.5) * duration_s / count for k in range(count)]
        times_s = sorted({t for t in at or () if t < duration_s})
        if not times_s:
            return
        span_s = times_s[-1] - times_s[0]
        parts = split_times(times_s, part_count(span_s, facts["keyframe_interval_s"], workers=workers))
        children = [child, *(stack.enter_context(DecodeChild()) for _ in parts[1:])]
        pool = stack.enter_context(ThreadPoolExecutor(len(parts)))
        known = {name: facts[name] for name in ("first_pts_s", "parts")}
        jobs: dict[str, Any] = {"uri": video, "size": size, **known}
        # the first part is yielded while the others are decoded; each is at most one batch ahead
        pending = [_Batches(pool, one, jobs, part) for one, part in zip(children, parts, strict=True)]
        for batches in pending:
            for batch in batches:
                yield from (Frame(**found) for found in batch)


class _Batches:
    """The frames of one part in batches; the next batch is decoded while the current one is used."""

    def __init__(
        self, pool: ThreadPoolExecutor, child: DecodeChild, jobs: dict[str, Any], times_s: list[float]
    ) -> None:
        self._pool, self._child, self._jobs = pool, child, jobs
        self._left = [times_s[k : k + _AT_ONCE] for k in range(0, len(times_s), _AT_ONCE)]
        self._next = self._submit()

    def __iter__(self) -> Iterator[list[Row]]:
        while self._next is not None:
            found = self._next.result()
            self._next = self._submit()
            yield found

    def _submit(self) -> Any:
        return self._pool.submit(self._decode, self._left.pop(0)) if self._left else None

    def _decode(self, times_s: list[float]) -> list[Row]:
        tries = [(b, SAMPLE_JOB, {**self._jobs, "backend": b, "times_s": times_s}) for b in _CHAIN]
        found: list[Row] = self._child.run_first(tries)[0]
        return found


def _cuts(child: DecodeChild, video: str, facts: Row) -> list[float]:
    from operators.analysis.cuts import find_cuts
    from operators.analysis.signals import read_signals

    found: set[float] = set()
    start_s = 0.0
    while start_s < facts["duration_s"]:
        end_s = min(facts["duration_s"], start_s + _CUT_SPAN_S)
        wide = {
            "start_s": max(0.0, start_s - _CUT_OVERLAP_S),
            "end_s": min(facts["duration_s"], end_s + _CUT_OVERLAP_S),
        }
        job = {"uri": video, "first_pts_s": facts["first_pts_s"], "parts": facts["parts"], **wide}
        signals = child.run_first([(b, SIGNALS_JOB, {**job, "backend": b}) for b in _CHAIN])[0]
        thumbs = read_signals(signals)
        found |= {cut for cut in (find_cuts(thumbs) if thumbs else []) if start_s <= cut < end_s}
        start_s = end_s
    return sorted(found)


# -- commands --------------------------------------------------------------------------------------------------------


def frames_command(
    *,
    video: str,
    at: str | None,
    every: float | None,
    count: int | None,
    size: int | None,
    out: str,
    as_json: bool,
    force: bool = False,
) -> int:
    """Write PNG files and print the source of each."""
    times = _times(at) if at is not None else None
    try:
        wanted = frames(video, times, every_s=every, count=count, size=size)
    except ValueError as error:
        raise UsageError("longcap frames needs exactly one of --at, --every and --count") from error
    folder = Path(out)
    make_folder(folder)
    stem = PurePosixPath(path_of(redacted(video))).stem
    had = set()
    for frame in wanted:
        path = folder / f"{stem}_{frame.requested_s:010.3f}.png"
        _check_own(path, force=force)
        _save_png(frame.pixels, path)
        had.add(frame.requested_s)
        record = {"requested_s": frame.requested_s, "pts_s": frame.pts_s, "file": str(path)}
        echo(
            json_text(record, indent=None) if as_json else f"{frame.requested_s:10.3f} s  pts {frame.pts_s:.3f}  {path}"
        )
    missing = [t for t in sorted(set(times or ())) if t not in had]
    if missing:
        listed = ", ".join(f"{t:g}" for t in missing[:5])
        raise RunFailed(
            f"{video} has no frame at {listed} s: past its end, or damaged; see longcap probe for its length"
        )
    return 0


def probe_command(*, video: str, as_json: bool, quick: bool, strip: str | None, force: bool = False) -> int:
    """Print the facts of a video; write a strip of thumbnails if `strip` is given."""
    if strip is not None:
        _check_own(Path(strip), force=force)
    found = probe(video, cuts=not quick)
    if strip is not None:
        _strip(video, strip)
    if as_json:
        echo_json(asdict(found) | {"strip": strip})
    else:
        echo(_text(found, strip))
    return 0


def _times(listed: str) -> list[float]:
    try:
        times = [float(part) for part in listed.split(",") if part.strip()]
    except ValueError:
        times = [-1.0]
    if not times or any(not (t >= 0 and math.isfinite(t)) for t in times):
        raise UsageError(f"--at is {listed!r}; it must be seconds from the first frame, such as --at 0.5,3,7.25")
    return times


def _strip(video: str, path: str) -> None:
    import numpy as np

    images = [f.pixels for f in frames(video, count=_STRIP_FRAMES, size=96)]
    if not images:
        raise ItemError("undecodable", f"{video}: no frame can be decoded")
    _save_png(np.concatenate(images, axis=1), Path(path))


_SOFTWARE = "longcap"


def _save_png(pixels: np.ndarray[Any, Any], path: Path) -> None:
    """Write a PNG file whose metadata names Longcap as its writer."""
    from PIL import Image
    from PIL.PngImagePlugin import PngInfo

    info, whole = PngInfo(), io.BytesIO()
    info.add_text("Software", _SOFTWARE)
    Image.fromarray(pixels).save(whole, format="PNG", pnginfo=info)
    replace_file(path, whole.getvalue())


def _check_own(path: Path, *, force: bool) -> None:
    """Refuse to replace a file that Longcap has not written."""
    try:
        check_own([path], lambda _, found: b"tEXtSoftware\0" + _SOFTWARE.encode() in found[:256], force=force)
    except FileExistsError as error:
        raise UsageError(str(error)) from error


def _text(found: Look, strip: str | None) -> str:
    facts = found.facts
    turned = f", turned by {facts['rotation_deg']}°" if facts["rotation_deg"] else ""
    late = f", first pts {facts['first_pts_s']:g} s" if facts["first_pts_s"] else ""
    lines = [
        printable(found.uri),
        f"  {facts['container']} {facts['codec']}, {facts['width_px']}x{facts['height_px']}{turned}, "
        f"{facts['fps']:.6g} frames a second",
        f"  {facts['duration_s']:.3f} s{late}, {'with' if facts['has_audio'] else 'without'} sound",
        f"  {_listed(found.keyframes_s, 'keyframe')}",
    ]
    if facts["discontinuities"]:
        times = "once" if facts["discontinuities"] == 1 else f"{facts['discontinuities']} times"
        lines.append(f"  its timestamps jump {times}; times are made continuous")
    if facts["incomplete"]:
        lines.append(f"  incomplete: {facts['incomplete']}")
    if found.cuts_s is not None:
        lines.append(f"  {_listed(found.cuts_s, 'cut')}")
    if strip is not None:
        lines.append(f"  thumbnails: {strip}")
    return "\n".join(lines)


def _listed(times_s: Sequence[float], what: str) -> str:
    first = ", ".join(f"{t:.3f}" for t in times_s[:10])
    more = f", … and {len(times_s) - 10} more" if len(times_s) > 10 else ""
    return f"{len(times_s)} {what}{'' if len(times_s) == 1 else 's'}" + (f": {first}{more}" if times_s else "")

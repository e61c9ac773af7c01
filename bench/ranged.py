"""Measure the bytes read for a long video on S3, segment by segment, as a multiple of the file.

    python -m bench.ranged FILE [--segment 120] [--warm-up 1] [--only Longcap]

FILE is put on a real S3 server on this machine, behind a proxy that counts requests and bytes. Each segment is read
separately, as by another worker: by the operator `decode`, completely, and by other ways to give FFmpeg a remote file,
which only demultiplex the part that `decode` would decode.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import av
import s3fs
from pyarrow import fs

from operators.core.grid import Grid
from operators.video.decode import Decode
from operators.video.facts import probe
from tests.support import s3
from tests.support.proxy import BadNetwork

Span = dict[str, float]


def cut(duration_s: float, segment_s: float, warm_up_windows: int) -> list[Span]:
    """Return the segments as a run divides them, with the decoded span of each."""
    grid = Grid(duration_s)
    found = []
    for own in grid.segments(segment_s):
        wide = grid.decode_span(own, warm_up_windows)
        decode = {"decode_start_s": wide.start_s, "decode_end_s": wide.end_s}
        found.append({"start_s": own.start_s, "end_s": own.end_s, **decode})
    return found


def ours(uri: str, segments: list[Span]) -> None:
    facts = probe(uri)
    with Decode().open() as decode:
        for segment in segments:
            found = decode({"uri": uri, **facts, **segment})
            assert found["decode"]["decoded_s"] > 0.99 * found["decode"]["expected_s"]


def _demultiplexed(opened: Callable[[str], Any]) -> Callable[[str, list[Span]], None]:
    def read(uri: str, segments: list[Span]) -> None:
        for segment in segments:
            with opened(uri) as file, av.open(file) as container:
                stream = container.streams.video[0]
                container.seek(int(segment["decode_start_s"] / stream.time_base), stream=stream)
                for packet in container.demux(stream):
                    if packet.dts is not None and packet.dts * stream.time_base > segment["decode_end_s"]:
                        break

    return read


def _s3fs(**options: Any) -> Callable[[str], Any]:
    def opened(uri: str) -> Any:
        files = s3fs.S3FileSystem(endpoint_url=os.environ["AWS_ENDPOINT_URL"], skip_instance_cache=True)
        return files.open(uri, "rb", **options)

    return opened


def _arrow(uri: str) -> Any:
    scheme, _, host = os.environ["AWS_ENDPOINT_URL"].rpartition("://")
    return fs.S3FileSystem(endpoint_override=host, scheme=scheme).open_input_file(uri.removeprefix("s3://"))


@contextmanager
def _copied(uri: str) -> Iterator[Any]:
    with tempfile.NamedTemporaryFile() as copy:
        s3fs.S3FileSystem(endpoint_url=os.environ["AWS_ENDPOINT_URL"], skip_instance_cache=True).get(uri, copy.name)
        yield copy


WAYS: dict[str, Callable[[str, list[Span]], None]] = {
    "Longcap": ours,
    "s3fs as it is": _demultiplexed(_s3fs()),
    "s3fs, blocks of 5 MiB": _demultiplexed(_s3fs(block_size=5 * 2**20)),
    "Arrow as it is": _demultiplexed(_arrow),
    "a copy a segment": _demultiplexed(_copied),
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--segment", type=float, default=120.0, help="seconds")
    parser.add_argument("--only", default="", help="part of the name of a method")
    parser.add_argument("--warm-up", type=int, default=1, help="windows before a segment")
    options = parser.parse_args()
    size = options.file.stat().st_size
    with tempfile.TemporaryDirectory() as folder, s3.serve(Path(folder)) as server:
        os.environ |= server.environment | {"TMPDIR": folder}
        tempfile.tempdir = folder
        uri = f"{server.uri}/{options.file.name}"
        s3fs.S3FileSystem(endpoint_url=server.endpoint, skip_instance_cache=True).put(str(options.file), uri)
        duration_s = probe(str(options.file))["duration_s"]
        segments = cut(duration_s, options.segment, options.warm_up)
        print(f"{options.file.name}: {size / 1e6:.0f} MB, {duration_s:.0f} s, {len(segments)} segments")
        for name, way in ((n, w) for n, w in WAYS.items() if options.only in n):
            with BadNetwork(server.endpoint, seed=0, rates={}) as network:
                os.environ["AWS_ENDPOINT_URL"] = network.endpoint
                way(uri, segments)
            moved, asked = network.answered_bytes, network.requests
            print(
                f"  {name:22} {moved / size:6.2f} x the file  {asked / len(segments):6.1f} requests a segment",
                flush=True,
            )


if __name__ == "__main__":
    main()

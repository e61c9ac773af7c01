"""WebDataset: tar files in which a sample is a group of neighbouring members `KEY.mp4`, `KEY.txt`, `KEY.json`.

It is read by webdataset, the `webdataset` builder of Hugging Face datasets, users of video2dataset and, after `energon
prepare`, Megatron-Energon. Everything before the first dot of a member's name is the key, so keys have no dots.
"""

from __future__ import annotations

import io
import json
import re
import tarfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar

from operators.core.storage import file_system, open_binary
from pipeline.export.base import Export, Media, Problem, Row, Sample, Shard, Spans, Unfit, Unit
from pipeline.export.folder import Folder
from pipeline.export.formats.tables import row_of
from pipeline.export.plan import STATE

_KEY = re.compile(r"^([^.]+)\.(.+)$")
_VIDEOS = frozenset({"mp4", "mkv", "mov", "avi", "webm", "m4v", "mpg", "mpeg", "ts"})
_NV = ".nv-meta"
_MOST = 10_000  # tar files that Megatron-Energon accepts
_DATASET = "__module__: megatron.energon\n__class__: CrudeWebdataset\n"


@dataclass(frozen=True, kw_only=True)
class WebDataset(Export):
    """`SPLIT-NNNNN.tar`, one per shard, with headers that depend on the content only, so equal shards have equal
    hashes.

    Every video is named `KEY.mp4` whatever its container: loaders require the same parts in every sample, and decoders
    recognise a container by its first bytes. The json part has the name of the source.

    Args:
        energon: also write `.nv-meta/dataset.yaml`; `energon prepare` makes the other files.
        texts_only: leave the videos out of the tar files; the json part has their locations.
    """

    units: ClassVar[tuple[Unit, ...]] = ("video", "section", "window", "sentence")
    spans: ClassVar[tuple[Spans, ...]] = ("cut", "text")
    media: ClassVar[tuple[Media, ...]] = ("path",)

    energon: bool = True
    texts_only: bool = False

    def media_path(self, sample_key: str, split: str, suffix: str) -> str:
        return f"{STATE}/clips/{sample_key}{suffix}"  # only until the shard is written

    def rows(self, sample: Sample) -> Sequence[Row]:
        if not sample.text.strip():
            raise Unfit("its text is empty")
        name = f"{sample.key}.mp4"
        if sample.span is not None and not self.texts_only:
            raise Unfit("each sample needs its own video; use --spans cut, or texts_only=true with --spans text")
        said = row_of(sample)
        return [(name, {**said, "video": sample.media if self.texts_only else name})]

    def text_of(self, row: Row) -> str:
        return str(row[1]["caption"])

    def write(self, rows: Iterable[tuple[Sample, Row]], shard: Shard) -> list[str]:
        path = f"{shard.name}.tar"
        clips = []
        with (
            shard.folder.writing(path) as file,
            tarfile.open(fileobj=file, mode="w|", format=tarfile.PAX_FORMAT) as tar,
        ):
            for sample, (name, said) in rows:
                if not self.texts_only:
                    place = shard.folder.at(sample.media) if sample.relative else sample.media
                    try:
                        _add_file(tar, name, place)
                    except FileNotFoundError:
                        shard.left_out.append(Problem(sample.key, f"the video no longer exists at {place}"))
                        continue
                _add(tar, f"{sample.key}.txt", sample.text.encode())
                _add(tar, f"{sample.key}.json", json.dumps(said, ensure_ascii=False, indent=1).encode())
                if sample.relative:
                    clips.append(sample.media)
        shard.folder.remove(clips)
        return [path]

    def finish(self, folder: Folder, shards: Mapping[str, Sequence[str]]) -> list[str]:
        if not self.energon:
            return []
        splits = "".join(f"# {name}: {len(files)} shards\n" for name, files in shards.items())
        return [folder.write(f"{_NV}/dataset.yaml", f"{splits}{_DATASET}")]

    def check(self, folder: Folder) -> Iterator[Problem]:
        tars = [path for path in folder.files() if path.endswith(".tar") and not path.startswith(f"{STATE}/")]
        if not tars:
            yield Problem(folder.uri, "there is no tar file")
        if self.energon and len(tars) >= _MOST:
            why = (
                f"it has {len(tars):,} tars; Megatron-Energon needs fewer than {_MOST:,}; give a larger --shard-videos"
            )
            yield Problem(folder.uri, why)
        keys: dict[str, str] = {}
        for path in tars:
            try:
                yield from self._tar_faults(folder, path, keys)
            except tarfile.TarError as error:
                yield Problem(path, f"it cannot be read: {error}")

    def _tar_faults(self, folder: Folder, path: str, keys: dict[str, str]) -> Iterator[Problem]:
        parts: list[str] | None = None
        key: str | None = None
        mine: list[str] = []
        with folder.open(path) as file, tarfile.open(fileobj=file, mode="r|") as tar:
            for member in tar:
                if not member.isfile():
                    continue
                found = _KEY.match(member.name.rsplit("/", 1)[-1])
                if found is None:
                    yield Problem(f"{path}: {member.name}", "its name has no suffix; loaders skip it")
                    continue
                if "/" in member.name:
                    yield Problem(f"{path}: {member.name}", "its name has a folder, which becomes part of the key")
                if found[1] != key:
                    if key is not None and parts is None:
                        parts = sorted(mine)
                    elif key is not None and sorted(mine) != parts:
                        yield Problem(f"{path}: {key}", f"it has {sorted(mine)}; the first sample has {parts}")
                    key, mine = found[1], []
                    if key in keys:
                        where = "its parts are not neighbours" if keys[key] == path else f"it is also in {keys[key]}"
                        yield Problem(f"{path}: {key}", f"{where}; loaders read two samples")
                    keys[key] = path
                if found[2] in mine:
                    yield Problem(f"{path}: {member.name}", "it appears twice in its sample; the loader stops")
                if found[2].count(".") and found[2].rsplit(".", 1)[-1].lower() in _VIDEOS:
                    yield Problem(
                        f"{path}: {member.name}", "its key has a dot; the rest of it becomes part of the suffix"
                    )
                mine.append(found[2])
                yield from (Problem(f"{path}: {member.name}", why) for why in _member_faults(tar, member))
        if key is not None and parts is not None and sorted(mine) != parts:
            yield Problem(f"{path}: {key}", f"it has {sorted(mine)}; the first sample has {parts}")
        if key is None:
            yield Problem(path, "it contains no sample")

    def use(self, folder: Folder) -> list[str]:
        lines = [
            f"webdataset, {name}: wds.WebDataset({folder.at(f'{name}-{{00000..NNNNN}}.tar')!r})"
            for name in _splits(folder)
        ]
        if self.energon:
            # energon matches these as regular expressions, after expanding braces; it ignores tars of no split
            parts = "".join(f"--split-parts '{name}:{name}-[0-9]+[.]tar' " for name in _splits(folder))
            lines.append(
                f"Megatron-Energon: energon prepare --non-interactive {parts}"
                f"--sample-type CrudeWebdataset --media-metadata-by-extension {folder.uri}"
            )
        return lines


def _splits(folder: Folder) -> list[str]:
    """Return the splits of an export that have a tar, with train before the others."""
    names = {path.rpartition("-")[0] for path in folder.files() if path.endswith(".tar") and "/" not in path}
    return sorted(names, key=lambda name: (name != "train", name))


def _member_faults(tar: tarfile.TarFile, member: tarfile.TarInfo) -> Iterator[str]:
    if not member.size:
        yield "it is empty"
        return
    suffix = member.name.rsplit(".", 1)[-1]
    if suffix in ("json", "txt"):
        file = tar.extractfile(member)
        data = file.read() if file else b""
        try:
            json.loads(data) if suffix == "json" else data.decode()
        except ValueError:
            yield "it is not valid JSON" if suffix == "json" else "it is not UTF-8"


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    tar.addfile(_info(name, len(data)), io.BytesIO(data))


def _add_file(tar: tarfile.TarFile, name: str, place: str) -> None:
    files, there = file_system(place)
    with open_binary(place) as file:
        tar.addfile(_info(name, int(files.info(there)["size"])), file)


def _info(name: str, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = size, 0, 0o644
    return info

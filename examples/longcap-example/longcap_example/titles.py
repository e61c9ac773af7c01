"""Videos and their titles, a line each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import ClassVar

from pipeline.export.base import Export, Problem, Row, Sample, Shard, Unfit, Unit
from pipeline.export.folder import Folder


@dataclass(frozen=True, kw_only=True)
class Titles(Export):
    """Lines of a path, a tab and the title that the table `headlines` has."""

    version: ClassVar[int] = 1
    units: ClassVar[tuple[Unit, ...]] = ("video",)

    @property
    def reads_table(self) -> str:
        return "headlines"

    def rows(self, sample: Sample) -> Sequence[Row]:
        if not sample.beside:
            raise Unfit("the table headlines has no row of it")
        title = " ".join(str(sample.beside[0]["headline"]).split())
        return [f"{sample.media}\t{title}"]

    def write(self, rows: Iterable[tuple[Sample, Row]], shard: Shard) -> list[str]:
        path = f"{shard.name}.tsv"
        with shard.folder.writing(path) as file:
            for _, row in rows:
                file.write(f"{row}\n".encode())
        return [path]

    def check(self, folder: Folder) -> Iterator[Problem]:
        for path in folder.files():
            for number, line in enumerate(folder.lines(path) if path.endswith(".tsv") else (), 1):
                if line.count(b"\t") != 1 or line.strip().endswith(b"\t"):
                    yield Problem(f"{path}:{number}", "it is not a path, a tab and a title")

"""The limits of the decoding process, as fields that the operators of the pool `decode` share."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from operators.core.base import SIZING, Operator
from operators.video.isolation import DecodeChild


@dataclass(frozen=True, kw_only=True)
class Isolated(Operator):
    """An operator whose work runs in a child process that is ended when it passes one of these limits."""

    no_progress_s: Annotated[
        float,
        SIZING,
        Field(gt=0, description="seconds without a packet or frame, while input is there, after which decoding ends"),
    ] = 30.0
    cpu_limit_s: Annotated[
        float,
        SIZING,
        Field(gt=0, description="CPU seconds for one item; a two-minute segment of 1080p takes 3 to 20"),
    ] = 600.0
    memory_limit_bytes: Annotated[
        int,
        SIZING,
        Field(gt=0, description="resident bytes of the decoding process; 50 to 300 MB is usual, 8K video needs more"),
    ] = 2**30
    storage_timeout_s: Annotated[
        float,
        SIZING,
        Field(gt=0, description="seconds that one read from storage may take before storage is blamed"),
    ] = 120.0
    time_limit_s: Annotated[
        float,
        SIZING,
        Field(gt=0, description="wall-clock seconds for one item, whatever it waits for: storage that drips ends here"),
    ] = 3600.0
    recycle_after: Annotated[
        int,
        SIZING,
        Field(gt=0, description="items after which the decoding process is replaced, against slow leaks"),
    ] = 200

    def child(self) -> DecodeChild:
        """A child process with these limits; starts at its first job."""
        return DecodeChild(
            no_progress_s=self.no_progress_s,
            cpu_limit_s=self.cpu_limit_s,
            memory_limit_bytes=self.memory_limit_bytes,
            storage_timeout_s=self.storage_timeout_s,
            time_limit_s=self.time_limit_s,
            recycle_after=self.recycle_after,
        )

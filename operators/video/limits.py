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
        Field(
            gt=0,
            description="time in s without a packet or frame, while input is available, after which decoding is "
            "stopped",
        ),
    ] = 30.0
    cpu_limit_s: Annotated[
        float,
        SIZING,
        Field(gt=0, description="maximum CPU seconds for one item; a two-minute segment of 1080p takes 3 to 20"),
    ] = 600.0
    memory_limit_bytes: Annotated[
        int,
        SIZING,
        Field(
            gt=0, description="maximum resident bytes of the decoding process; usually 50 to 300 MB, more for 8K video"
        ),
    ] = 2**30
    storage_timeout_s: Annotated[
        float,
        SIZING,
        Field(
            gt=0, description="maximum time in s of one read from storage; longer reads count as a failure of storage"
        ),
    ] = 120.0
    time_limit_s: Annotated[
        float,
        SIZING,
        Field(gt=0, description="maximum wall-clock time in s for one item, including slow storage"),
    ] = 3600.0
    recycle_after: Annotated[
        int,
        SIZING,
        Field(
            gt=0, description="number of items after which the decoding process is replaced, which limits memory leaks"
        ),
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

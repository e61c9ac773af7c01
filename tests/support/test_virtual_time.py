from __future__ import annotations

import asyncio

import pytest

from tests.support.virtual_time import run


def test_the_clock_jumps_and_timers_keep_their_order() -> None:
    async def main() -> list[tuple[str, float]]:
        told: list[tuple[str, float]] = []

        async def after(delay_s: float, name: str) -> None:
            await asyncio.sleep(delay_s)
            told.append((name, asyncio.get_running_loop().time()))

        await asyncio.gather(after(3600, "hour"), after(0.5, "half"), after(86400, "day"), after(1, "second"))
        return told

    told = run(main())
    assert [name for name, _ in told] == ["half", "second", "hour", "day"]
    assert [at for _, at in told] == pytest.approx([0.5, 1, 3600, 86400])


def test_what_would_wait_for_ever_is_an_error() -> None:
    async def main() -> None:
        await asyncio.get_running_loop().create_future()

    with pytest.raises(RuntimeError, match="deadlock"):
        run(main())

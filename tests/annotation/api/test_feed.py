"""Leaving a live stream at any instant ends it: nothing goes on for a reader who is not there."""

from __future__ import annotations

import asyncio
import time

import pytest

from annotation import progress
from annotation.api.events import Feed
from tests.waiting import AT_ONCE_S, PATIENCE_S


@pytest.mark.parametrize("steps", [60])
def test_a_reader_may_leave_at_any_moment(redis_emptied: str, steps: int) -> None:
    """redis-py swallows a cancellation that meets it connecting; ours must not be lost."""

    async def leave_after(seconds: float) -> float:
        feed = Feed(progress.stream_key(1), "0-0")

        async def follow() -> None:
            await feed.last_id()
            await feed.next(PATIENCE_S)

        following = asyncio.create_task(follow())
        await asyncio.sleep(seconds)
        following.cancel()
        left = time.monotonic()
        with pytest.raises(asyncio.CancelledError):
            await following
        await feed.close()
        return time.monotonic() - left

    async def run() -> list[float]:
        return [await leave_after(step * 0.0002) for step in range(steps)]

    assert max(asyncio.run(run())) < AT_ONCE_S

"""Responses that are made while they are sent, and end the moment their reader leaves."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Iterator
from contextlib import aclosing
from typing import Any

from django.http import StreamingHttpResponse

from annotation.api.base import in_thread


class Streamed(StreamingHttpResponse):
    """Send what an asynchronous generator yields, and close it as soon as nobody reads any more.

    Django closes only its own wrapper and leaves the generator to the garbage collector. A view and its
    request hold each other, so on a quiet site that is never, and the generator's file or connection
    stays open.
    """

    def __init__(self, source: AsyncGenerator[bytes, None], *args: Any, **kwargs: Any) -> None:
        super().__init__(source, *args, **kwargs)
        self._source = source

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async with aclosing(self._source) as parts:
            async for part in parts:
                yield part


async def in_turn(pieces: Iterator[bytes]) -> AsyncGenerator[bytes, None]:
    """Yield what a generator of database work makes, each piece only once the one before was taken.

    Given to a response as it is, such a generator would be gathered whole before the first byte is sent.
    """
    while (piece := await in_thread(next, pieces, None)) is not None:
        yield piece

"""A cache on Redis whose loss costs time and never an answer."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

from django.core.cache.backends.redis import RedisCache
from redis.exceptions import RedisError

log = logging.getLogger(__name__)

P = ParamSpec("P")
R = TypeVar("R")


def _or(default: Any) -> Callable[[Callable[P, R]], Callable[P, R]]:
    def decorate(method: Callable[P, R]) -> Callable[P, R]:
        def tolerant(*args: P.args, **kwargs: P.kwargs) -> R:
            try:
                return method(*args, **kwargs)
            except (RedisError, OSError) as error:
                log.warning("cache not reached (%s): going on without it", type(error).__name__)
                return default() if callable(default) else default  # type: ignore[no-any-return]

        return tolerant

    return decorate


class TolerantRedisCache(RedisCache):
    """Answer "not cached" while Redis is away.

    Fit for counters and copies of what PostgreSQL knows. Nothing that must hold (login lock-out, leases)
    may be kept here.
    """

    def add(self, *args: Any, **kwargs: Any) -> bool:
        return _or(True)(super().add)(*args, **kwargs)

    def get(self, key: Any, default: Any = None, version: int | None = None) -> Any:
        return _or(default)(super().get)(key, default, version)

    def set(self, *args: Any, **kwargs: Any) -> None:
        return _or(None)(super().set)(*args, **kwargs)

    def touch(self, *args: Any, **kwargs: Any) -> bool:
        return _or(False)(super().touch)(*args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> bool:
        return _or(False)(super().delete)(*args, **kwargs)

    def get_many(self, *args: Any, **kwargs: Any) -> Any:
        return _or(dict)(super().get_many)(*args, **kwargs)

    def has_key(self, *args: Any, **kwargs: Any) -> bool:
        return _or(False)(super().has_key)(*args, **kwargs)

    def incr(self, *args: Any, **kwargs: Any) -> int:
        return _or(1)(super().incr)(*args, **kwargs)

    def set_many(self, *args: Any, **kwargs: Any) -> Any:
        return _or(list)(super().set_many)(*args, **kwargs)

    def delete_many(self, *args: Any, **kwargs: Any) -> None:
        return _or(None)(super().delete_many)(*args, **kwargs)

    def clear(self) -> None:
        _or(None)(super().clear)()

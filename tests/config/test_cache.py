"""The cache's loss costs time and no answer."""

from __future__ import annotations

import time

import pytest

from config.cache import TolerantRedisCache
from tests.waiting import AT_ONCE_S


@pytest.fixture
def gone() -> TolerantRedisCache:
    return TolerantRedisCache(
        "unix:///tmp/earmark-no-such.sock", {"OPTIONS": {"socket_connect_timeout": 0.5}}
    )


def test_without_redis_nothing_is_cached_and_nothing_fails(gone: TolerantRedisCache) -> None:
    began = time.monotonic()
    gone.set("a", 1)
    assert gone.get("a") is None
    assert gone.get("a", "default") == "default"
    assert gone.add("a", 1) is True
    assert gone.incr("a") == 1
    assert gone.get_many(["a", "b"]) == {}
    assert gone.has_key("a") is False
    assert gone.delete("a") is False
    assert gone.touch("a") is False
    assert gone.set_many({"a": 1}) == []
    gone.delete_many(["a"])
    gone.clear()
    assert time.monotonic() - began < AT_ONCE_S


def test_with_redis_it_is_a_cache(redis_emptied: str) -> None:
    cache = TolerantRedisCache(redis_emptied, {})
    cache.set("a", {"n": 1}, timeout=30)
    assert cache.get("a") == {"n": 1}
    assert cache.add("a", 2) is False
    cache.set("n", 1)
    assert cache.incr("n") == 2
    with pytest.raises(ValueError, match="n2"):
        cache.incr("n2")

"""Django's Redis cache, made to forgive: without Redis it remembers nothing, and nothing else breaks."""

from __future__ import annotations

from typing import Any

from django.core.cache.backends.redis import RedisCache

from payos.kernel import redis


class ForgivingRedisCache(RedisCache):
    def __init__(self, server: str, params: dict[str, Any]) -> None:
        super().__init__(server, params)
        self._lazy = server == "lazy"

    @property
    def _cache(self) -> Any:  # type: ignore[override]
        if self._lazy:
            self._servers = [redis.redis_url()]
            self._lazy = False
        cached = self.__dict__.get("_payos_cache")
        if cached is None:
            cached = self._class(self._servers, **self._options)
            self.__dict__["_payos_cache"] = cached
        return cached

    def add(self, *args: Any, **kwargs: Any) -> Any:
        return _forgive(super().add, True, *args, **kwargs)

    def get(self, key: Any, default: Any = None, version: Any = None) -> Any:
        return _forgive(super().get, default, key, default, version)

    def set(self, *args: Any, **kwargs: Any) -> Any:
        return _forgive(super().set, None, *args, **kwargs)

    def touch(self, *args: Any, **kwargs: Any) -> Any:
        return _forgive(super().touch, False, *args, **kwargs)

    def delete(self, *args: Any, **kwargs: Any) -> Any:
        return _forgive(super().delete, False, *args, **kwargs)

    def get_many(self, *args: Any, **kwargs: Any) -> Any:
        return _forgive(super().get_many, {}, *args, **kwargs)

    def has_key(self, *args: Any, **kwargs: Any) -> Any:
        return _forgive(super().has_key, False, *args, **kwargs)

    def set_many(self, *args: Any, **kwargs: Any) -> Any:
        return _forgive(super().set_many, [], *args, **kwargs)

    def delete_many(self, *args: Any, **kwargs: Any) -> Any:
        return _forgive(super().delete_many, None, *args, **kwargs)


def _forgive(call: Any, otherwise: Any, *args: Any, **kwargs: Any) -> Any:
    try:
        return call(*args, **kwargs)
    except redis.Unavailable:
        return otherwise

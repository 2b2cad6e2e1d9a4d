"""What processes know together where there is a Redis, and each for itself where there is none or it is lost."""

import hashlib

from pydantic import BaseModel, SecretStr

from app.core.attempts import Attempts, LocalCounts, RedisCounts
from app.core.config import Settings
from app.core.limits import Limits, LocalLimits
from app.core.limits_redis import EnduringLimits, RedisLimits
from app.core.resilience import LocalBreaker
from app.core.resilience_redis import EnduringBreaker, RedisBreaker


def limits_for(settings: Settings) -> Limits:
    """Who counts how often somebody came."""
    local = LocalLimits()
    if settings.redis_url is None:
        return local
    return EnduringLimits(RedisLimits(settings.redis_url.get_secret_value()), local)


def breaker_for(settings: Settings) -> LocalBreaker | EnduringBreaker:
    """Who remembers which providers fail."""
    local = LocalBreaker()
    if settings.redis_url is None:
        return local
    return EnduringBreaker(RedisBreaker(settings.redis_url.get_secret_value()), local)


def circuit_of(name: str, config: BaseModel) -> str:
    """What fails together: a provider with a credential and an address, neither of which can be read from it."""
    values = {k: v.get_secret_value() if isinstance(v, SecretStr) else v for k, v in config}
    return f"{name}:{hashlib.sha256(repr(values).encode()).hexdigest()[:12]}"


def attempts_for(settings: Settings) -> Attempts:
    """Who counts guesses at secrets: Redis where there is one, else each process for itself."""
    local = LocalCounts()
    if settings.redis_url is None:
        return Attempts(local)
    return Attempts(RedisCounts(settings.redis_url.get_secret_value(), local))

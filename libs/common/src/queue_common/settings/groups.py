"""Groups of settings that several processes use."""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import Annotated, Literal, Self
from urllib.parse import quote, urlsplit

import durationpy
from pydantic import (
    AfterValidator,
    BeforeValidator,
    ByteSize,
    Field,
    SecretStr,
    model_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from ..redis_address import (
    check_address,
    check_addresses,
    check_file,
    check_redis_url,
    host_and_port,
)
from ..retry import RetryPolicy
from ..sealing import check_keys, parse_keys

__all__ = [
    "Duration",
    "Environment",
    "LogSettings",
    "QueueSettings",
    "RedisSettings",
    "RetrySettings",
    "Settings",
    "Size",
]

Environment = Literal["development", "production"]

REDIS_PORT = 6379


def _duration(value: object) -> object:
    """Read ``10s``, ``1m30s`` or ``24h``: Go's format, as in the original service."""
    if not isinstance(value, str):
        return value
    try:
        return durationpy.from_str(value.strip())
    except (durationpy.DurationError, ValueError, OverflowError) as error:
        msg = "should be a duration such as 10s, 1m30s or 24h"
        raise ValueError(msg) from error


Duration = Annotated[timedelta, BeforeValidator(_duration)]


def _size(value: object) -> object:
    """Refuse a text with more than a number and a unit: ByteSize alone ignores the rest."""
    if isinstance(value, str) and not re.fullmatch(r"\s*\d*\.?\d+\s*[A-Za-z]*\s*", value):
        msg = "should be a number of bytes such as 1048576, 64MiB or 1.5GiB"
        raise ValueError(msg)
    return value


Size = Annotated[ByteSize, BeforeValidator(_size)]


class Settings(BaseSettings):
    """A frozen set of variables. Each field has its variable's name in lower case."""

    model_config = SettingsConfigDict(
        frozen=True, extra="ignore", env_file=".env", env_ignore_empty=True, validate_default=True
    )


class LogSettings(Settings):
    """How the process logs."""

    env: Environment = "development"
    """``production``: a JSON object per line; ``development``: coloured text."""
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """The least severe level that is written."""


class RedisSettings(Settings):
    """Address and login of Redis: separate variables, or one REDIS_URL, which wins over them.

    With REDIS_SENTINELS the Sentinels name the server.
    """

    redis_addr: Annotated[str, AfterValidator(check_address)] = "localhost:6379"
    """``host:port``."""
    redis_username: str = ""
    """The ACL user; empty: Redis' ``default``."""
    redis_password: SecretStr | None = None
    """The user's password. No character needs quoting."""
    redis_database: Annotated[int, Field(ge=0)] = 0
    """The number of the database."""
    redis_tls: bool = False
    """Whether to use TLS."""
    redis_url: Annotated[SecretStr | None, AfterValidator(check_redis_url)] = None
    """``redis://`` or ``rediss://`` (TLS) ``user:password@host:port/database``."""
    redis_ca_file: Annotated[Path | None, AfterValidator(check_file)] = None
    """A PEM file with the CA of Redis' and the Sentinels' certificates. Default: the system's."""
    redis_sentinels: Annotated[tuple[str, ...], NoDecode, BeforeValidator(check_addresses)] = ()
    """``host:port`` of each Sentinel, separated by commas. They name the primary, and REDIS_ADDR is
    not used."""
    redis_master_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9._-]+$")] = "mymaster"
    """The Sentinels' name for the primary."""
    redis_sentinel_username: str = ""
    """The ACL user for the Sentinels; empty: ``default``."""
    redis_sentinel_password: SecretStr | None = None
    """The password for the Sentinels; REDIS_PASSWORD is only for the primary."""
    redis_sentinel_tls: bool = False
    """Whether to use TLS with the Sentinels."""

    @model_validator(mode="after")
    def _one_way_to_redis(self) -> Self:
        if self.redis_sentinels and self.redis_url is not None:
            msg = (
                "REDIS_URL: should not be set with REDIS_SENTINELS, which name the server; "
                "set REDIS_USERNAME, REDIS_PASSWORD, REDIS_DATABASE and REDIS_TLS instead"
            )
            raise ValueError(msg)
        return self

    def addresses(self) -> list[tuple[str, int]]:
        """Return host and port of the server, or of each Sentinel."""
        if self.redis_sentinels:
            return [host_and_port(address) for address in self.redis_sentinels]
        server = urlsplit(self.url())
        return [(server.hostname or "localhost", server.port or REDIS_PORT)]

    def url(self) -> str:
        """Return the URL to connect to, with its secrets; not used with REDIS_SENTINELS."""
        if self.redis_url is not None:
            return self.redis_url.get_secret_value()
        scheme = "rediss" if self.redis_tls else "redis"
        return f"{scheme}://{self._credentials()}{self.redis_addr}/{self.redis_database}"

    def _credentials(self) -> str:
        password = self.redis_password.get_secret_value() if self.redis_password else ""
        if not (self.redis_username or password):
            return ""
        return f"{quote(self.redis_username, safe='')}:{quote(password, safe='')}@"


class RetrySettings(Settings):
    """The default retry policy. The API reads it to show a task's deadline."""

    worker_retry_interval: Annotated[Duration, Field(gt=timedelta(0))] = timedelta(seconds=10)
    """From the end of a failed attempt to the next."""
    worker_retry_deadline: Annotated[Duration, Field(gt=timedelta(0))] = timedelta(hours=24)
    """From acceptance to the last attempt."""

    def retry_policy(self) -> RetryPolicy:
        """Return the policy of tasks that have none of their own."""
        return RetryPolicy(
            interval_ms=round(self.worker_retry_interval.total_seconds() * 1000),
            deadline_ms=round(self.worker_retry_deadline.total_seconds() * 1000),
        )


class QueueSettings(Settings):
    """The queue in Redis. All processes of an installation need the same values."""

    queue_name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,64}$")] = "tasks"
    """The queue's name. All its keys in Redis share the hash tag ``{QUEUE_NAME}``."""
    result_ttl: Annotated[Duration, Field(ge=timedelta(0))] = timedelta(minutes=10)
    """How long a settled task can be looked up; 0s removes it at once."""
    result_max: Annotated[int, Field(ge=0)] = 100_000
    """Max settled tasks that are kept."""
    result_max_bytes: Annotated[Size | None, Field(ge=0)] = None
    """Max bytes of the records of settled tasks; the oldest are removed first. Unset: 10 % of
    Redis' ``maxmemory``, or 100 MiB if that is unset or unknown."""
    result_full_ttl: Annotated[Duration, Field(ge=timedelta(0), le=timedelta(days=1))] = timedelta(
        minutes=1
    )
    """How long a delivered task is kept in full, with headers and body; 0s: not at all, max 24h."""
    result_full_max_bytes: Annotated[Size, Field(ge=0)] = ByteSize(16 << 20)
    """Max bytes of delivered tasks that are kept in full; of a high traffic a part is kept."""
    dead_ttl: Annotated[Duration, Field(gt=timedelta(0))] = timedelta(days=30)
    """How long a dead letter is kept."""
    dead_max: Annotated[int, Field(ge=1)] = 100_000
    """Max dead letters that are kept; the oldest are removed first."""
    dead_max_bytes: Annotated[Size | None, Field(ge=1)] = None
    """Max bytes of the records of dead letters; the oldest are removed first. Unset: 25 % of Redis'
    ``maxmemory``, or 256 MiB if that is unset or unknown."""
    idempotency_ttl: Annotated[Duration, Field(gt=timedelta(0))] = timedelta(hours=24)
    """How long an idempotency key is remembered."""
    idempotency_max: Annotated[int, Field(ge=1)] = 1_000_000
    """Max idempotency keys that are remembered, of some 250 bytes each; the oldest are removed."""
    lane_concurrency: Annotated[int, Field(ge=0)] = 0
    """Max requests in flight per lane; 0: the sum of the live workers' WORKER_CONCURRENCY."""
    max_backlog: Annotated[int, Field(ge=0)] = 0
    """Max waiting and scheduled tasks of the queue; more are refused. 0: no limit."""
    max_lane_backlog: Annotated[int, Field(ge=0)] = 0
    """The same for each lane."""
    durability: Literal["local", "replicated"] = "local"
    """``replicated``: a task is accepted once one replica has it too (WAIT)."""
    encryption_keys: Annotated[SecretStr | None, AfterValidator(check_keys)] = None
    """``id:key,id:key,…``, keys of 32 bytes in base64. Headers and bodies are sealed in Redis with
    the first, and opened with any. Unset: nothing is sealed."""

    def sealing_keys(self) -> dict[str, bytes]:
        """Return the keys by id, the one that seals first."""
        return parse_keys(self.encryption_keys.get_secret_value()) if self.encryption_keys else {}

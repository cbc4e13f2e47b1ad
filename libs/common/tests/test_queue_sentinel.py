"""Finding the primary by Sentinels: their credentials, their TLS, their absence."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from shutil import which

import pytest
import redis.asyncio
import trustme
from pydantic import SecretStr

from queue_common.errors import QueueUnavailableError
from queue_common.queue import TaskQueue
from queue_common.queue.storage.connection import RedisServers, reply
from queue_common.settings import QueueSettings, RedisSettings
from queue_common.task import TaskId
from queue_testing import RedisServer, free_port
from queue_testing.sentinels import SentinelServer
from queue_testing.tasks import a_task

Starter = Callable[..., RedisServer]
SentinelStarter = Callable[..., SentinelServer]

PASSWORD = "p@ss/wo:rd%41#?"


@pytest.fixture
def start_sentinel(server_binary: Path, tmp_path: Path) -> Iterator[SentinelStarter]:
    """Starts Sentinels that watch a primary alone, with further lines of configuration."""
    started: list[SentinelServer] = []

    def start(primary_port: int, *lines: str, binary: Path = server_binary) -> SentinelServer:
        directory = tmp_path / f"sentinel-{len(started)}"
        directory.mkdir()
        sentinel = SentinelServer(binary, directory, primary_port, *lines, quorum=1)
        started.append(sentinel)
        sentinel.start()
        return sentinel

    yield start
    for sentinel in started:
        sentinel.kill()


def _settings(*sentinels: str, **values: object) -> RedisSettings:
    return RedisSettings.model_validate({"redis_sentinels": ",".join(sentinels), **values})


async def _submits(settings: RedisSettings) -> bool:
    queue = TaskQueue(settings, QueueSettings(queue_name="own"))
    try:
        return await queue.submit(TaskId("1"), a_task())
    finally:
        await queue.disconnect()


async def test_any_sentinel_names_the_primary(
    start_server: Starter, start_sentinel: SentinelStarter
) -> None:
    """A Sentinel that is away is passed over; the primary gets the task, in the named database."""
    primary = start_server()
    sentinel = start_sentinel(primary.port)
    away = f"127.0.0.1:{free_port()}"

    assert await _submits(_settings(away, sentinel.address, redis_database=3))
    async with redis.asyncio.Redis(port=primary.port, db=3) as client:
        assert await client.keys("{own}*")


async def test_primary_and_sentinels_have_their_own_credentials(
    start_server: Starter, start_sentinel: SentinelStarter
) -> None:
    """Each has its own user and password; a wrong one is an error that does not show it."""
    primary = start_server(
        "--requirepass", "hunter1", "--user", "queue", "on", f">{PASSWORD}", "~*", "+@all"
    )
    sentinel = start_sentinel(
        primary.port,
        "sentinel auth-pass mymaster hunter1",
        "user default off",
        f"user asker on >{PASSWORD} +@all",
    )  # fmt: skip
    right = {
        "redis_username": "queue", "redis_password": SecretStr(PASSWORD),
        "redis_sentinel_username": "asker", "redis_sentinel_password": SecretStr(PASSWORD),
    }  # fmt: skip

    assert await _submits(_settings(sentinel.address, **right))
    for wrong in ("redis_password", "redis_sentinel_password"):
        with pytest.raises(QueueUnavailableError) as refused:
            await _submits(_settings(sentinel.address, **{**right, wrong: SecretStr("hunter2")}))
        assert "hunter2" not in str(refused.value)


async def test_unknown_name_is_told(start_server: Starter, start_sentinel: SentinelStarter) -> None:
    """A REDIS_MASTER_NAME that no Sentinel knows is named in the reason."""
    sentinel = start_sentinel(start_server().port)

    with pytest.raises(QueueUnavailableError, match=r"no primary 'other': .* does not know it"):
        await _submits(_settings(sentinel.address, redis_master_name="other"))


async def test_a_question_is_shared(start_server: Starter, start_sentinel: SentinelStarter) -> None:
    """Fifty connections at the same time ask a Sentinel once, and keep no connection to it."""
    primary = start_server()
    sentinel = start_sentinel(primary.port)
    servers = RedisServers(_settings(sentinel.address))
    clients = [servers.open() for _ in range(50)]
    async with redis.asyncio.Redis(port=sentinel.port) as watcher:
        before = await watcher.info()
        await asyncio.gather(*(reply(client.ping()) for client in clients))
        after = await watcher.info()
    for client in clients:
        await client.aclose()

    assert after["total_connections_received"] - before["total_connections_received"] == 1
    assert after["connected_clients"] == before["connected_clients"]
    assert set(servers.found) == {("127.0.0.1", primary.port)}


@pytest.fixture
def certificates(tmp_path: Path) -> Path:
    """A folder with ca.pem, and server.pem for 127.0.0.1."""
    authority = trustme.CA()
    authority.cert_pem.write_to_path(tmp_path / "ca.pem")
    server = authority.issue_cert("127.0.0.1")
    server.private_key_and_cert_chain_pem.write_to_path(tmp_path / "server.pem")
    return tmp_path


def _tls_lines(certificates: Path, port: int) -> list[str]:
    return [
        f"tls-port {port}", "tls-auth-clients no", "tls-replication yes",
        f"tls-cert-file {certificates}/server.pem", f"tls-key-file {certificates}/server.pem",
        f"tls-ca-cert-file {certificates}/ca.pem",
    ]  # fmt: skip


def _start_with_tls(server_binary: Path, certificates: Path, port: int) -> RedisServer:
    """Start the server under test, or another of this machine if that one speaks no TLS."""
    words = [word for line in _tls_lines(certificates, port) for word in f"--{line}".split()]
    for binary in (server_binary, which("redis-server"), which("valkey-server")):
        if binary is None:
            continue
        server = RedisServer(Path(binary), certificates, *words)
        with suppress(RuntimeError):
            return server.start()
    pytest.skip("no server of this machine speaks TLS")


async def test_tls_to_sentinels_and_primary(
    server_binary: Path, certificates: Path, start_sentinel: SentinelStarter
) -> None:
    """Both speak TLS, by certificates of the CA in REDIS_CA_FILE; without it nothing is sent."""
    port, sentinel_port = free_port(), free_port()
    primary = _start_with_tls(server_binary, certificates, port)
    try:
        start_sentinel(port, *_tls_lines(certificates, sentinel_port), binary=primary.binary)
        address = f"127.0.0.1:{sentinel_port}"
        tls = {"redis_tls": True, "redis_sentinel_tls": True}

        assert await _submits(_settings(address, **tls, redis_ca_file=certificates / "ca.pem"))
        with pytest.raises(QueueUnavailableError, match="certificate"):
            await _submits(_settings(address, **tls))
    finally:
        primary.kill()

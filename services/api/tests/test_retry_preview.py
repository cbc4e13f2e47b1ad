"""What a retry policy comes to, before it is used."""

from __future__ import annotations

from datetime import datetime, timedelta

import httpx
import pytest

PATH = "/api/v1/retry-preview"
START = "2026-11-28T00:00:00Z"


async def waits_of(client: httpx.AsyncClient, **asked: object) -> list[float]:
    response = await client.post(PATH, json={"start": START, **asked})
    assert response.status_code == 200, response.text
    return [attempt["after_seconds"] for attempt in response.json()["attempts"]]


@pytest.mark.parametrize(
    ("retry", "waits"),
    [
        ({}, [0, 10, 20, 30]),
        ({"strategy": "linear", "interval": "1s"}, [0, 1, 3, 6]),
        ({"strategy": "exponential", "interval": "1s", "jitter": 0.5}, [0, 1, 3, 7]),
        ({"strategy": "schedule", "delays": ["5s", "1m"]}, [0, 5, 65]),
        ({"max_attempts": 2}, [0, 10]),
        ({"interval": "1m", "deadline": "2m"}, [0, 60, 120]),
        ({"strategy": "schedule", "delays": ["1h", "1d", "2d"]}, [0, 3600, 90_000, 262_800]),
        ({"max_attempts": 3, "interval": "20h"}, [0, 72_000, 144_000]),
        ({"max_attempts": 9, "interval": "14d"}, [0, 1_209_600, 2_419_200]),
    ],
)
async def test_the_times_of_a_policy(
    client: httpx.AsyncClient, retry: dict[str, object], waits: list[float]
) -> None:
    """Each attempt that the policy allows is listed, at its latest."""
    assert await waits_of(client, retry=retry, count=4) == waits


async def test_without_a_policy_the_default_is_shown(client: httpx.AsyncClient) -> None:
    """A task without a policy of its own is tried every 10 s for 24 h."""
    response = await client.post(PATH, json={"start": START, "count": 2})

    assert response.json() == {
        "attempts": [
            {"number": 1, "after_seconds": 0.0, "at": "2026-11-28T00:00:00.000Z"},
            {"number": 2, "after_seconds": 10.0, "at": "2026-11-28T00:00:10.000Z"},
        ],
        "gives_up_at": "2026-11-29T00:00:00.000Z",
    }


@pytest.mark.parametrize(
    ("retry", "seconds"),
    [
        ({"max_attempts": 3}, 20),
        ({"max_attempts": 1}, 0),
        ({"max_attempts": 1_000_000, "interval": "1s"}, 999_999),
        ({"max_attempts": 3, "interval": "1h", "deadline": "90m"}, 5_400),
        ({"interval": "1h", "deadline": "90m"}, 5_400),
        ({"strategy": "schedule", "delays": ["1m", "5s", "5s"]}, 70),
        ({"strategy": "schedule", "delays": ["1m", "5s"], "max_attempts": 2}, 60),
        ({"strategy": "linear", "interval": "1s", "max_interval": "3s", "max_attempts": 6}, 12),
        ({"strategy": "exponential", "interval": "1s", "max_attempts": 5}, 15),
        ({"strategy": "linear", "interval": "1ms", "max_attempts": 20_000}, 30 * 86_400),
        ({"strategy": "exponential", "multiplier": 100, "max_attempts": 1_000_000}, 30 * 86_400),
    ],
)
async def test_the_end_of_a_policy(
    client: httpx.AsyncClient, retry: dict[str, object], seconds: int
) -> None:
    """The time at which a policy gives up is the same, however many attempts are listed."""
    ends = set()
    for count in (1, 3, 4, 100):
        response = await client.post(PATH, json={"start": START, "retry": retry, "count": count})
        ends.add(datetime.fromisoformat(response.json()["gives_up_at"]))

    assert ends == {datetime.fromisoformat(START) + timedelta(seconds=seconds)}


async def test_a_name_that_comes_twice_is_told_with_its_path(client: httpx.AsyncClient) -> None:
    """A field inside an object is reported by its whole path."""
    response = await client.post(
        PATH, content=b'{"retry":{"jitter":0.1,"jitter":0.2}}',
        headers={"Content-Type": "application/json"},
    )  # fmt: skip

    assert [error["field"] for error in response.json()["errors"]] == ["retry.jitter"]


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        ({"retry": {"strategy": "schedule"}}, "retry.delays"),
        ({"retry": {"interval": "x"}}, "retry.interval"),
        ({"start": "soon"}, "start"),
        ({"start": "9999-12-31T23:59:59-14:00"}, "start"),
        ({"start": "9999-12-31T00:00:00Z"}, "start"),
        ({"count": 101}, "count"),
    ],
)
async def test_what_is_wrong_is_named(
    client: httpx.AsyncClient, asked: dict[str, object], field: str
) -> None:
    """A policy that no task may have is 422, and the field is named."""
    response = await client.post(PATH, json=asked)

    assert response.status_code == 422
    assert [error["field"] for error in response.json()["errors"]] == [field]

"""Projects over HTTP: weights, limits and use."""

from __future__ import annotations

import uuid

import httpx
import pytest

PATH = "/api/v1/projects"
TASK = {"url": "http://localhost:9/"}


@pytest.fixture
def name() -> str:
    """A project of the test's own."""
    return f"p-{uuid.uuid4().hex[:12]}"


async def test_project_has_what_was_put(client: httpx.AsyncClient, name: str) -> None:
    """PUT sets weight and limits in place of those there were, and tells limits and use."""
    limits = {"rate": 2.5, "burst": 7, "waiting": 100, "in_flight": 5}
    first = await client.put(f"{PATH}/{name}", json={"weight": 3, "limits": limits})
    await client.post("/api/v1/tasks", json=TASK, headers={"X-Project": name})
    second = await client.put(f"{PATH}/{name}", json={"limits": {"waiting": None, "lanes": 4}})
    got = await client.get(f"{PATH}/{name}")

    none = {"rate": None, "burst": None, "waiting": None, "stored_bytes": None,
            "in_flight": None, "lanes": None}  # fmt: skip
    assert first.json()["weight"] == 3
    assert first.json()["limits"] == none | limits
    assert second.json() == got.json()
    assert (got.json()["weight"], got.json()["limits"]) == (1, none | {"lanes": 4})
    use = got.json()["use"]
    assert (use["waiting"], use["in_flight"], use["lanes"]) == (1, 0, 1)
    assert 50 < use["stored_bytes"] < 500


async def test_limit_holds_at_once(client: httpx.AsyncClient, name: str) -> None:
    """A limit that is put refuses the next task over it; one that is removed does not."""
    headers = {"X-Project": name}
    await client.put(f"{PATH}/{name}", json={"limits": {"waiting": 0}})
    refused = await client.post("/api/v1/tasks", json=TASK, headers=headers)
    await client.put(f"{PATH}/{name}", json={})
    taken = await client.post("/api/v1/tasks", json=TASK, headers=headers)

    assert (refused.status_code, refused.json()["limit"]) == (429, "waiting")
    assert taken.status_code == 201


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"weight": 0}, "weight"),
        ({"weight": "heavy"}, "weight"),
        ({"limits": {"rate": 0}}, "limits.rate"),
        ({"limits": {"speed": 1}}, "limits.speed"),
        ({"limits": {"burst": 5}}, "limits.burst"),
        ({"limits": {"burst": 5, "rate": None}}, "limits.burst"),
        ({"limits": {"in_flight": 0}}, "limits.in_flight"),
    ],
)
async def test_wrong_field_is_named(
    client: httpx.AsyncClient, name: str, body: dict[str, object], field: str
) -> None:
    """422 names the field that is wrong, and nothing is set."""
    response = await client.put(f"{PATH}/{name}", json=body)

    assert response.status_code == 422
    assert field in response.json()["errors"][0]["field"]
    assert (await client.get(f"{PATH}/{name}")).status_code == 404


async def test_default_has_a_weight_and_no_limits(client: httpx.AsyncClient) -> None:
    """The project of those who name none has a weight; its limits are the queue's."""
    limited = await client.put(f"{PATH}/default", json={"limits": {"waiting": 5}})
    weighed = await client.put(f"{PATH}/default", json={"weight": 2})

    assert limited.status_code == 422
    assert "MAX_BACKLOG" in limited.json()["errors"][0]["reason"]
    assert weighed.json()["weight"] == 2
    await client.put(f"{PATH}/default", json={})


async def test_projects_are_listed_page_by_page(client: httpx.AsyncClient, name: str) -> None:
    """The cursor leads through all projects in the order of their names."""
    names = [f"{name}-{number}" for number in range(5)]
    for project in names:
        await client.put(f"{PATH}/{project}", json={})
    found: list[str] = []
    cursor: str | None = None
    while True:
        params = {"limit": "2"} | ({"cursor": cursor} if cursor else {})
        page = (await client.get(PATH, params=params)).json()
        found += [project["project"] for project in page["projects"]]
        if (cursor := page["cursor"]) is None:
            break

    assert found == sorted(found)
    assert set(names) <= set(found)
    assert (await client.get(PATH, params={"cursor": "Ä"})).status_code == 422


async def test_project_is_forgotten_once_it_is_empty(client: httpx.AsyncClient, name: str) -> None:
    """DELETE is 409 while tasks wait, then 204, then 404."""
    created = await client.post("/api/v1/tasks", json=TASK, headers={"X-Project": name})
    busy = await client.delete(f"{PATH}/{name}")
    await client.delete(f"/api/v1/tasks/{created.json()['task_id']}", headers={"X-Project": name})
    gone = await client.delete(f"{PATH}/{name}")
    again = await client.delete(f"{PATH}/{name}")

    assert (busy.status_code, gone.status_code, again.status_code) == (409, 204, 404)
    assert busy.json()["type"] == "urn:queue-system:problem:wrong-state"
    assert again.json()["type"] == "urn:queue-system:problem:unknown-project"


@pytest.mark.parametrize(
    ("body", "field"),
    [(b'{"weight":1,"weight":9}', "weight"), (b'{"limits":{"rate":1,"rate":9}}', "limits.rate")],
)
async def test_nothing_is_set_twice(
    client: httpx.AsyncClient, name: str, body: bytes, field: str
) -> None:
    """A field that comes twice is a 422: a gateway in front may have checked the other one."""
    response = await client.put(
        f"{PATH}/{name}", content=body, headers={"Content-Type": "application/json"}
    )

    assert response.status_code == 422
    assert response.json()["errors"] == [{"field": field, "reason": "comes twice in the body"}]

"""The page at /docs, for which a browser fetches nothing from anywhere else."""

from __future__ import annotations

import re
from urllib.parse import urljoin

import httpx
import pytest

LINK = re.compile(r"""(?:src|href)="([^"]*)"|fetch\("([^"]*)"\)""")


async def links(client: httpx.AsyncClient) -> list[str]:
    """Return what the page and its own script load, as they name it."""
    page = (await client.get("/docs")).text
    script = (await client.get("/docs/start.js")).text
    found = [link or fetched for link, fetched in LINK.findall(page + script)]
    assert len(found) == 5
    return found


async def test_the_page_has_all_it_needs_from_here(client: httpx.AsyncClient) -> None:
    """The API itself serves each script, style sheet and document of the page."""
    for link in await links(client):
        response = await client.get(urljoin("/docs", link))
        assert response.status_code == 200, link
        assert response.content
        assert response.headers["content-type"].partition(";")[0] in {
            "text/javascript", "text/css", "image/png", "application/json",
        }  # fmt: skip


async def test_no_other_host_is_named(client: httpx.AsyncClient) -> None:
    """Neither the page nor its script has an absolute URL, and no other site may be loaded from."""
    page = await client.get("/docs")
    script = await client.get("/docs/start.js")

    for text in (page.text, script.text, page.headers["content-security-policy"]):
        assert "//" not in re.sub(r"(?m)^ *// .*$", "", text)
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy


async def test_the_page_works_behind_a_prefix(client: httpx.AsyncClient) -> None:
    """Behind a proxy that has the API under /queue, all that the page loads is under it too."""
    for link in await links(client):
        assert urljoin("http://proxy/queue/docs", link).startswith("http://proxy/queue/")


@pytest.mark.parametrize("name", ["redoc.standalone.js", "..%2fdocs.py", "docs.html", "x"])
async def test_nothing_else_of_the_packages_is_served(client: httpx.AsyncClient, name: str) -> None:
    """The files behind /docs are those of the page."""
    assert (await client.get(f"/docs/{name}")).status_code == 404


async def test_fields_of_responses_are_described(client: httpx.AsyncClient) -> None:
    """The document says of a response's fields what their types cannot, inherited ones too."""
    schemas = (await client.get("/openapi.json")).json()["components"]["schemas"]
    attempt = schemas["AttemptDetails"]["properties"]

    assert attempt["number"]["description"] == "From 1."
    assert attempt["address"]["description"] == "The address and port of the connection."


async def test_what_a_replay_leaves_out_has_no_default(client: httpx.AsyncClient) -> None:
    """A field of a replay that is absent stays as it was: the document has no default for it."""
    schema = (await client.get("/openapi.json")).json()["components"]["schemas"]["ReplayCreate"]

    assert [name for name, kind in schema["properties"].items() if "default" in kind] == []
    assert schema["properties"]["body"]["description"].endswith("Absent: as it was.")


async def test_there_is_no_second_page(client: httpx.AsyncClient) -> None:
    """FastAPI's own pages, which load scripts from elsewhere, are off."""
    assert (await client.get("/redoc")).status_code == 404
    assert (await client.get("/docs/oauth2-redirect")).status_code == 404

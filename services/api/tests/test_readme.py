"""The package's README."""

from __future__ import annotations

import re
from pathlib import Path

import httpx

from queue_api.settings import ApiSettings

README = Path(__file__).parents[1] / "README.md"


async def test_the_table_has_every_route(client: httpx.AsyncClient) -> None:
    """The README's table has each method and path of the OpenAPI document, and no other."""
    document = (await client.get("/openapi.json")).json()
    served = {
        f"{method.upper()} {path}" for path, each in document["paths"].items() for method in each
    }
    table = README.read_text().partition("## HTTP")[2].partition("### A task")[0]
    rows = re.findall(r"^\| (`.*?) \|", table, re.MULTILINE)
    # `GET`, `POST /path`: all methods named since the last path.
    told: set[str] = set()
    methods: list[str] = []
    for method, path in re.findall(r"`([A-Z]+)(?: (/[^`]*))?`", " ".join(rows)):
        methods.append(method)
        if path:
            told |= {f"{each} {path}" for each in methods}
            methods = []

    assert told == served


def test_the_settings_have_every_variable() -> None:
    """Each variable that the API reads is told in the README's section of settings."""
    section = README.read_text().partition("\n## Settings\n")[2].partition("\n## ")[0]
    told = set(re.findall(r"`([A-Z][A-Z0-9_]+)`", section))
    read = {name.upper() for name in ApiSettings.model_fields}

    assert {name for name in read - told if not name.startswith("OTEL_")} == set()

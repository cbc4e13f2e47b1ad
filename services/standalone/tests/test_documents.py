"""The documents name what is there."""

from __future__ import annotations

import re
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest

from queue_testing.telemetry.seen_spans import edges_of_task

ROOT = Path(__file__).parents[3]
PAGES = (*sorted((ROOT / "docs").glob("*.md")), *sorted((ROOT / "docs/operations").glob("*.md")))
DOCUMENTS = [ROOT / "README.md", *PAGES]
LINKED = [
    *DOCUMENTS, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "charts/queue-system").glob("*.md")),
    *sorted((ROOT / "docs/adr").glob("*.md")),
]  # fmt: skip
LINK = re.compile(r"\]\(([^)#\s:]+)(#[^)\s]*)?\)")
SOURCE = re.compile(r"\b(queue_(?:api|common|standalone|worker)(?:/\w+)+\.(?:py|lua))")
QUOTED = re.compile(r"`([^`]+)`")


class Stage(NamedTuple):
    """A row of the README's table of a task's way."""

    name: str
    files: list[str]
    functions: list[str]
    spans: list[str]


def stages() -> list[Stage]:
    text = (ROOT / "README.md").read_text()
    section = text.split("## The way of a task", 1)[1].split("\n## ", 1)[0]
    rows = [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")]
    return [
        Stage(
            row[0].strip(), SOURCE.findall(row[1]), QUOTED.findall(row[2]), QUOTED.findall(row[3])
        )
        for row in rows[2:]
    ]


def source(name: str) -> Path:
    package, _, path = name.partition("/")
    found = find_spec(package)
    assert found is not None
    assert found.origin is not None
    return Path(found.origin).parent / path


def defined(file: str, function: str) -> bool:
    """Whether the module of ``file`` itself defines ``function``, which may be a method."""
    found: object = import_module(file.removesuffix(".py").replace("/", "."))
    module = found.__name__  # type: ignore[attr-defined]
    for name in function.split("."):
        found = getattr(found, name, None)
    return found is not None and getattr(found, "__module__", None) == module


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda document: document.name)
def test_source_files_that_a_document_names_are_there(document: Path) -> None:
    """Each source file that a document names with its package is in that package."""
    named = SOURCE.findall(document.read_text())

    assert [name for name in named if not source(name).is_file()] == []


@pytest.mark.parametrize("document", LINKED, ids=lambda document: document.name)
def test_links_lead_to_files_that_are_there(document: Path) -> None:
    """Each link of a document to a file of this repository leads to one."""
    linked = [found[0] for found in LINK.findall(document.read_text())]

    assert [name for name in linked if not (document.parent / name).exists()] == []


def sights() -> list[list[str]]:
    """The file and the function of each row of the tour."""
    lines = (ROOT / "docs" / "tour.md").read_text().splitlines()
    return [QUOTED.findall(line)[:2] for line in lines if line.startswith("| `")]


@pytest.mark.parametrize(("file", "function"), sights())
def test_a_file_of_the_tour_defines_what_to_look_at(file: str, function: str) -> None:
    """The class or function that the tour names is defined in the file beside it."""
    assert defined(file, function)


@pytest.mark.parametrize("stage", stages(), ids=lambda stage: stage.name)
def test_a_stage_names_functions_of_its_files(stage: Stage) -> None:
    """Each file of a stage defines one of the functions beside it, and each of these is in one."""
    files = {file for file in stage.files if any(defined(file, f) for f in stage.functions)}
    functions = {f for f in stage.functions if any(defined(file, f) for file in stage.files)}

    assert stage.files
    assert (files, functions) == (set(stage.files), set(stage.functions))


def test_the_stages_have_the_spans_that_a_trace_has() -> None:
    """The README's table names the spans that are made, each once and in their order."""
    made = [edge.child for edge in edges_of_task("tasks", "POST")]

    assert [span for stage in stages() for span in stage.spans] == made

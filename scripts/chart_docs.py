"""Write each chart's values.schema.json, and the values' table in its README, from values.yaml.

In values.yaml each setting has a line `# -- what it is`, and, where its default does not say all
about its type, a line `# @schema {...}` with JSON Schema in YAML's short form. With --check nothing
is written: the exit code is 1 where a file is not what it should be.
"""

from __future__ import annotations

import json
import re
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

if TYPE_CHECKING:
    from collections.abc import Iterator

CHART = Path(__file__).parents[1] / "charts/queue-system"
SUBCHART = CHART / "charts/redis"
BEGIN, END = "<!-- values: written by scripts/chart_docs.py -->\n", "<!-- end of values -->\n"
LINE = 120
DEFINITIONS: dict[str, Any] = yaml.safe_load(
    Path(__file__).with_name("chart_definitions.yaml").read_text()
)
TYPES = {bool: "boolean", int: "integer", str: "string", list: "array", dict: "object"}


@dataclass(frozen=True)
class Setting:
    """One value that can be set."""

    path: tuple[str, ...]
    default: Any
    what: str
    schema: dict[str, Any]


def read_settings(text: str) -> Iterator[Setting]:
    """Yield the settings of a values.yaml in their order.

    Raises ValueError for one that nothing is said about.
    """
    values = yaml.safe_load(text)
    where: list[tuple[int, str, bool]] = []
    what, schema = "", {}
    for line in text.splitlines():
        indent, rest = len(line) - len(line.lstrip()), line.strip()
        if rest.startswith("# -- "):
            what = rest.removeprefix("# -- ")
        elif rest.startswith("# @schema "):
            schema = yaml.safe_load(rest.removeprefix("# @schema "))
        elif match := re.match(r"([A-Za-z][\w.-]*):( |$)", rest):
            while where and where[-1][0] >= indent:
                where.pop()
            inside = any(told for _, _, told in where)
            where.append((indent, match[1], bool(what)))
            path = tuple(key for _, key, _ in where)
            default = _at(values, path)
            if what:
                yield Setting(path, default, what, {"type": TYPES[type(default)], **schema})
            elif not inside and not (isinstance(default, dict) and default):
                msg = f"values.yaml says nothing about {'.'.join(path)}"
                raise ValueError(msg)
            what, schema = "", {}


def _at(values: Any, path: tuple[str, ...]) -> Any:  # noqa: ANN401 - any YAML
    for key in path:
        values = values[key]
    return values


def schema_of(settings: list[Setting]) -> dict[str, Any]:
    """Return the strict schema: every key is known, and none may be taken away.

    Raises ValueError for a key that is there twice, of which YAML takes the last.
    """
    root = _section()
    for setting in settings:
        section = root
        for key in setting.path[:-1]:
            _require(section, key)
            section = section["properties"].setdefault(key, _section())
        if setting.path[-1] in section["required"]:
            msg = f"values.yaml has {'.'.join(setting.path)} twice"
            raise ValueError(msg)
        _require(section, setting.path[-1])
        schema = dict(setting.schema)
        if "$ref" in schema:
            schema.pop("type")
        section["properties"][setting.path[-1]] = schema
    # An umbrella chart switches this one by `enabled`, and its `global` is that of all its charts.
    root["properties"]["enabled"] = {"type": "boolean"}
    root["properties"].setdefault("global", {"type": "object"}).pop("additionalProperties", None)
    root["properties"]["global"].pop("required", None)
    root["required"] = [key for key in root["required"] if key != "global"]
    used = _definitions(root)
    used |= _definitions({name: DEFINITIONS[name] for name in used})
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "$comment": "Written by scripts/chart_docs.py from values.yaml.",
        **root,
        "$defs": {name: DEFINITIONS[name] for name in sorted(used)},
    }


def _definitions(schema: dict[str, Any]) -> set[str]:
    """Return the names of the definitions that a schema refers to."""
    return set(re.findall(r"#/\$defs/(\w+)", json.dumps(schema)))


def _section() -> dict[str, Any]:
    return {"type": "object", "additionalProperties": False, "required": [], "properties": {}}


def _require(section: dict[str, Any], key: str) -> None:
    if key not in section["required"]:
        section["required"].append(key)


def laid_out(node: object, indent: str = "") -> str:
    """Return JSON with what fits into a line on one line."""
    line = json.dumps(node)
    if len(indent) + len(line) <= LINE or not isinstance(node, dict):
        return line
    inner = f",\n{indent}  ".join(
        f"{json.dumps(key)}: {laid_out(value, indent + '  ')}" for key, value in node.items()
    )
    return f"{{\n{indent}  {inner}\n{indent}}}"


def table_of(settings: list[Setting]) -> str:
    """Return the settings as a table in Markdown."""
    lines = ["| value | default | what |", "|---|---|---|"]
    for setting in settings:
        default = json.dumps(setting.default, ensure_ascii=False).strip('"')
        shown = f"`{default}`" if default else ""
        what = setting.what.replace("|", "\\|")
        lines.append(f"| `{'.'.join(setting.path)}` | {shown} | {what} |")
    return "\n".join(lines) + "\n"


def files() -> Iterator[tuple[Path, str]]:
    """Yield the files that are written, with what belongs into them."""
    own = list(read_settings((CHART / "values.yaml").read_text()))
    redis = list(read_settings((SUBCHART / "values.yaml").read_text()))
    for chart, settings in ((CHART, own), (SUBCHART, redis)):
        yield chart / "values.schema.json", laid_out(schema_of(settings)) + "\n"
    below = [Setting(("redis", *s.path), s.default, s.what, s.schema) for s in redis]
    shown = [setting for setting in own if setting.path != ("redis",)]
    readme = CHART / "README.md"
    before, rest = readme.read_text().split(BEGIN)
    yield readme, before + BEGIN + "\n" + table_of(shown + below) + "\n" + END + rest.split(END)[1]


def main() -> int:
    """Write the files, or with --check tell which of them are not current."""
    stale = [(path, text) for path, text in files() if not _is(path, text)]
    check = "--check" in sys.argv[1:]
    for path, text in stale:
        name = path.relative_to(CHART.parents[1])
        sys.stdout.write(f"{name} is not current: make chart-docs\n" if check else f"{name}\n")
        if not check:
            path.write_text(text)
    return 1 if check and stale else 0


def _is(path: Path, text: str) -> bool:
    return path.exists() and path.read_text() == text


if __name__ == "__main__":
    sys.exit(main())

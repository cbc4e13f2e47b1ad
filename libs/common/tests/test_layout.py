"""The layout in Redis: Python and the scripts define the same keys, codes and record."""

from __future__ import annotations

import re
import struct

import pytest
import redis.asyncio

from queue_common.queue.consuming import settlement
from queue_common.queue.storage import codes, record
from queue_common.queue.storage.keys import Key
from queue_common.queue.storage.scripts import lua_files, script_names, source

LUA = lua_files()
ALL_LUA = "\n".join(LUA.values())
PYTHON_ONLY = {
    Key.API_KEYS, Key.API_KEYS_USED, Key.AUDIT, Key.CHANGES, Key.SIGNING_SECRETS,
    Key.WORKER_INFOS, Key.WORKER_INFO,
}  # fmt: skip
PYTHON_TYPES = {"c1": "c", "c8": "8s", "I8": "Q", "I4": "I", "I2": "H"}


def _constants(pattern: str) -> dict[str, str]:
    """Return the names and values of Lua's ``local NAME = …`` that match."""
    return dict(re.findall(rf"^local (\w+) = {pattern}", ALL_LUA, re.MULTILINE))


def _numbers(names: str) -> list[int]:
    (values,) = re.findall(rf"^local {names} = ([\d, ]+)$", LUA["prelude"], re.MULTILINE)
    return [int(value) for value in values.split(", ")]


def _python_format(lua_format: str) -> str:
    return ">" + "".join(PYTHON_TYPES[part] for part in re.findall(r"[cI]\d", lua_format))


def test_both_sides_list_the_same_keys() -> None:
    """``prelude.lua`` derives the keys that ``Key`` lists, under the same names."""
    assert _constants(r"Q \.\. '(.*?)'") == {
        key.name: key.value for key in Key if key not in PYTHON_ONLY
    }


def test_each_key_is_described() -> None:
    """Behind each key, ``prelude.lua`` says its type and content."""
    keys = re.findall(r"^local \w+ = Q \.\. .*", LUA["prelude"], re.MULTILINE)

    assert [
        line
        for line in keys
        if not re.search(r"' +-- (string|list|set|zset|hash|stream): \w", line)
    ] == [line for line in keys if "':'" in line]


def test_no_script_names_a_key_of_its_own() -> None:
    """Only ``prelude.lua`` derives keys from the hash tag."""
    assert [name for name, text in LUA.items() if re.search(r"\bQ \.\.", text)] == ["prelude"]


@pytest.mark.parametrize("prefix", ["STATE_", "CANCEL_", "ACTION_", "EVIDENCE_"])
def test_both_sides_use_the_same_codes(prefix: str) -> None:
    """A code has one name and one value; Python does not send ``ACTION_CANCELLED``."""
    in_lua = {k: v for k, v in _constants("'(.)'").items() if k.startswith(prefix)}
    in_python = {k: v.decode() for k, v in vars(codes).items() if k.startswith(prefix)}

    assert in_python == {k: v for k, v in in_lua.items() if k != "ACTION_CANCELLED"}


@pytest.mark.parametrize(
    ("lua_name", "python"),
    [
        ("MUTABLE, MUTABLE_BYTES", record.MUTABLE),
        ("IMMUTABLE, HEADER_BYTES", record.IMMUTABLE),
        ("ORDER", settlement.ORDER),
    ],
)
def test_both_sides_pack_the_same_fields(lua_name: str, python: struct.Struct) -> None:
    """A struct has the same fields in the same order."""
    (lua_format,) = re.findall(rf"^local {lua_name} = '(>.*?)'", ALL_LUA, re.MULTILINE)

    assert _python_format(lua_format) == python.format


def test_lua_knows_the_records_offsets() -> None:
    """The offsets in ``prelude.lua`` follow from the structs in ``record.py``."""
    fields = struct.calcsize
    start = record.MUTABLE.size

    assert _numbers("SINCE_AT, CANCEL_AT, MAGIC_AT, DIGEST_AT, LANE_BYTES_AT") == [
        record.SINCE_AT, fields(">cQIH"), start, start + fields(">c"), start + fields(">c8s"),
    ]  # fmt: skip
    assert f"MUTABLE_BYTES = '>c1I8I4I2c1', {start}" in LUA["prelude"]
    assert f"HEADER_BYTES = '>c1c8I2I4', {record.HEADER_BYTES}" in LUA["prelude"]


@pytest.mark.parametrize("name", script_names())
async def test_each_script_compiles_with_room_to_grow(
    raw_redis: redis.asyncio.Redis, name: str
) -> None:
    """Redis compiles each script, even with five more local variables: Lua allows 200."""
    await raw_redis.script_load("local a, b, c, d, e\n" + source(name))

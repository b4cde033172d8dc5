"""Reads include/hop.h: statuses, functions and structs, with their types."""

from __future__ import annotations

import ctypes
import re
from typing import Any

from support import ROOT

HANDLES = (
    "context",
    "structure",
    "potential",
    "optimizer",
    "model",
    "trainer",
    "trajectory",
    "archive",
)
SCALARS = {
    "int": ctypes.c_int,
    "int32_t": ctypes.c_int32,
    "int64_t": ctypes.c_int64,
    "uint64_t": ctypes.c_uint64,
    "size_t": ctypes.c_size_t,
    "double": ctypes.c_double,
}


def _text() -> str:
    text = (ROOT / "include" / "hop.h").read_text()
    return re.sub(r"/\*.*?\*/", " ", text, flags=re.S)


def version() -> tuple[int, ...]:
    parts = dict(re.findall(r"#define HOP_VERSION_(\w+) (\d+)", _text()))
    return tuple(int(parts[name]) for name in ("MAJOR", "MINOR", "PATCH"))


def statuses() -> dict[str, int]:
    found = re.findall(r"\bX\((\w+), (-?\d+), \"", _text())
    return {name: int(value) for name, value in found}


def type_of(declaration: str) -> Any:
    """A scalar's ctypes type, "text", "pointer", "callback" or None."""
    declaration = " ".join(declaration.replace("*", " * ").split())
    words = [word for word in declaration.split() if word != "const"]
    if "*" in words:
        text = words[:2] == ["char", "*"] and "const" in declaration
        return "text" if text else "pointer"
    if words[0] == "void":
        return None
    if words[0].endswith("_function"):
        return "callback"
    return SCALARS[words[0]]


def functions() -> dict[str, tuple[Any, list[Any]]]:
    """name: (type of the result, types of the arguments)"""
    found = {}
    pattern = r"HOP_API\s+([^;()]*?)(hop_\w+)\(([^;]*?)\);"
    for result, name, arguments in re.findall(pattern, _text(), flags=re.S):
        parts = [part.strip() for part in arguments.split(",")]
        types = [] if parts == ["void"] else [type_of(part) for part in parts]
        found[name] = (type_of(result), types)
    return found


def structs() -> dict[str, list[tuple[str, Any]]]:
    """name: fields as (name, type)"""
    found = {}
    pattern = r"typedef struct hop_\w+ \{(.*?)\} (hop_\w+);"
    for body, name in re.findall(pattern, _text(), flags=re.S):
        fields = []
        for line in body.split(";"):
            line = " ".join(line.split())
            function = re.search(r"\(\*(\w+)\)", line)
            array = re.search(r"(\w+)\[(\d+)\]$", line)
            if array:
                fields.append((array.group(1), type_of(line) * int(array.group(2))))
            elif function:
                fields.append((function.group(1), "callback"))
            elif line:
                fields.append((re.findall(r"\w+", line)[-1], type_of(line)))
        found[name] = fields
    return found

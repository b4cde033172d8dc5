"""
tutorial.py [FILE]: run the Python of docs/tutorial.md, block after block, in one namespace.

A section with <!-- needs: MODULE --> is left out where that module is not installed.
"""

from __future__ import annotations

import importlib.util
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Optional


def sections(text: str) -> Iterator[tuple[str, Optional[str], list[tuple[int, str]]]]:
    """Title, module needed, and (line, code) of each block."""
    starts = [match.start() for match in re.finditer(r"^## ", text, flags=re.M)]
    for begin, end in zip(starts, [*starts[1:], len(text)]):
        part = text[begin:end]
        needs = re.search(r"<!-- needs: (\w+) -->", part)
        blocks = [
            (text.count("\n", 0, begin + found.start(1)), found.group(1))
            for found in re.finditer(r"```python\n(.*?)```", part, flags=re.S)
        ]
        title = part.splitlines()[0][3:]
        yield title, needs.group(1) if needs else None, blocks


def run(path: Path) -> list[str]:
    """The titles of the sections that were left out."""
    names: dict[str, Any] = {"__name__": "__main__"}
    left_out = []
    for title, module, blocks in sections(path.read_text()):
        if module is not None and importlib.util.find_spec(module) is None:
            left_out.append(title)
            continue
        for line, code in blocks:
            exec(compile("\n" * line + code, str(path), "exec"), names)
    return left_out


if __name__ == "__main__":
    default = Path(__file__).resolve().parents[2] / "docs" / "tutorial.md"
    skipped = run(Path(sys.argv[1]) if len(sys.argv) > 1 else default)
    print("left out:", ", ".join(skipped) or "nothing")

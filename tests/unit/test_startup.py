"""Nothing before its time: what may not be loaded when `initialize` is answered, or for a session."""

from __future__ import annotations

import subprocess
import sys

HEAVY = {
    "anyio", "argparse", "asyncio", "dataclasses", "httpx", "importlib.metadata", "inspect", "logging",
    "pydantic", "pydantic_core", "ssl", "subprocess", "threading", "tree_sitter",
}  # fmt: skip
FOR_LATER = {
    "PIL", "acp_agent.context.mentions", "acp_agent.tools.mcp", "argparse", "httpx", "httpx2",
    "importlib.metadata", "mcp", "mcp_types", "pydantic", "sqlite3", "tree_sitter",
}  # fmt: skip


def loaded_after(statement: str) -> set[str]:
    code = f"{statement}\nimport sys\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-I", "-c", code],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
        encoding="utf-8",
    )
    return set(done.stdout.split())


def loaded_by_the_interpreter() -> set[str]:
    """An editable install or a coverage hook may load things of its own."""
    return loaded_after("pass")


def test_the_handshake_loads_nothing_heavy() -> None:
    assert loaded_after("import acp_agent.cli.serve") & HEAVY <= loaded_by_the_interpreter()


def test_a_session_loads_neither_http_nor_syntax() -> None:
    loaded = loaded_after("import acp_agent.assembly.serving, acp_agent.acp.connection")
    assert loaded & FOR_LATER <= loaded_by_the_interpreter()


def test_the_bridge_loads_next_to_nothing() -> None:
    parts = ("cli.connect", "transport.addresses", "transport.links", "transport.tokens")
    loaded = loaded_after(f"import {', '.join(f'acp_agent.{part}' for part in parts)}")
    assert loaded & {*HEAVY, "json"} <= loaded_by_the_interpreter()

"""The entry for the ACP registry passes what the registry checks: file, icon, and how the agent starts."""

from __future__ import annotations

import json
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any, cast
from xml.etree import ElementTree

import pytest
from jsonschema import Draft7Validator, validate

from acp_agent import __version__
from tests.support.workbench import Workbench, agent_command

ROOT = Path(__file__).parents[2]
ENTRY = ROOT / "editor-configs" / "registry" / "acp-agent"
WAIT_S = 20
TEXT = {"type": "string", "minLength": 1}
STRINGS = {"type": "array", "items": {"type": "string"}}
SCHEMA = {
    "type": "object",
    "required": ["id", "name", "version", "description", "distribution"],
    "additionalProperties": False,
    "properties": {
        "id": {"type": "string", "pattern": "^[a-z][a-z0-9-]*$"},
        "name": TEXT,
        "version": {"type": "string", "pattern": r"^[0-9]+\.[0-9]+\.[0-9]+$"},
        "description": TEXT,
        "repository": {"type": "string", "pattern": "^https://"},
        "website": {"type": "string", "pattern": "^https://"},
        "authors": STRINGS,
        "license": TEXT,
        "distribution": {
            "type": "object",
            "minProperties": 1,
            "additionalProperties": False,
            "properties": {
                "uvx": {
                    "type": "object",
                    "required": ["package"],
                    "additionalProperties": False,
                    "properties": {
                        "package": TEXT,
                        "args": STRINGS,
                        "env": {"type": "object", "additionalProperties": {"type": "string"}},
                    },
                }
            },
        },
    },
}
"""The registry's rules for an entry that is started with uvx, and no unknown keys besides."""
INITIALIZE = {
    "jsonrpc": "2.0",
    "id": 1,
    "method": "initialize",
    "params": {
        "protocolVersion": 1,
        "clientInfo": {"name": "ACP Registry Validator", "version": "1.0.0"},
        "clientCapabilities": {
            "terminal": True,
            "fs": {"readTextFile": True, "writeTextFile": True},
            "_meta": {"terminal_output": True, "terminal-auth": True},
        },
    },
}
"""What the registry's own client sends."""
COLOURS = {"currentcolor", "none", "inherit"}


def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """An object of the entry, which may not say anything twice."""
    keys = [key for key, _ in pairs]
    assert len(keys) == len(set(keys)), keys
    return dict(pairs)


@pytest.fixture
def entry() -> dict[str, Any]:
    text = (ENTRY / "agent.json").read_text(encoding="utf-8")
    return cast("dict[str, Any]", json.loads(text, object_pairs_hook=unique))


def command(entry: dict[str, Any]) -> list[str]:
    """What uvx runs: the command that is named like the package."""
    assert entry["distribution"]["uvx"]["package"].partition("==")[0] == Path(agent_command()[0]).name
    return [*agent_command(), *entry["distribution"]["uvx"].get("args", [])]


def test_the_entry_is_well_formed(entry: dict[str, Any]) -> None:
    validate(entry, SCHEMA, Draft7Validator)
    assert entry["id"] == ENTRY.name


def test_its_versions_are_ours(entry: dict[str, Any]) -> None:
    """The same version everywhere, and never `latest`."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert entry["version"] == project["version"] == __version__
    assert entry["distribution"]["uvx"]["package"] == f"{project['name']}=={project['version']}"
    assert (entry["description"], entry["license"]) == (project["description"], project["license"])
    assert entry["id"] in project["scripts"]


def test_the_icon() -> None:
    """16 by 16, and in the colour of the text around it; comments break the page it is set into."""
    text = (ENTRY / "icon.svg").read_text(encoding="utf-8")
    assert "<!--" not in text
    assert "<style" not in text
    assert "style=" not in text
    root = ElementTree.fromstring(text)
    assert root.tag == "{http://www.w3.org/2000/svg}svg"
    assert (root.get("width"), root.get("height"), root.get("viewBox")) == ("16", "16", "0 0 16 16")
    used = {value.lower() for each in root.iter() for name in ("fill", "stroke") if (value := each.get(name))}
    assert "currentcolor" in used
    assert used <= COLOURS


def test_the_first_line_is_the_answer_to_initialize(workbench: Workbench, entry: dict[str, Any]) -> None:
    """In a home where nothing is, with a terminal that can nothing, without settings or a key."""
    home = workbench.root / "sandbox"
    home.mkdir()
    env = {"PATH": workbench.bare_environment()["PATH"], "HOME": str(home), "TERM": "dumb"}
    done = subprocess.run(
        command(entry),
        cwd=home,
        env=env,
        input=json.dumps(INITIALIZE) + "\n",
        capture_output=True,
        encoding="utf-8",
        timeout=WAIT_S,
        check=False,
    )
    (line,) = done.stdout.splitlines()
    answer = json.loads(line)
    assert (answer["id"], answer["result"]["protocolVersion"]) == (1, 1)
    assert answer["result"]["agentInfo"]["version"] == entry["version"]
    methods = answer["result"]["authMethods"]
    assert [method for method in methods if method.get("type", "agent") == "agent" and "_meta" not in method]
    assert all(re.fullmatch(r"\S+", method["id"]) and method["name"] for method in methods)
    assert (done.returncode, done.stderr) == (0, "")


def test_it_starts_with_an_empty_input(workbench: Workbench, entry: dict[str, Any]) -> None:
    done = subprocess.run(
        command(entry),
        cwd=workbench.root,
        env=workbench.bare_environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=WAIT_S,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")

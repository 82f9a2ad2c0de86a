"""Where a test's agent lives: a project, a home of its own, and its settings. Nothing outside is touched."""

from __future__ import annotations

import json
import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tests.support.phrases import PHRASES

if TYPE_CHECKING:
    from tests.support.wire import JsonObject

COMMAND_VARIABLE = "ACP_AGENT_TEST_COMMAND"
FILES = {
    "a.txt": "alpha\nbeta\ngamma\ndelta\nepsilon\n",
    "b.txt": "one\ntwo\n",
    "ünï.txt": "grüße, 世界 🌍\n",
}


def agent_command() -> list[str]:
    """The agent under test: from the environment, else the one installed beside this Python."""
    if given := os.environ.get(COMMAND_VARIABLE):
        return shlex.split(given)
    return [str(Path(sys.executable).with_name("acp-agent"))]


class Workbench:
    """Folders under `root`: `project` with FILES, `home`, `config` and `data`."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.project = self.root / "project"
        self.home = self.root / "home"
        self.config = self.root / "config"
        self.data = self.root / "data"
        for folder in (self.project, self.home, self.config, self.data):
            folder.mkdir()
        for name, text in FILES.items():
            self.write(name, text)

    def write(self, name: str, text: str) -> Path:
        path = self.project / name
        path.write_text(text, encoding="utf-8")
        return path

    def read(self, name: str) -> str:
        return (self.project / name).read_text(encoding="utf-8")

    def configure(self, script: JsonObject = PHRASES, **settings: object) -> None:
        """Settings that use the scripted model; `settings` are added to them."""
        path = self.root / "script.json"
        path.write_text(json.dumps(script), encoding="utf-8")
        providers = {"script": {"provider_type": "scripted", "script": str(path)}}
        self.settle({"provider": "script", "providers": providers, **settings})

    def settle(self, settings: JsonObject) -> None:
        """Exactly these settings."""
        (self.config / "config.json").write_text(json.dumps(settings), encoding="utf-8")

    def environment(self, **more: str) -> dict[str, str]:
        """What the agent is started with: an ordinary environment, every folder under `root`."""
        return {
            **self.bare_environment(),
            "HOME": str(self.home),
            "LANG": "C.UTF-8",
            "TERM": "dumb",
            "XDG_CACHE_HOME": str(self.home / ".cache"),
            "XDG_STATE_HOME": str(self.home / ".local" / "state"),
            **more,
        }

    def bare_environment(self) -> dict[str, str]:
        """As little as some editors pass: the search path, and what their user configured."""
        return {
            "PATH": os.environ["PATH"],
            "ACP_AGENT_CONFIG_DIR": str(self.config),
            "ACP_AGENT_DATA_DIR": str(self.data),
        }

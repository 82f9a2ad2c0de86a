"""What the demo plays on: a scratch project in git, settings of its own, and a check of how it ends."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple, cast

if TYPE_CHECKING:
    from collections.abc import Mapping

DATA = Path(__file__).with_name("demo_data")
CODE = "durations.py"
CHECK_LIMIT_S = 30.0
"""For git, or for the test, which take a fraction of a second."""
PAUSES = ("delay_s", "pause_s")


class Stage(NamedTuple):
    """Folders of the demo's own, so that the user's settings and data are neither used nor touched."""

    project: Path
    config: Path
    data: Path
    original: str
    """The code as it is before the turn."""

    def environment(self) -> dict[str, str]:
        """Ours without what would change the demo's settings, and with a `python3` for its command."""
        env = {name: value for name, value in os.environ.items() if not name.startswith("ACP_AGENT_")}
        path = os.pathsep.join([os.path.dirname(sys.executable), env.get("PATH", os.defpath)])
        return {
            **env,
            "PATH": path,
            "ACP_AGENT_CONFIG_DIR": str(self.config),
            "ACP_AGENT_DATA_DIR": str(self.data),
        }


def set_stage(root: Path, *, pauses: bool) -> Stage:
    """Makes the folders under `root`; without `pauses`, the model is as quick as it can be."""
    original = (DATA / "project" / f"{CODE}.txt").read_text(encoding="utf-8")
    stage = Stage(root / "project", root / "config", root / "data", original)
    for folder in (stage.project, stage.config, stage.data):
        folder.mkdir()
    for file in sorted((DATA / "project").iterdir()):
        (stage.project / file.name.removesuffix(".txt")).write_bytes(file.read_bytes())
    script = stage.config / "script.json"
    scene = json.loads((DATA / script.name).read_text(encoding="utf-8"))
    script.write_text(json.dumps(scene if pauses else _without_pauses(scene)), encoding="utf-8")
    providers = {"script": {"provider_type": "scripted", "script": str(script)}}
    settings = {"provider": "script", "providers": providers, "permission": "standard"}
    (stage.config / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    _commit(stage)
    return stage


def remove(root: Path) -> None:
    """Removes everything, as far as that is possible."""
    shutil.rmtree(root, ignore_errors=True)


def fault(stage: Stage, *, tested: bool) -> str:
    """What is not as it should be at the end; empty when the code is changed and the test passes.

    `tested` tells whether the agent ran the test to a good end. What it says of it is no
    proof, so the test is run here once more.
    """
    if (stage.project / CODE).read_text(encoding="utf-8") == stage.original:
        return "The code was not changed."
    if not tested:
        return "The code was changed, but the agent did not get to run the test to a good end."
    test = [sys.executable, "-B", "-m", "unittest", "--quiet"]
    if not _succeeds(test, stage.project, stage.environment()):
        return "The code was changed, but its test fails."
    return ""


def _without_pauses(value: object) -> object:
    if isinstance(value, list):
        items = [_without_pauses(item) for item in cast("list[object]", value)]
        return [item for item in items if item != {}]
    if isinstance(value, dict):
        fields = cast("dict[str, object]", value)
        return {key: _without_pauses(item) for key, item in fields.items() if key not in PAUSES}
    return value


def _commit(stage: Stage) -> None:
    """Makes the project a git repository, if there is git; nothing of the user's settings is used."""
    git = shutil.which("git")
    if git is None:
        return
    env = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    env |= {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    identity = ["-c", "user.name=acp-agent demo", "-c", "user.email=demo@localhost"]
    for command in (["init", "-q"], ["add", "."], [*identity, "commit", "-q", "-m", "Durations"]):
        _succeeds([git, *command], stage.project, env)


def _succeeds(command: list[str], cwd: Path, env: Mapping[str, str]) -> bool:
    """Whether a command runs to a good end; what it prints is not shown."""
    try:
        ended = subprocess.run(
            command,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            check=False,
            timeout=CHECK_LIMIT_S,
        )
    except (OSError, subprocess.TimeoutExpired):
        return False
    return ended.returncode == 0

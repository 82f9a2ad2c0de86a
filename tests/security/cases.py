"""The tables of attacks and controls, and the ground that each of them is tried on.

A case is one way to get round the gate, or something like it that must not be in the way, with the
inputs that try it (`probes`: commands for bash, or a tool and its input) and the verdicts that are right.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from acp_agent.assembly.deciding import Circumstances, Deciding
from acp_agent.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tests.support.wire import JsonObject
    from tests.support.workbench import Workbench

TABLES = Path(__file__).parent / "tables"
MARKER = "PWNED"
"""What an attack that works leaves behind, somewhere."""
FILES = {
    "f": "one\ntwo\n",
    "x": f"#!/bin/sh\ntouch {MARKER}\n",
    "rg": f"#!/bin/sh\ntouch {MARKER}\n",
    "a.tmp": "",
    "src/index.ts": "const f = () => 1;\n",
    "src/x.txt": "",
    "sub/old.txt": "",
    "docs/guide.md": "",
    "Makefile": "check:\n\t@echo checked\n",
    "package.json": '{"scripts": {"test": "echo tested"}}\n',
}
OUTSIDE = {".bashrc": "# mine\n", ".ssh/id_rsa": "a key\n", "x": "mine\n"}
"""In the home folder: nobody may change or, without asking, read it."""
QUIET = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}


class Case(NamedTuple):
    """One row. In texts `{workspace}`, `{home}` and `{config}` are those folders."""

    group: str
    id: str
    title: str
    probes: tuple[str | JsonObject, ...]
    verdict: tuple[str, ...]
    """The right ones: allow, ask or deny."""
    mode: str = "standard"
    rules: tuple[tuple[str, str, str], ...] = ()
    """Operation, pattern, action."""
    files: Mapping[str, str] = {}
    links: Mapping[str, str] = {}
    """What is at a path in the workspace, and where it leads."""
    git: Mapping[str, str] = {}
    """The repository's own configuration."""
    cwd: str = "."
    """Where the session begins."""
    claims: tuple[str, ...] = ()
    """Paths that must be among what is claimed."""
    wire: bool = True
    """Whether it is tried on a running agent too."""


class Ground(NamedTuple):
    """Where a case is tried: folders of its own below a workbench."""

    bench: Workbench
    top: Path
    workspace: Path
    cwd: Path

    def filled(self, value: str) -> str:
        for name, folder in (
            ("workspace", self.workspace),
            ("home", self.bench.home),
            ("config", self.bench.config),
        ):
            value = value.replace(f"{{{name}}}", str(folder))
        return value

    def call(self, probe: str | JsonObject) -> tuple[str, JsonObject]:
        """The tool that a probe calls, and its arguments."""
        if isinstance(probe, str):
            return "bash", {"command": probe}
        given = cast("dict[str, object]", probe["input"])
        filled = {key: self.filled(each) if isinstance(each, str) else each for key, each in given.items()}
        return probe["tool"], filled

    def everything(self) -> dict[str, bytes | str]:
        """What an attack could have changed: the case's folders, home and settings."""
        tops = (self.top, self.bench.home, self.bench.config)
        return dict(pair for top in tops for pair in _contents(top))


def _contents(top: Path) -> Iterator[tuple[str, bytes | str]]:
    for folder, folders, names in os.walk(top):
        for name in (*names, *folders):
            path = os.path.join(folder, name)
            if os.path.islink(path):
                yield path, os.readlink(path)
            elif name in folders:
                yield path, "a folder"
            elif ".local/state" not in path and not path.endswith(".git/index"):  # logs; what git looked up
                yield path, Path(path).read_bytes()


def cases(table: str) -> list[Case]:
    """The rows of a table, as they stand in it."""
    groups: dict[str, list[JsonObject]] = json.loads((TABLES / table).read_text(encoding="utf-8"))
    return [_case(group, row) for group, rows in groups.items() for row in rows]


def _case(group: str, row: JsonObject) -> Case:
    unknown = row.keys() - Case._fields
    assert not unknown, f"{row['id']}: {unknown}"
    fields: dict[str, Any] = {**row, "probes": tuple(row["probes"]), "verdict": tuple(row["verdict"])}
    fields["rules"] = tuple(tuple(rule) for rule in row.get("rules", ()))
    fields["claims"] = tuple(row.get("claims", ()))
    return Case(group, **fields)


def template(folder: Path) -> Path:
    """A repository with one commit, to be copied."""
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for name in ("x", "rg"):
        (folder / name).chmod(0o755)
    git(folder, "init", "-q", "--template=")
    git(folder, "add", ".")
    git(folder, "-c", "user.name=A", "-c", "user.email=a@example.com", "commit", "-qm", "first")
    return folder


def settle(bench: Workbench, case: Case, script: JsonObject) -> None:
    """Gives the user the settings of the case."""
    rules = [{"operation": rule[0], "pattern": rule[1], "action": rule[2]} for rule in case.rules]
    bench.configure(script, permission={"mode": case.mode, "rules": rules})


def lay(bench: Workbench, case: Case, repository: Path) -> Ground:
    """Builds what the case needs; `repository` is a template."""
    for name, text in OUTSIDE.items():
        path = bench.home / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    top = bench.root / "cases" / case.id
    workspace = top / "inner" / "workspace"
    shutil.copytree(repository, workspace, symlinks=True)
    ground = Ground(bench, top, workspace, Path(os.path.normpath(workspace / case.cwd)))
    for name, text in case.files.items():
        path = workspace / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for name, target in case.links.items():
        path = Path(os.path.normpath(workspace / name))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.symlink_to(ground.filled(target))
    for key, value in case.git.items():
        git(workspace, "config", key, value)
    return ground


def decided(ground: Ground, probe: str | JsonObject) -> tuple[str, set[str]]:
    """What is decided, as `acp-agent why` does, and what is claimed. What cannot be called is denied."""
    deciding = Deciding(Circumstances(str(ground.cwd)), os.environ)
    try:
        explained = deciding.consider(*ground.call(probe))
    except ToolError:
        return "deny", set()
    return explained.decision.verdict, {claim.resource for claim in explained.claims}


def git(folder: Path, *words: str) -> None:
    """Without anybody's own configuration."""
    env = {**os.environ, **QUIET}
    subprocess.run(["git", "-C", str(folder), *words], check=True, capture_output=True, env=env, timeout=20)

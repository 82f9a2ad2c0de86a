"""Where the project decides what a program runs, `--version` is not harmless."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.permission.support import Bench

DECIDED = [
    ("rust-toolchain.toml", '[toolchain]\npath = "./evil"\n', "cargo --version"),
    ("rust-toolchain", "./evil\n", "rustc --version"),
    ("global.json", "{}", "dotnet --version"),
]
ALWAYS = [
    "yarn --version",
    "pnpm --version",
    "npx --version",
    "corepack --version",
    "./gradlew --version",
    "./mvnw --version",
    "gradle --version",
    "poetry --version",
    "pytest --version",
    "rustup --version",
]


def program(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("#!/bin/sh\n", encoding="utf-8")
    path.chmod(0o755)


@pytest.mark.parametrize(("file", "text", "command"), DECIDED)
def test_a_file_decides_what_runs(bench: Bench, file: str, text: str, command: str) -> None:
    assert bench.verdict(command) == "allow"
    (bench.root / file).write_text(text, encoding="utf-8")
    assert bench.verdict(command) == "ask"
    assert bench.verdict(f"cd sub && {command}") == "ask"


@pytest.mark.parametrize("command", ALWAYS)
def test_programs_that_may_always_run_something_of_the_project(bench: Bench, command: str) -> None:
    assert bench.verdict(command) == "ask"


SHIMMED = [
    (".python-version", "3.12.1\n", True),
    (".python-version", "../../evil\n", False),
    (".tool-versions", "python 3.12.1\nnodejs system\n", True),
    (".tool-versions", "python path:./evil\n", False),
    ("mise.toml", "[tools]\n", False),
    (".mise.toml", "", False),
]


@pytest.mark.parametrize(("file", "text", "harmless"), SHIMMED)
def test_shims(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, text: str, harmless: bool
) -> None:
    program(tmp_path / "shims" / "python3")
    (bench.root / file).write_text(text, encoding="utf-8")
    without = os.pathsep.join(each for each in os.environ["PATH"].split(":") if not each.endswith("shims"))
    monkeypatch.setenv("PATH", without)
    assert bench.verdict("python3 --version") == "allow"
    monkeypatch.setenv("PATH", f"{tmp_path / 'shims'}:{without}")
    assert bench.verdict("python3 --version") == ("allow" if harmless else "ask")


def test_helpers_in_the_workspace(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", f"{os.environ['PATH']}:{bench.root / 'bin'}")
    assert bench.verdict("tar -tzf f.tgz") == "allow"
    program(bench.root / "bin" / "gzip")
    assert bench.verdict("tar -tzf f.tgz") == "ask"
    assert bench.verdict("zcat f.gz") == "ask"

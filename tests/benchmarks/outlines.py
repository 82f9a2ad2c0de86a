"""Outlines beside those of others, and their speed: `python -m tests.benchmarks.outlines FOLDER…`.

Python is compared with the interpreter's own parser: qualified names, and the lines in which definitions
begin. Other languages are compared with universal-ctags, if it is installed: names and their lines, in files
without errors. What only ctags finds is printed, to be looked at: most of it are calls that it takes for
definitions.
"""

from __future__ import annotations

import ast
import json
import subprocess
import sys
import time
import warnings
from collections import defaultdict
from pathlib import Path
from shutil import which
from typing import TYPE_CHECKING

from acp_adapters.syntax.files import Files
from tests.benchmarks.syntax import corpus

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

FILES = Files()
LANGUAGES = {
    "c": "C", "cpp": "C++", "go": "Go", "java": "Java", "lua": "Lua", "php": "PHP", "ruby": "Ruby",
    "rust": "Rust", "bash": "Sh", "typescript": "TypeScript", "c-sharp": "C#",
}  # fmt: skip
"""By ours, ctags' own name. Of JavaScript and Kotlin it lists properties and lambdas as functions."""
THEIRS = frozenset(
    [
        *("function", "func", "method", "methodSpec", "generator", "singletonMethod"),
        *("struct", "class", "interface", "trait", "enum", "union"),
    ]
)
OURS = frozenset(("function", "method", "constructor", "struct", "class", "interface", "trait", "enum"))
BLOCKS = (ast.stmt, ast.excepthandler, ast.match_case)
SHOWN = 40
Texts = list[tuple[Path, str]]


def defined(body: Sequence[ast.AST], within: str = "") -> Iterator[tuple[str, int]]:
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{within}.{node.name}".lstrip(".")
            yield name, node.lineno
            yield from defined(node.body, name)
        else:
            yield from defined(
                [each for each in ast.iter_child_nodes(node) if isinstance(each, BLOCKS)], within
            )


def beside_ast(files: Texts) -> str:
    both = ours_only = theirs_only = 0
    for path, text in files:
        try:
            theirs = set(defined(ast.parse(text).body))
        except (SyntaxError, ValueError):
            continue
        symbols = FILES.outline(path, text).symbols
        ours = {(each.qualified, each.line) for each in symbols if each.kind in OURS}
        both, ours_only = both + len(ours & theirs), ours_only + len(ours - theirs)
        theirs_only += len(theirs - ours)
    return f"{both} in both, {ours_only} only here, {theirs_only} only in ast"


def beside_ctags(name: str, files: Texts) -> str:
    theirs = _tags(LANGUAGES[name], [path for path, _ in files])
    both = only = 0
    lost: list[str] = []
    for path, text in files:
        found = FILES.outline(path, text)
        if found.errors or found.language != name:
            continue
        ours = {(each.name, each.line) for each in found.symbols}
        both += len(ours & theirs[path])
        only += sum((each.name, each.line) not in theirs[path] for each in found.symbols if each.kind in OURS)
        lost.extend(f"{path}:{line} {tag}" for tag, line in sorted(theirs[path] - ours))
    for each in lost[:SHOWN]:
        print(f"    {each}", file=sys.stderr)
    return f"{both} in both, {only} only here, {len(lost)} only in ctags"


def _tags(language: str, paths: Sequence[Path]) -> dict[Path, set[tuple[str, int]]]:
    command = [
        "ctags",
        "--options=NONE",
        "--output-format=json",
        "--fields=+nK",
        "--extras=-F",
        "--kinds-all=*",
    ]
    command += [f"--language-force={language}", "-f", "-", "-L", "-"]
    names = "\n".join(map(str, paths))
    done = subprocess.run(
        command, input=names, capture_output=True, text=True, timeout=600, check=True, encoding="utf-8"
    )
    found: dict[Path, set[tuple[str, int]]] = defaultdict(set)
    for line in done.stdout.splitlines():
        tag = json.loads(line)
        if tag.get("kind") in THEIRS and not tag["name"].startswith(("__anon", "Anonymous")):
            name = tag["name"].replace("operator ", "operator").rpartition("::")[2].rpartition(".")[2]
            found[Path(tag["path"])].add((name, tag["line"]))
    return found


def main(folders: list[str]) -> None:
    warnings.simplefilter("ignore")
    for name, files in sorted(corpus(folders).items()):
        start = time.process_time()
        symbols = sum(len(FILES.outline(path, text).symbols) for path, text in files)
        seconds, size = time.process_time() - start, sum(len(text) for _, text in files) / 1e6
        print(f"{name}: {len(files)} files, {size:.1f} MB, {symbols} symbols in {seconds:.2f} s")
        if name == "python":
            print(f"  {beside_ast(files)}", flush=True)
        elif name in LANGUAGES and which("ctags"):
            print(f"  {beside_ctags(name, files)}", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])

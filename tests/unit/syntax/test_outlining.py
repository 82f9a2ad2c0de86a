"""What texts define: outlines.json has a sample for each language."""

from __future__ import annotations

import ast
import json
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from acp_adapters.syntax.files import Files
from acp_adapters.syntax.languages import table
from acp_agent.workspace.syntax import GrammarMissing

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from acp_agent.workspace.syntax import Occurrence

FILES = Files()
SAMPLES: dict[str, Any] = json.loads(Path(__file__).with_name("outlines.json").read_text(encoding="utf-8"))
TEXTS = {name: "\n".join(sample["text"]) + "\n" for name, sample in SAMPLES.items()}


@pytest.mark.parametrize("name", SAMPLES)
def test_a_sample(name: str) -> None:
    found = FILES.outline(PurePath(name), TEXTS[name])
    told = [
        f"{each.first}-{each.last} {'' if each.public else 'private '}{each.kind} {each.qualified}"
        f" | {each.signature}"
        for each in found.symbols
    ]
    assert (found.language, found.errors, told) == (
        SAMPLES[name]["language"],
        False,
        SAMPLES[name]["symbols"],
    )


def test_every_language_with_a_grammar_has_a_sample() -> None:
    tried = {sample["language"] for sample in SAMPLES.values()}
    assert {name for name, language in table().languages.items() if language.grammar} - tried == {
        "tsx",
        "jsonc",
    }


@pytest.mark.parametrize("name", SAMPLES)
def test_places_are_those_of_the_names(name: str) -> None:
    plain = FILES.outline(PurePath(name), TEXTS[name]).symbols
    for symbol in plain:
        lines = TEXTS[name].split("\n")
        here = lines[symbol.line - 1][symbol.column - 1 :]
        if symbol.kind not in ("rule", "namespace", "package"):
            assert here.lstrip("\"':").replace(" ", "").startswith(symbol.name.replace(" ", "")), symbol
        assert TEXTS[name].count("\n", 0, symbol.start) + 1 == symbol.first <= symbol.line <= symbol.last
        if symbol.body:
            assert symbol.start <= symbol.body[0] <= symbol.body[1] <= symbol.end


def test_ranges_behind_characters_of_several_bytes() -> None:
    text = 'a = "éß日"; b = 1\n\n# ü\ndef ö(x):\n    return "日"\n'
    (_, _, function) = FILES.outline(PurePath("a.py"), text).symbols
    assert text[function.start : function.end] == '# ü\ndef ö(x):\n    return "日"'
    assert (function.name, function.line, function.column) == ("ö", 4, 5)
    assert function.body
    assert text[slice(*function.body)] == 'return "日"'
    assert [each.column for each in FILES.occurrences(PurePath("a.py"), text, "b")] == [12]


def test_what_belongs_to_a_definition() -> None:
    """Comments and decorators right before it; not what an empty line or other code is between."""
    text = "# far\n\n# near\n@first\n# between\n@second(\n    1\n)\ndef f():\n    pass  # end\n"
    text += "x = 1  # beside\ndef g(): pass\n"
    f, _, g = FILES.outline(PurePath("a.py"), text).symbols
    assert (f.first, f.last, f.line, f.signature) == (3, 10, 9, "def f()")
    assert (g.first, g.last) == (12, 12)
    text = "/// doc\n#[a]\n#[b] pub fn f() {}\n"
    (f,) = FILES.outline(PurePath("a.rs"), text).symbols
    assert (f.first, f.line, f.signature) == (1, 3, "pub fn f()")


def test_a_header_is_c_or_cpp() -> None:
    assert FILES.outline(PurePath("a.h"), "struct A { int x; };\n").language == "c"
    assert FILES.outline(PurePath("a.h"), "class A { public: int x(); };\n").language == "cpp"
    assert (
        FILES.outline(PurePath("a.js"), "import type {A} from 'a';\nfunction f(a: A): void {}\n").language
        == "tsx"
    )


def test_what_cannot_be_outlined() -> None:
    with pytest.raises(GrammarMissing, match="not known: read it"):
        FILES.outline(PurePath("a.txt"), "x")
    with pytest.raises(GrammarMissing, match="not told apart"):
        FILES.occurrences(PurePath("a.json"), "{}")


def test_a_broken_text_is_outlined_as_far_as_it_goes() -> None:
    found = FILES.outline(
        PurePath("a.py"), "def f():\n    pass\n\ndef g(:\n\nclass A:\n    def h(self): pass\n"
    )
    assert found.errors
    assert {"f", "A.h"} <= {each.qualified for each in found.symbols}


# Identifiers -----------------------------------------------------------------------------------------

USES = """\
import os
from a import load as l, store

class Store:
    load: int

    def load(self):
        # load
        return store("load", self.load())

store = os.load
"""


def at(found: tuple[Occurrence, ...]) -> list[str]:
    return [f"{each.role} {each.line}:{each.column} {each.within}".strip() for each in found]


def test_identifiers() -> None:
    path = PurePath("a.py")
    assert at(FILES.occurrences(path, USES, "load")) == [
        "import 2:15",
        "definition 5:5 Store",
        "definition 7:9 Store",
        "call 9:35 Store.load",
        "reference 11:12 store",
    ]
    assert at(FILES.occurrences(path, USES, "store")) == [
        "import 2:26",
        "call 9:16 Store.load",
        "definition 11:1",
    ]
    assert FILES.occurrences(path, USES, "nothing") == ()
    every = FILES.occurrences(path, USES)
    assert [each for each in every if each.name == "load"] == list(FILES.occurrences(path, USES, "load"))


CALLS = [
    ("a.go", "package a\nfunc (s *S) Get() { s.Get(); a.Get }\n", "Get", ["definition", "call", "reference"]),
    ("a.ts", "class A { run() { this.run(); new A<B>(); } }\n", "run", ["definition", "call"]),
    ("a.rs", "use a::run;\nfn run() { a::run(); run!(); }\n", "run", "import definition call call"),
    ("a.java", "import a.run;\nclass A { void run() { this.run(); } }\n", "run", "import definition call"),
    ("a.c", "int run(int a) { return run(a) + x.run; }\n", "run", ["definition", "call", "reference"]),
    ("a.cpp", "int A::run() { return b->run() + A::run(); }\n", "run", ["definition", "call", "call"]),
    ("a.rb", "def run\n  self.run(1)\nend\n", "run", ["definition", "call"]),
    ("a.php", "<?php function run() { run(); $a->run(); A::run(); }\n", "run", "definition call call call"),
    ("a.kt", "fun run() {\n    a.run()\n}\n", "run", ["definition", "call"]),
    ("a.cs", "class A { void Run() { this.Run(); Run(); } }\n", "Run", ["definition", "call", "call"]),
    ("a.swift", "func run() {\n    a.run()\n}\n", "run", ["definition", "call"]),
    ("a.lua", "function run() a.run() end\n", "run", ["definition", "call"]),
    ("a.sh", "run() { run; }\n", "run", ["definition", "call"]),
]  # fmt: skip


@pytest.mark.parametrize(("name", "text", "identifier", "roles"), CALLS, ids=[each[0] for each in CALLS])
def test_calls(name: str, text: str, identifier: str, roles: list[str] | str) -> None:
    found = FILES.occurrences(PurePath(name), text, identifier)
    wanted = roles.split() if isinstance(roles, str) else roles
    assert [each.role for each in found] == wanted


# Beside others ---------------------------------------------------------------------------------------


BLOCKS = (ast.stmt, ast.excepthandler, ast.match_case)


def defined(body: Sequence[ast.AST], within: str = "") -> Iterator[tuple[str, int, int]]:
    """What the interpreter's own parser finds: qualified names, their lines, the lines they begin in."""
    for node in body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            name = f"{within}.{node.name}".lstrip(".")
            yield name, node.lineno, min([node.lineno, *(each.lineno for each in node.decorator_list)])
            yield from defined(node.body, name)
        else:
            yield from defined(
                [each for each in ast.iter_child_nodes(node) if isinstance(each, BLOCKS)], within
            )


@pytest.mark.parametrize(
    "module", ["typing", "asyncio.tasks", "argparse", "dataclasses", "pathlib", "tarfile"]
)
def test_python_is_outlined_as_its_own_parser_does(module: str) -> None:
    file = Path(ast.__file__).parent / f"{module.replace('.', '/')}.py"
    text = (file if file.exists() else file.with_suffix("") / "__init__.py").read_text(encoding="utf-8")
    theirs = set(defined(ast.parse(text).body))
    lines = text.split("\n")
    ours: set[tuple[str, int, int]] = set()
    for each in FILES.outline(PurePath("a.py"), text).symbols:
        if each.kind in ("class", "function", "method"):
            first = next(
                n for n in range(each.first, each.line + 1) if not lines[n - 1].lstrip().startswith("#")
            )
            ours.add((each.qualified, each.line, first))
    assert ours == theirs


PIECES = [
    *"(){}[]<>;:,.=\"'`#/\\\n \té日\U0001f600",
    "def f",
    "class A",
    "func ",
    "end",
    "<<EOF",
    "/*",
    "*/",
    "${",
    "@",
    "x",
]


@given(st.sampled_from(sorted(SAMPLES)), st.data())
def test_no_text_is_too_strange(name: str, data: st.DataObject) -> None:
    text = TEXTS[name]
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(text)))
        put = "".join(data.draw(st.lists(st.sampled_from(PIECES), max_size=3)))
        text = text[:place] + put + text[place + data.draw(st.integers(0, 20)) :]
    FILES.check(PurePath(name), TEXTS[name], text)
    for each in FILES.outline(PurePath(name), text).symbols:
        assert 0 <= each.start <= each.end <= len(text)
        assert (
            text.count("\n", 0, each.start) + 1
            == each.first
            <= each.line
            <= each.last
            <= text.count("\n") + 1
        )

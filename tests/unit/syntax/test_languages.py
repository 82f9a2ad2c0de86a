"""languages.json: what it says of each language, and which language a file is in."""

from __future__ import annotations

import json
import re
import tomllib
from importlib.metadata import version
from pathlib import Path, PurePath
from typing import Any, get_args

import pytest
from jsonschema import Draft202012Validator, FormatChecker

from acp_adapters.syntax import languages
from acp_adapters.syntax.languages import language_of, table
from acp_adapters.syntax.parsing import definitions, loaded, uses
from acp_agent.workspace.syntax import SymbolKind

ROOM = Path(languages.__file__).parent
PROJECT = Path(__file__).parents[3]
TABLE: dict[str, Any] = json.loads((ROOM / "languages.json").read_text(encoding="utf-8"))
SCHEMA: dict[str, Any] = json.loads((ROOM / "languages.schema.json").read_text(encoding="utf-8"))
PYPROJECT: dict[str, Any] = tomllib.loads((PROJECT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
WITH_GRAMMAR = [name for name, language in table().languages.items() if language.grammar]
CAPTURES = {*get_args(SymbolKind), "name", "owner", "body", "prototype"}


def test_the_table_is_as_its_schema_says() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    validator: Any = Draft202012Validator(SCHEMA, format_checker=FormatChecker())
    assert [f"{error.json_path}: {error.message}" for error in validator.iter_errors(TABLE)] == []


@pytest.mark.parametrize("key", ["extensions", "names", "shebangs"])
def test_nothing_is_in_two_languages(key: str) -> None:
    given = [each for entry in TABLE["languages"].values() for each in entry.get(key, ())]
    assert len(given) == len(set(given))


def test_what_is_named_is_there() -> None:
    for language in table().languages.values():
        assert set(language.fallbacks) <= set(table().languages)
    named = {f"{query}.scm" for name in WITH_GRAMMAR for query in table().languages[name].queries}
    assert {file.name for file in (ROOM / "queries").iterdir()} == named


def test_grammars_are_brought_by_the_installation_that_the_table_names() -> None:
    def packages(requirements: list[str]) -> set[str]:
        names = (re.split(r"[<>=]", each)[0] for each in requirements)
        return {name for name in names if name.startswith("tree-sitter-")}

    grammars = [language for language in table().languages.values() if language.grammar]
    normal = {each.grammar.package for each in grammars if each.grammar and each.normal}
    extra = {each.grammar.package for each in grammars if each.grammar and not each.normal}
    assert packages(PYPROJECT["dependencies"]) == normal
    assert packages(PYPROJECT["optional-dependencies"]["grammars"]) == extra
    pinned = (PROJECT / ".ci" / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert {f"{package}=={version(package)}" for package in normal | extra} <= set(pinned)


@pytest.mark.parametrize("name", WITH_GRAMMAR)
def test_queries_fit_the_grammar(name: str) -> None:
    query = definitions(name)
    captured = {query.capture_name(index) for index in range(query.capture_count)}
    assert {each for each in captured if each[0] != "_"} <= CAPTURES
    language = table().languages[name]
    kinds = {loaded(name).node_kind_for_id(index) for index in range(loaded(name).node_kind_count)}
    assert language.comments | language.decorators | set(language.identifiers) | set(language.calls) <= kinds
    if language.identifiers:
        assert uses(name).capture_count


NAMES = [
    ("a.py", "", "python"),
    ("A.PYI", "", "python"),
    ("a.tsx", "", "tsx"),
    ("a.d.ts", "", "typescript"),
    ("a.h", "", "c"),
    ("a.hpp", "", "cpp"),
    ("a.json", "", "json"),
    ("tsconfig.json", "", "jsonc"),
    ("tsconfig.build.json", "", "jsonc"),
    (".vscode/settings.json", "", "jsonc"),
    ("vscode/settings.json", "", "json"),
    (".bashrc", "", "bash"),
    ("run", "#!/bin/sh\n", "bash"),
    ("run", "#!/usr/bin/env python3.12\n", "python"),
    ("run", "#!/usr/bin/env -S node --flag\n", "javascript"),
    ("run", "#!/bin/zsh\n", None),
    ("run.txt", "#!/bin/sh\n", None),
    ("Makefile", "all:\n\techo\n", None),
    ("a.html.j2", "", None),
    ("a.cljd", "", "clojure"),
    ("a.edn", "", "clojure"),
    ("a.el", "", "emacs-lisp"),
    ("Gemfile", "", "ruby"),
]


@pytest.mark.parametrize(("name", "text", "language"), NAMES)
def test_the_language_of_a_file(name: str, text: str, language: str | None) -> None:
    found = language_of(PurePath("/project", name), text)
    assert (found.name if found else None) == language


def test_the_page_lists_the_languages() -> None:
    page = (PROJECT / "docs" / "syntax.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([a-z-]+) \| ([^|]*) \| ([^|]*) \| ([^|]*) \|$", page, re.MULTILINE)
    told = {
        name: (set(re.findall(r"`([^`]+)`", files)), grammar, refused)
        for name, files, grammar, refused in rows
    }
    del told["language"]  # the head
    assert set(told) == set(table().languages)
    for name, entry in TABLE["languages"].items():
        language = table().languages[name]
        files, grammar, refused = told[name]
        assert files == {*entry["extensions"], *entry.get("names", ())}, name
        assert grammar == ("none" if not language.grammar else "normal" if language.normal else "extra"), name
        every = language.grammar and language.check.trust == "grammar"
        assert refused == ("any error" if every else "delimiters"), name

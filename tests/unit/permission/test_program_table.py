"""programs.json has the form that its schema says, and every example in it holds."""

from __future__ import annotations

import os
import re
import shlex
from typing import TYPE_CHECKING, Any, cast

import pytest
from jsonschema import Draft202012Validator

from acp_agent.permission.checks import CHECKS
from acp_agent.permission.data import as_table, load
from acp_agent.permission.hosts import ANY_HOST
from acp_agent.permission.programs import destroys, facts, reads_only
from acp_agent.permission.usage import Allowed

if TYPE_CHECKING:
    from collections.abc import Iterator

    from acp_agent.permission.data import Table
    from tests.unit.permission.support import Bench

TABLE = load("programs.json")
PROGRAMS = as_table(TABLE["programs"], "programs")
EXAMPLES = [
    (command, cast(str, expected))
    for name, entry in PROGRAMS.items()
    for command, expected in as_table(as_table(entry, name).get("examples", {}), name).items()
]


def test_the_table_has_the_form_of_its_schema() -> None:
    schema: Any = load("programs.schema.json")
    Draft202012Validator.check_schema(schema)
    validator: Any = Draft202012Validator(schema)
    assert [error.message for error in validator.iter_errors(TABLE)] == []


@pytest.mark.parametrize(("command", "expected"), EXAMPLES, ids=[command for command, _ in EXAMPLES])
def test_examples(bench: Bench, command: str, expected: str) -> None:
    argv = tuple(shlex.split(command))
    claims = bench.claims(command)
    paths = [os.path.relpath(claim.resource, bench.root) for claim in claims if claim.operation == "edit"]
    hosts = [claim.resource for claim in claims if claim.operation == "network"]
    said = "reads" if reads_only(argv) else "acts"
    said += f", writes {' '.join(paths)}" if paths else ""
    said += f", reaches {' '.join(hosts)}" if hosts else ""
    said += ", destroys" if destroys(argv) else ""
    assert said == expected


@pytest.mark.parametrize("command", [command for command, expected in EXAMPLES if expected == "reads"])
def test_what_reads_in_an_example_goes_unasked_in_a_workspace(bench: Bench, command: str) -> None:
    claims = bench.claims(command)
    assert {claim.operation for claim in claims} <= {"execute", "read"}


def parts(kind: str) -> Iterator[tuple[str, Table]]:
    for name, entry in PROGRAMS.items():
        top = as_table(entry, name).get(kind)
        if top is not None:
            yield from below(name, as_table(top, name))


def below(name: str, part: Table) -> Iterator[tuple[str, Table]]:
    yield name, part
    for key, inner in as_table(part.get("subcommands", {}), name).items():
        yield from below(f"{name} {key}", as_table(inner, key))


def listed(part: Table, *keys: str) -> set[str]:
    return {word for key in keys for word in cast(str, part.get(key, "")).split()}


@pytest.mark.parametrize(
    ("kind", "keys"),
    [("reads", ("files", "patterns", "globs")), ("writes", ("into",)), ("reaches", ("given",))],
)
def test_options_that_name_something_take_a_value(kind: str, keys: tuple[str, ...]) -> None:
    for name, part in parts(kind):
        allowed = Allowed(cast(str, part.get("options", "")).split())
        assert listed(part, *keys) <= allowed.valued | allowed.optional, name


def test_needed_options_are_options() -> None:
    for name, part in parts("reads"):
        allowed = Allowed(cast(str, part.get("options", "")).split())
        needs = part.get("needs", [])
        groups = [needs] if isinstance(needs, str) else cast(list[str], needs)
        for group in groups:
            assert set(group.split()) & (allowed.plain | allowed.valued), name


def test_no_option_stands_twice() -> None:
    for kind in ("reads", "writes", "reaches"):
        for name, part in parts(kind):
            words = [word.rstrip(":?") for word in cast(str, part.get("options", "")).split()]
            assert len(words) == len(set(words)), (name, [w for w in words if words.count(w) > 1])


def test_checks_are_all_there_and_all_used() -> None:
    used = {part["check"] for _, part in parts("reads") if "check" in part}
    assert used == set(CHECKS)


def test_names_are_sorted_and_what_they_refer_to_is_there() -> None:
    assert list(PROGRAMS) == sorted(PROGRAMS, key=str.casefold)
    for name, entry in PROGRAMS.items():
        other = as_table(entry, name).get("same_as")
        assert other is None or "same_as" not in as_table(PROGRAMS[cast(str, other)], name)


def test_every_part_can_be_used(bench: Bench) -> None:
    for name in facts().programs:
        for rest in ("", "x", "x y z", "--help", "-a -b c", "install x", "--"):
            if re.fullmatch(r"[\w.+-]+", name):
                bench.claims(f"{name} {rest}")
    assert ANY_HOST in {claim.resource for claim in bench.claims("npm install")}

"""A file that cannot be used says so, with the place; it never raises and never hangs."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acp_agent.config.reading import DEEPEST, LARGEST_FILE, read_file

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.config.conftest import Place


def test_no_file_is_no_problem(tmp_path: Path) -> None:
    assert read_file(tmp_path / "config.json") == (None, ())
    (tmp_path / "file").write_text("", encoding="utf-8")
    assert read_file(tmp_path / "file" / "config.json") == (None, ())


@pytest.mark.parametrize(
    ("raw", "words", "line"),
    [
        (b"", "empty", None),
        (b" \n", "empty", None),
        (b'{\n  "a" 1\n}', "line 2, column 7", 2),
        (b'{\n  // comment\n  "a": 1}', "line 2, column 3", 2),
        (b"[1]", "one JSON object", 1),
        (b"null", "one JSON object", 1),
        (b'{"temperature": NaN}', "NaN", None),
        (b'{"a": ' + b"9" * 5000 + b"}", "not JSON", None),
        (b'{"a":\n "\xff"}', "not UTF-8", 2),
        ('{"a": 1}'.encode("utf-16"), "not UTF-8", 1),
        (b'{"a":' * 100_00 + b"1" + b"}" * 100_00, "too deeply", None),
        (b'{"a":' * (DEEPEST + 1) + b"1" + b"}" * (DEEPEST + 1), "too deeply", None),
        (b" " * (LARGEST_FILE + 1), "larger", None),
    ],
)
def test_unusable_file(tmp_path: Path, raw: bytes, words: str, line: int | None) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(raw)
    data, problems = read_file(file)
    assert data is None
    assert len(problems) == 1
    problem = problems[0]
    assert (problem.file, problem.key, problem.line) == (file, "", line)
    assert words in problem.message
    assert problem.hint
    assert str(problem).startswith(f"{file}:{line}: " if line else f"{file}: ")


def test_byte_order_mark_is_reported_and_the_rest_used(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_bytes(b'\xef\xbb\xbf{"a": 1}')
    data, problems = read_file(file)
    assert data == {"a": 1}
    assert ["byte order mark" in problem.message for problem in problems] == [True]


def test_key_written_twice(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.write_text('{"a": {"b": 1, "b": 2}, "c": 1}', encoding="utf-8")
    data, problems = read_file(file)
    assert data == {"a": {"b": 2}, "c": 1}
    assert [(problem.key, "twice" in problem.message) for problem in problems] == [("b", True)]


def test_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "config.json")
    data, problems = read_file(tmp_path / "config.json")
    assert data is None
    assert "regular file" in problems[0].message


def test_folder_in_place_of_the_file(tmp_path: Path) -> None:
    data, problems = read_file(tmp_path)
    assert data is None
    assert "regular file" in problems[0].message


def test_link_in_a_circle(tmp_path: Path) -> None:
    file = tmp_path / "config.json"
    file.symlink_to(file)
    data, problems = read_file(file)
    assert data is None
    assert "cannot be read" in problems[0].message


@given(own=st.binary(max_size=60), project=st.binary(max_size=60))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
def test_no_bytes_make_loading_fail(new_place: Callable[[], Place], own: bytes, project: bytes) -> None:
    place = new_place()
    place.own.write_bytes(own)
    place.project.write_bytes(project)
    loaded = place.load()
    assert loaded.settings.max_agent_turns >= 1
    assert {problem.file for problem in loaded.problems} <= {place.own, place.project}

"""What would break a file's syntax does not reach the disk."""

from __future__ import annotations

from pathlib import PurePath
from typing import TYPE_CHECKING

import pytest

from acp_agent.assembly.adapters import syntax
from acp_agent.errors import ToolError
from acp_agent.redaction.redactor import Redactor
from acp_agent.tools.edit import EditTool
from acp_agent.tools.read import ReadTool
from acp_agent.tools.write import WriteTool
from acp_agent.workspace.syntax import Broken, Problem
from acp_agent.workspace.wellformed import Wellformed, refusal
from acp_agent.workspace.workspace import open_workspace
from tests.unit.tools.bench import Seen

if TYPE_CHECKING:
    from pathlib import Path

    from acp_agent.tools.base import Tool
    from acp_agent.workspace.syntax import Syntax

GOOD = "def f(a):\n    return [a, 1]\n"
SECRET = "sk-proj-" + "Ab1" * 16


class Desk:
    """The tools that change files, with the parser that sessions have."""

    def __init__(self, root: Path, redactor: Redactor) -> None:
        self.root = root
        self.workspace = open_workspace(root, redactor=redactor, syntax=syntax)
        tools: tuple[Tool, ...] = (
            ReadTool(self.workspace),
            EditTool(self.workspace),
            WriteTool(self.workspace),
        )
        self.tools = {tool.spec.name: tool for tool in tools}

    async def __call__(self, tool: str, **arguments: object) -> str:
        call = self.tools[tool].bind(arguments)
        call.claims()
        await call.preview()
        return (await call.run(Seen())).output

    async def refused(self, tool: str, **arguments: object) -> str:
        """What a preview says, so that nobody is asked; and the run."""
        told: list[str] = []
        call = self.tools[tool].bind(arguments)
        call.claims()
        for step in (call.preview(), call.run(Seen())):
            with pytest.raises(ToolError) as error:
                await step
            told.append(str(error.value))
        assert told[0] == told[1]
        return told[0]

    def put(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text.encode())
        return path


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "project", Redactor([SECRET]))


async def test_an_edit_that_breaks_a_file(desk: Desk) -> None:
    path = desk.put("a.py", GOOD)
    await desk("read", path="a.py")
    told = await desk.refused("edit", path="a.py", old_text="1]", new_text="1")
    assert told == (
        "The file was not modified: the change breaks the syntax of python. Lines as they would be:\n"
        "line 2, column 12: `[` is never closed\n    return [a, 1"
    )
    assert path.read_bytes() == GOOD.encode()
    await desk("edit", path="a.py", old_text="1]", new_text="2]")
    assert path.read_bytes() == GOOD.replace("1]", "2]").encode()


async def test_line_endings_do_not_matter(desk: Desk) -> None:
    path = desk.put("a.go", "package a\r\nfunc f() {\r\n\tg()\r\n}\r\n")
    await desk("read", path="a.go")
    assert "line 3, column 3: `(` is never closed" in await desk.refused(
        "edit", path="a.go", old_text="g()", new_text="g("
    )
    await desk("edit", path="a.go", old_text="g()", new_text="h()")
    assert path.read_bytes() == b"package a\r\nfunc f() {\r\n\th()\r\n}\r\n"


async def test_a_file_that_is_broken_already(desk: Desk) -> None:
    path = desk.put("a.py", "def f(:\n    pass\n")
    await desk("read", path="a.py")
    await desk("edit", path="a.py", old_text="pass", new_text="return [")
    assert path.read_bytes() == b"def f(:\n    return [\n"


async def test_a_new_file(desk: Desk) -> None:
    told = await desk.refused("write", path="new/a.json", content='{"a": [1, 2}')
    assert told == (
        "No file was written: this text breaks the syntax of json. Lines as they would be:\n"
        'line 1, column 7: `[` is never closed\n    {"a": [1, 2}\n'
        "line 1, column 12: Expecting ',' delimiter\n    {\"a\": [1, 2}"
    )
    assert not (desk.root / "new").exists()
    await desk("write", path="new/a.json", content='{"a": [1, 2]}')
    await desk("write", path="tests/fixtures/a.json", content='{"a": [1, 2}')
    await desk("write", path="a.txt", content="(((")


async def test_a_file_written_anew(desk: Desk) -> None:
    desk.put("a.py", GOOD)
    await desk("read", path="a.py")
    assert "not modified" in await desk.refused("write", path="a.py", content="def f(:\n")
    await desk("write", path="a.py", content="x = 1\n")


async def test_no_line_with_a_secret_is_quoted(desk: Desk) -> None:
    desk.put("a.py", f"key = ('{SECRET}')\nother = (1)\n")
    await desk("read", path="a.py")
    told = await desk.refused("edit", path="a.py", old_text="')", new_text="'")
    assert SECRET not in told
    assert told.endswith("line 1, column 7: `(` is never closed")
    told = await desk.refused("edit", path="a.py", old_text="(1)", new_text="(1")
    assert told.endswith("line 2, column 9: `(` is never closed\n    other = (1")


def test_lines_are_cut_around_the_place() -> None:
    text = "a" * 300 + "(" + "b" * 300
    broken = Broken("go", (Problem(1, 301, "`(` is never closed"),))
    shown = refusal(broken, text, text, new=False).split("\n")[-1].strip()
    assert shown == "a" * 40 + "(" + "b" * 39
    gone = refusal(Broken("go", (Problem(2, 1, "x", "y"),)), "a\nb\nc", "a\nc", new=False)
    assert gone.split("\n")[1:] == ["line 2, column 1: x"]


async def test_nothing_is_checked_without_a_parser_or_twice() -> None:
    opened: list[str] = []

    def count() -> Syntax:
        opened.append("")
        return syntax()

    path = PurePath("a.py")
    assert await Wellformed().check(path, None, "(") is None
    checking = Wellformed(count)
    assert await checking.check(path, GOOD, GOOD) is None
    assert not opened
    assert await checking.check(path, None, GOOD) is None
    assert await checking.check(path, None, GOOD) is None
    assert len(opened) == 1
    assert await checking.check(path, None, "(") is not None


async def test_a_parser_with_a_bug_keeps_nobody_from_writing(caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> Syntax:
        raise RuntimeError("a bug")

    assert await Wellformed(broken).check(PurePath("a.py"), None, "(") is None
    assert "could not be checked" in caplog.text

"""Mentions against real files: what is added, and what is not without asking."""

from __future__ import annotations

import base64
import os
import socket
from pathlib import Path
from typing import TYPE_CHECKING

import anyio
import pytest

from acp_agent.content import Image, Resource
from acp_agent.context.images import Fitted
from acp_agent.context.mentioned import ADDED, MENTION_BYTES, PROMPT_BYTES, Added, Mentioned
from acp_agent.errors import ToolError
from acp_agent.permission.gate import Gate, Unattended
from acp_agent.permission.rules import Rule
from acp_agent.workspace.workspace import open_workspace
from tests.unit.workspace.editor import Editor

if TYPE_CHECKING:
    from acp_agent.context.images import Bounds
    from acp_agent.permission.modes import Mode

WAIT_S = 10.0


def as_it_is(data: bytes, _bounds: Bounds) -> Fitted:
    return Fitted(data, "image/png")


class Project:
    """A folder `project`, with a home and a secret beside it."""

    def __init__(
        self, root: Path, *rules: Rule, mode: Mode = "standard", editor: Editor | None = None
    ) -> None:
        self.root = root / "project"
        self.root.mkdir(exist_ok=True)
        self.workspace = open_workspace(self.root, editor=editor)
        self.gate = Gate(rules, mode, Unattended(), roots=(self.root,))
        self.mentioned = Mentioned(self.workspace, self.gate, None, as_it_is)

    def write(self, name: str, data: str | bytes = "one\ntwo\nthree\n") -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)
        return path

    async def added(self, *texts: str, given: tuple[str, ...] = ()) -> Added:
        with anyio.fail_after(WAIT_S):
            return await self.mentioned.added(texts, given)

    async def texts(self, *texts: str, given: tuple[str, ...] = ()) -> list[tuple[str, str]]:
        """Of each part added the path, shortened, and the text."""
        added = await self.added(*texts, given=given)
        assert all(isinstance(part, Resource) and part.mentioned for part in added.parts)
        return [
            (part.uri.replace(self.root.as_uri() + "/", ""), part.text)
            for part in added.parts
            if isinstance(part, Resource)
        ]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


WHOLE = "1: one\n2: two\n3: three"


@pytest.mark.parametrize(
    ("text", "name", "expected"),
    [
        ("@a.txt", "a.txt", WHOLE),
        ("see @src/a.txt, please", "src/a.txt", WHOLE),
        ("@a.txt:2", "a.txt", "(lines 2-2 of 3)\n2: two"),
        ("@a.txt:2-9", "a.txt", "(lines 2-3 of 3)\n2: two\n3: three"),
        ("@a.txt#L1-L2", "a.txt", "(lines 1-2 of 3)\n1: one\n2: two"),
        ("@a.txt:8", "a.txt", "(not included: a.txt has 3 lines; line 8 is past its end)"),
        ('@"with blank.txt":1', "with blank.txt", "(lines 1-1 of 3)\n1: one"),
        (r"@with\ blank.txt", "with blank.txt", WHOLE),
        ("@/a.txt", "a.txt", WHOLE),
        ("@./a.txt", "a.txt", WHOLE),
        ("@src/../a.txt", "a.txt", WHOLE),
        ("@a.txt:2:1", "a.txt", "(lines 2-2 of 3)\n2: two"),
    ],
)
async def test_files(project: Project, text: str, name: str, expected: str) -> None:
    (project.root / "src").mkdir()
    path = project.write(name)
    assert await project.texts(text) == [(path.as_uri().replace(project.root.as_uri() + "/", ""), expected)]


async def test_a_folder_is_listed(project: Project) -> None:
    project.write("src/a.py", "x")
    project.write("src/deep/b.py", "x")
    for text in ("@src/", "@src", "@src.", "@src:3"):
        assert await project.texts(text) == [("src", "deep/\na.py  1")]
    assert await project.texts("@src/a.py/") == []


async def test_what_is_not_there_is_text(project: Project) -> None:
    project.write("a.txt")
    text = "@gone.txt @property me@a.txt `@a.txt` @a.txt/ @scope/name @a.txtx @\ud800 @a\0b @" + "x" * 5000
    assert await project.added(text) == Added((), ())


async def test_each_thing_once_and_in_order(project: Project) -> None:
    for name in ("a.txt", "b.txt"):
        project.write(name)
    (project.root / "link.txt").symlink_to("a.txt")
    found = await project.texts("@b.txt @a.txt @./b.txt @link.txt @b.txt:1", "and @a.txt")
    assert [name for name, _ in found] == ["b.txt", "a.txt", "b.txt"]


async def test_what_the_client_has_sent_is_not_added_again(project: Project) -> None:
    sent = project.write("a b.txt")
    project.write("b.txt")
    given = (sent.as_uri(), "https://example.org/b.txt", "file:///x%00y")
    found = await project.texts('@"a b.txt" @b.txt', given=given)
    assert [name for name, _ in found] == ["b.txt"]


async def test_a_mentioned_file_may_be_edited(project: Project) -> None:
    project.write("a.txt")
    documents = project.workspace.documents
    document = await documents.read(project.workspace.roots.resolve("a.txt"))
    with pytest.raises(ToolError, match="has not been read"):
        documents.require_seen(document)
    await project.added("@a.txt")
    documents.require_seen(document)


async def test_unsaved_text_counts(tmp_path: Path) -> None:
    editor = Editor()
    project = Project(tmp_path, editor=editor)
    path = project.write("a.txt")
    editor.buffers[str(path)] = "typing\n"
    expected = "(with changes in the editor that are not saved yet)\n1: typing"
    assert await project.texts("@a.txt") == [("a.txt", expected)]


# The read rules ---------------------------------------------------------------------------------


async def refused(project: Project, mention: str) -> str:
    """Why a mention was left out; what it names must not have been read."""
    added = await project.added(f"look at {mention} now")
    (part,), (notice,) = added.parts, added.notices
    assert isinstance(part, Resource)
    assert part.text.startswith("(not included: ")
    assert "geheim" not in repr(added)
    assert notice.severity == "info"
    assert notice.title.startswith(f"{mention} was not added to the prompt: ")
    return part.text


@pytest.mark.parametrize(
    ("mention", "why"),
    [
        ("@../secret.txt", "is outside the workspace; the read tool asks"),
        ("@src/../../secret.txt", "is outside the workspace"),
        ("@link.txt", "is outside the workspace"),
        ("@folder/secret.txt", "is outside the workspace"),
        ("@chain", "is outside the workspace"),
        ("@folder/", "is outside the workspace"),
        ("@.env", "usually holds secrets; the read tool asks"),
        ("@certs/server.pem", "usually holds secrets"),
        ("@.env:1", "usually holds secrets"),
        ("@logo.png", "is outside the workspace"),
    ],
)
async def test_what_may_not_be_read_without_asking(project: Project, mention: str, why: str) -> None:
    (project.root / "src").mkdir()
    (project.root.parent / "secret.txt").write_text("geheim", encoding="utf-8")
    (project.root.parent / "logo.png").write_bytes(b"\x89PNG\r\n\x1a\ngeheim")
    (project.root / "link.txt").symlink_to("../secret.txt")
    (project.root / "logo.png").symlink_to("../logo.png")
    (project.root / "folder").symlink_to("..")
    (project.root / "chain").symlink_to("link.txt")
    project.write(".env", "geheim")
    project.write("certs/server.pem", "geheim")
    assert why in await refused(project, mention)


async def test_the_home_folder_is_outside(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    home = project.root.parent / "home"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "id_rsa").write_text("geheim", encoding="utf-8")
    monkeypatch.setenv("HOME", str(home))
    await refused(project, "@~/.ssh/id_rsa")
    assert "outside the workspace" in await refused(project, "@/etc/passwd")


async def test_rules_and_modes_count(tmp_path: Path) -> None:
    project = Project(tmp_path, Rule("read", "private/**", "deny"), Rule("read", "drafts/**", "ask"))
    project.write("private/a.txt", "geheim")
    project.write("drafts/a.txt", "geheim")
    assert "the read tool asks" not in await refused(project, "@private/a.txt")
    assert "the read tool asks" in await refused(project, "@drafts/a.txt")
    open_minded = Project(tmp_path, mode="yolo")
    open_minded.write(".env", "x")
    assert await open_minded.texts("@.env") == [(".env", "1: x")]


@pytest.mark.parametrize(
    "mention", ["@pipe", "@pipe.png", "@socket", "@/dev/zero", "@/dev/stdin", "@/dev/tty"]
)
async def test_nothing_blocks(project: Project, mention: str) -> None:
    os.mkfifo(project.root / "pipe")
    os.mkfifo(project.root / "pipe.png")
    with socket.socket(socket.AF_UNIX) as listener:
        here = Path.cwd()
        os.chdir(project.root)  # the address may only be short
        try:
            listener.bind("socket")
        finally:
            os.chdir(here)
        await refused(project, mention)


async def test_loops_and_broken_links_are_text(project: Project) -> None:
    (project.root / "loop").symlink_to("loop")
    (project.root / "broken").symlink_to("gone")
    assert await project.added("@loop @broken @loop/x") == Added((), ())


# Size -----------------------------------------------------------------------------------------


async def test_a_large_file_is_begun_and_the_rest_pointed_at(project: Project) -> None:
    project.write("big.txt", ("x" * 99 + "\n") * 2000)
    ((_, text),) = await project.texts("@big.txt")
    assert len(text) < MENTION_BYTES + 200
    assert text.startswith("(lines 1-")
    assert "go on with offset" in text.split("\n")[0]


async def test_one_long_line_and_odd_bytes(project: Project) -> None:
    project.write("long.txt", "x" * 3_000_000)
    project.write("latin.txt", b"gr\xfc\xdfe\n")
    project.write("data.bin", b"\0\1\2")
    found = dict(await project.texts("@long.txt @latin.txt @data.bin"))
    assert "more bytes]" in found["long.txt"]
    assert len(found["long.txt"]) < MENTION_BYTES
    assert found["latin.txt"] == "1: grüße"
    assert "is a binary file of 3 bytes and is not read as text" in found["data.bin"]


async def test_a_file_that_is_too_large_is_refused(project: Project) -> None:
    with (project.root / "huge.log").open("wb") as file:
        file.truncate(3 << 30)
    assert "has 3072 MiB; at most 64 MiB are read" in await refused(project, "@huge.log")


async def test_all_mentions_together_have_a_bound(project: Project) -> None:
    names = [f"f{number}.txt" for number in range(ADDED + 5)]
    for name in names:
        project.write(name, ("x" * 99 + "\n") * 400)
    added = await project.added(" ".join(f"@{name}" for name in names))
    assert len(added.parts) == ADDED
    texts = [part.text for part in added.parts if isinstance(part, Resource)]
    assert sum(map(len, texts)) < PROMPT_BYTES + ADDED * 200
    assert "(not included: the mentions before it have filled the room for them)" in texts
    assert added.notices[-1].title == f"Only the first {ADDED} mentions were added to the prompt"


# Images ----------------------------------------------------------------------------------------


async def test_an_image_is_added_as_one(project: Project) -> None:
    path = project.write("logo.PNG", b"\x89PNG...")
    (part,) = (await project.added("@logo.PNG")).parts
    data = base64.b64encode(b"\x89PNG...").decode()
    assert part == Image(data, "image/png", path.as_uri(), mentioned=True)

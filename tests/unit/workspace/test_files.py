"""Files are written whole or not at all."""

from __future__ import annotations

import os
import stat
import sys
from functools import partial
from typing import TYPE_CHECKING

import anyio
import pytest

from acp_agent.errors import ToolError
from acp_agent.workspace import files

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def test_new_files_honour_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        files.write_bytes(tmp_path / "deep" / "new", b"text")
    finally:
        os.umask(before)
    path = tmp_path / "deep" / "new"
    assert path.read_bytes() == b"text"
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert names(tmp_path / "deep") == ["new"]


@pytest.mark.parametrize("mode", [0o600, 0o755, 0o664, 0o4755])
def test_existing_files_keep_their_mode(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "run"
    path.write_bytes(b"old")
    path.chmod(mode)
    files.write_bytes(path, b"new")
    assert (path.read_bytes(), stat.S_IMODE(path.stat().st_mode)) == (b"new", mode)


def test_the_old_file_is_there_until_the_new_one_is(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    with path.open("rb") as reader:
        files.write_bytes(path, b"new")
        assert reader.read() == b"old"


FULL = """
import resource, sys
from pathlib import Path
from acp_agent.errors import ToolError
from acp_agent.workspace import files
resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
try:
    files.write_bytes(Path(sys.argv[1]), b"x" * 5000)
except ToolError as error:
    print(error)
"""


async def test_a_failed_write_changes_nothing(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    done = await anyio.run_process([sys.executable, "-c", FULL, str(path)])
    assert done.stdout.decode() == f"Cannot write {path}: File too large.\n"
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]


def test_a_part_of_the_path_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(ToolError, match=r"Cannot write .*file/new"):
        files.write_bytes(tmp_path / "file" / "new", b"")


def test_a_folder_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="Cannot write /proc/nothing"):
        files.write_bytes(type(tmp_path)("/proc/nothing"), b"")


def test_links_and_folders_are_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "link").symlink_to("folder")
    for name in ("folder", "link"):
        with pytest.raises(ToolError, match="not a regular file"):
            files.write_bytes(tmp_path / name, b"")


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to(tmp_path / "pipe")
    with pytest.raises(ToolError, match="not a regular file"):
        files.read_bytes(tmp_path / "pipe")
    with pytest.raises(ToolError, match="has become a link"):
        files.read_bytes(tmp_path / "link")
    with pytest.raises(ToolError, match=r"is a directory. Use list"):
        files.read_bytes(tmp_path)


def test_very_large_files_are_not_read(tmp_path: Path) -> None:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(files.READ_LIMIT_BYTES + 1)
    with pytest.raises(ToolError, match="at most 64 MiB are read"):
        files.read_bytes(path)


def test_a_part_of_the_path_that_has_become_a_link(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "file").write_bytes(b"old")
    (tmp_path / "link").symlink_to("folder")
    path = tmp_path / "link" / "file"
    uses: list[Callable[[Path], object]] = [files.read_bytes, files.remove, files.exists]
    uses += [partial(files.write_bytes, data=b"")]
    for use in uses:
        with pytest.raises(ToolError, match=r"link.*: .*\. It has become a link. Try again."):
            use(path)
    with pytest.raises(ToolError, match=r"Cannot make .*It has become a link"):
        files.make_folder(path.parent)
    assert (tmp_path / "folder" / "file").read_bytes() == b"old"


def test_other_hard_links_keep_the_old_content(tmp_path: Path) -> None:
    (tmp_path / "one").write_bytes(b"old")
    (tmp_path / "two").hardlink_to(tmp_path / "one")
    files.write_bytes(tmp_path / "two", b"new")
    assert ((tmp_path / "one").read_bytes(), (tmp_path / "two").read_bytes()) == (b"old", b"new")


def test_extended_attributes_stay(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    os.setxattr(path, "user.kept", b"yes")
    files.write_bytes(path, b"new")
    assert os.getxattr(path, "user.kept") == b"yes"

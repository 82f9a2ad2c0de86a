"""What a command has changed, found by what happened around it: nothing more, nothing less."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import anyio
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from acp_agent.workspace import changes as room
from acp_agent.workspace.changes import Changes
from acp_agent.workspace.inotify import Inotify
from acp_agent.workspace.polling import POLLED_FILES, Polling

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from acp_agent.workspace.changes import Found
    from acp_agent.workspace.touched import Watch

GIT = shutil.which("git") or "git"
WAIT_S = 30.0
State = dict[str, bytes]
Work = "Callable[[Path], object]"


def git(root: Path, *arguments: str) -> None:
    identity = ("-c", "user.name=n", "-c", "user.email=e@example.org", "-c", "commit.gpgsign=false")
    subprocess.run([GIT, *identity, *arguments], cwd=root, check=True, timeout=30, stdout=subprocess.DEVNULL)


def commit(root: Path) -> None:
    git(root, "init", "-q", "-b", "main")
    git(root, "add", "-A")
    git(root, "commit", "-qm", "x", "--allow-empty")


def put(root: Path, **files: str | bytes) -> None:
    """Keys are names with `__` for a slash and `_` for a dot."""
    for name, data in files.items():
        path = root / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data.encode() if isinstance(data, str) else data)


def state(root: Path) -> State:
    paths = (path for path in root.rglob("*") if path.is_file() and ".git" not in path.parts)
    return {str(path): path.read_bytes() for path in paths}


class Project:
    def __init__(self, root: Path, git_program: str | None, watches: Sequence[Callable[[], Watch]]) -> None:
        self.root = root
        self.changes = Changes([root], git_program, watches=watches)

    async def around(self, work: Callable[[Path], object]) -> Found:
        with anyio.fail_after(WAIT_S):
            await self.changes.begin()
            with self.changes.following():
                work(self.root)
            return await self.changes.end()

    async def sh(self, script: str) -> Found:
        return await self.around(
            lambda root: subprocess.run(["sh", "-ec", script], cwd=root, check=True, timeout=30)
        )

    def told(self, found: Found) -> dict[str, tuple[str, bytes | None, bytes | None]]:
        """By path relative to the root."""
        assert found.trouble == ""
        return {
            os.path.relpath(change.path, self.root): (change.kind, change.old, change.new)
            for change in found.changes
        }


class Way(NamedTuple):
    git: str | None
    watches: Sequence[Callable[[], Watch]]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path.resolve()


def relative(path: str, root: Path) -> str:
    return os.path.relpath(path, root)


WAYS = [Way(program, (watch,)) for program in (GIT, None) for watch in (Inotify, Polling)]


@pytest.fixture(params=WAYS, ids=["git-inotify", "git-polling", "plain-inotify", "plain-polling"])
async def project(request: pytest.FixtureRequest, root: Path) -> AsyncIterator[Project]:
    way: Way = request.param
    put(root, a_txt="one\n", src__b_py="b = 1\n", src__deep__c_py="c = 1\n", _gitignore="*.log\nbuild/\n")
    if way.git:
        commit(root)
    project = Project(root, *way)
    async with project.changes:
        yield project


async def test_files_that_come_change_and_go(project: Project) -> None:
    found = await project.sh("echo two >> a.txt; echo new > src/new.py; rm src/deep/c.py")
    assert project.told(found) == {
        "a.txt": ("changed", b"one\n", b"one\ntwo\n"),
        "src/deep/c.py": ("deleted", b"c = 1\n", None),
        "src/new.py": ("created", None, b"new\n"),
    }
    assert project.told(await project.sh("true")) == {}
    found = await project.sh("echo three >> a.txt; rm src/new.py; echo d > src/deep/c.py")
    assert project.told(found) == {
        "a.txt": ("changed", b"one\ntwo\n", b"one\ntwo\nthree\n"),
        "src/deep/c.py": ("created", None, b"d\n"),
        "src/new.py": ("deleted", b"new\n", None),
    }


async def test_what_comes_to_nothing_is_not_told(project: Project) -> None:
    script = """
    cp a.txt b.txt; mv b.txt a.txt; touch a.txt; chmod 600 a.txt; echo x > gone; rm gone
    mv src away; mv away src; mkdir empty; ln -s a.txt link; rm link; cat a.txt src/b.py > /dev/null
    """
    assert project.told(await project.sh(script)) == {}


async def test_what_was_before_is_not_the_command_s(project: Project) -> None:
    await project.sh("true")
    put(project.root, a_txt="mine\n", fresh__d_txt="mine\n")
    (project.root / "src" / "b.py").unlink()
    found = await project.sh("echo too >> a.txt; echo too >> fresh/d.txt; echo e > fresh/e.txt")
    assert project.told(found) == {
        "a.txt": ("changed", b"mine\n", b"mine\ntoo\n"),
        "fresh/d.txt": ("changed", b"mine\n", b"mine\ntoo\n"),
        "fresh/e.txt": ("created", None, b"e\n"),
    }


async def test_folders_that_come_and_go(project: Project) -> None:
    found = await project.sh("mkdir -p x/y; echo 1 > x/y/z; mv src lib; rm -r lib/deep; ln -s / link")
    assert project.told(found) == {
        "lib/b.py": ("created", None, b"b = 1\n"),
        "link": ("created", None, None),
        "src/b.py": ("deleted", b"b = 1\n", None),
        "src/deep/c.py": ("deleted", b"c = 1\n", None),
        "x/y/z": ("created", None, b"1\n"),
    }
    found = await project.sh("echo 2 > x/y/z; echo b > lib/b.py; mkdir -p lib/deep; echo c > lib/deep/c.py")
    assert project.told(found) == {
        "lib/b.py": ("changed", b"b = 1\n", b"b\n"),
        "lib/deep/c.py": ("created", None, b"c\n"),
        "x/y/z": ("changed", b"1\n", b"2\n"),
    }
    assert set(project.told(await project.sh("rm -r x lib link"))) == {
        "lib/b.py", "lib/deep/c.py", "link", "x/y/z"
    }  # fmt: skip


async def test_a_folder_that_takes_another_s_place(project: Project) -> None:
    found = await project.sh("mkdir new; echo n > new/b.py; mv src old; mv new src; rm -r old")
    assert project.told(found) == {
        "src/b.py": ("changed", b"b = 1\n", b"n\n"),
        "src/deep/c.py": ("deleted", b"c = 1\n", None),
    }
    assert project.told(await project.sh("echo again > src/b.py")) == {
        "src/b.py": ("changed", b"n\n", b"again\n")
    }


async def test_what_is_too_large_or_may_not_be_read_is_named(project: Project) -> None:
    found = await project.sh(
        "head -c 300000 /dev/zero | tr '\\0' x > large; printf '\\0' > data; mkfifo pipe"
    )
    told = project.told(found)
    assert told == {
        "data": ("created", None, b"\0"),
        "large": ("created", None, None),
        "pipe": ("created", None, None),
    }
    found = await project.sh("echo >> large; echo >> data")
    assert project.told(found) == {
        "data": ("changed", b"\0", b"\0\n"),
        "large": ("changed", None, None),
    }


async def test_a_folder_that_is_not_ours_to_read(project: Project) -> None:
    (project.root / "closed").mkdir(mode=0o000)
    found = await project.sh("echo 1 > open.txt")
    assert set(project.told(found)) == {"open.txt"}


async def test_very_many_files_at_once(project: Project) -> None:
    script = "mkdir many; cd many; i=0; while [ $i -lt 3000 ]; do : > f$i; i=$((i+1)); done"
    found = await project.sh(script)
    assert found.trouble == ""
    assert len(found.changes) + found.more == 3000
    assert {change.kind for change in found.changes} == {"created"}
    found = await project.sh("echo 1 > many/f2999")
    assert project.told(found) == {"many/f2999": ("changed", b"", b"1\n")}


async def test_a_cancelled_look_is_made_up_for(project: Project) -> None:
    await project.sh("true")
    await project.changes.begin()
    put(project.root, a_txt="x")
    with anyio.CancelScope() as scope:
        scope.cancel()
        await project.changes.end()
    assert project.told(await project.sh("echo y > a.txt")) == {"a.txt": ("changed", b"x", b"y\n")}


# Every sequence ------------------------------------------------------------------------------

names = st.sampled_from(["a", "b", "d/a", "d/b", "d/e/a", "n/a"])
folders = st.sampled_from(["d", "d/e", "n"])
texts = st.sampled_from([b"", b"1\n", b"2\n", b"3\n"])
acts = st.one_of(
    st.tuples(st.just("write"), names, texts),
    st.tuples(st.just("swap"), names, texts),
    st.tuples(st.just("remove"), names),
    st.tuples(st.just("rename"), names, names),
    st.tuples(st.just("move"), folders, folders),
    st.tuples(st.just("clear"), folders),
)


def act(root: Path, step: tuple[str, ...]) -> None:
    """Does it if it can be done."""
    kind, name, *more = step
    path = root / name
    try:
        if kind in ("write", "swap"):
            path.parent.mkdir(parents=True, exist_ok=True)
            target = path if kind == "write" else root / ".swap"
            target.write_bytes(more[0])  # pyright: ignore[reportArgumentType]
            os.replace(target, path)
        elif kind == "remove":
            path.unlink()
        elif kind in ("rename", "move"):
            path.rename(root / more[0])
        else:
            shutil.rmtree(path)
    except OSError:
        return


@settings(deadline=None, max_examples=60)
@given(
    st.sampled_from(WAYS),
    st.lists(acts, max_size=5),
    st.lists(st.tuples(st.lists(acts, max_size=3), st.lists(acts, max_size=6)), min_size=1, max_size=3),
)
def test_the_difference_is_what_is_told(
    way: Way,
    first: list[tuple[str, ...]],
    turns: list[tuple[list[tuple[str, ...]], list[tuple[str, ...]]]],
) -> None:
    async def run(root: Path) -> None:
        for step in first:
            act(root, step)
        if way.git:
            commit(root)
        project = Project(root, *way)
        async with project.changes:
            await project.sh("true")
            for between, during in turns:
                for step in between:
                    act(root, step)
                before = state(root)

                def work(root: Path, steps: list[tuple[str, ...]] = during) -> None:
                    for step in steps:
                        act(root, step)

                told = project.told(await project.around(work))
                after = state(root)
                assert told == {
                    relative(path, root): (kind(before, after, path), before.get(path), after.get(path))
                    for path in {*before, *after}
                    if before.get(path) != after.get(path)
                }

    with tempfile.TemporaryDirectory() as folder:
        anyio.run(run, Path(folder).resolve())


def kind(before: State, after: State, path: str) -> str:
    if path not in before:
        return "created"
    return "changed" if path in after else "deleted"


# Git ---------------------------------------------------------------------------------------


@pytest.fixture
async def checkout(root: Path) -> AsyncIterator[Project]:
    root /= "project"
    put(root, a_txt="one\n", src__b_py="b = 1\n", _gitignore="*.log\nbuild/\n/out\n")
    commit(root)
    project = Project(root, GIT, (Inotify,))
    async with project.changes:
        yield project


async def test_what_is_ignored_is_left_out(checkout: Project) -> None:
    put(checkout.root, build__old_txt="1", out__x="1")
    script = """
    echo 1 > build/old.txt; echo 1 > src/x.log; echo 1 > src/x.py; echo 1 > out/x
    mkdir -p src/build/deep; echo 1 > src/build/deep/x.py; mkdir lib; echo 1 > lib/y.log; echo 1 > lib/y.py
    mkdir -p node_modules/x; echo 1 > node_modules/x/x.js
    """
    assert set(checkout.told(await checkout.sh(script))) == {"lib/y.py", "src/x.py"}
    assert set(checkout.told(await checkout.sh("echo 2 | tee src/x.log lib/y.log lib/y.py"))) == {"lib/y.py"}


async def test_a_tracked_file_that_would_be_ignored_counts(checkout: Project) -> None:
    put(checkout.root, kept_log="1\n")
    git(checkout.root, "add", "-f", "kept.log")
    git(checkout.root, "commit", "-qm", "y")
    assert checkout.told(await checkout.sh("echo 2 > kept.log")) == {"kept.log": ("changed", b"1\n", b"2\n")}
    put(checkout.root, kept_log="3\n")
    assert checkout.told(await checkout.sh("echo 4 > kept.log")) == {"kept.log": ("changed", b"3\n", b"4\n")}


async def test_what_was_not_committed_is_known(checkout: Project) -> None:
    put(checkout.root, a_txt="dirty\n", new_txt="new\n", staged_txt="staged\n")
    git(checkout.root, "add", "staged.txt")
    found = await checkout.sh(
        "for f in a new staged; do echo x > $f.txt; done; git stash -q; git stash pop -q"
    )
    assert checkout.told(found) == {
        "a.txt": ("changed", b"dirty\n", b"x\n"),
        "new.txt": ("changed", b"new\n", b"x\n"),
        "staged.txt": ("changed", b"staged\n", b"x\n"),
    }


async def test_git_s_own_changes(checkout: Project) -> None:
    git(checkout.root, "checkout", "-qb", "other")
    put(checkout.root, a_txt="other\n", src__c_py="c\n")
    commit(checkout.root)
    found = await checkout.sh("git checkout -q main")
    assert checkout.told(found) == {
        "a.txt": ("changed", b"other\n", b"one\n"),
        "src/c.py": ("deleted", b"c\n", None),
    }
    assert checkout.told(await checkout.sh("git commit -q --allow-empty -m x --author 'a <b>'")) == {}
    assert checkout.told(await checkout.sh("git checkout -q other; git checkout -q main")) == {}


async def test_a_text_that_git_has_otherwise_is_not_taken_for_the_old_one(checkout: Project) -> None:
    put(
        checkout.root, dos_bat="one\r\n", _gitattributes="*.bat text eol=crlf\n*.enc filter=rot\n*.id ident\n"
    )
    put(checkout.root, secret_enc="abc\n", x_id="$Id$\n", ordinary_txt="o\n")
    git(checkout.root, "-c", "filter.rot.clean=tr a-z n-za-m", "add", "-A")
    git(checkout.root, "commit", "-qm", "y")
    git(checkout.root, "rm", "-q", "--cached", "x.id")
    git(checkout.root, "add", "x.id")
    found = await checkout.sh("for f in dos.bat secret.enc x.id ordinary.txt; do echo x > $f; done")
    told = checkout.told(found)
    assert told["ordinary.txt"] == ("changed", b"o\n", b"x\n")
    assert told["dos.bat"] == ("changed", None, b"x\n")
    assert told["x.id"] == ("changed", None, b"x\n")
    assert told["secret.enc"][1] in (None, b"abc\n")


async def test_nested_repositories(checkout: Project) -> None:
    for name in ("inner", "src/lib"):
        put(checkout.root, **{f"{name.replace('/', '__')}__x_txt": "1\n"})
        put(checkout.root, **{f"{name.replace('/', '__')}___gitignore": "*.tmp\n"})
        commit(checkout.root / name)
    found = await checkout.sh(
        "for d in inner src/lib; do echo 2 > $d/x.txt; echo 2 > $d/x.tmp; done; echo 2 > a.txt"
    )
    assert checkout.told(found) == {
        "a.txt": ("changed", b"one\n", b"2\n"),
        "inner/x.txt": ("changed", b"1\n", b"2\n"),
        "src/lib/x.txt": ("changed", b"1\n", b"2\n"),
    }


async def test_a_folder_within_a_repository(checkout: Project) -> None:
    part = Project(checkout.root / "src", GIT, (Inotify,))
    async with part.changes:
        found = await part.sh("echo 2 > b.py; echo 2 > ../a.txt; echo 1 > x.log")
    assert part.told(found) == {"b.py": ("changed", b"b = 1\n", b"2\n")}


async def test_an_ignored_folder_is_a_plain_one(checkout: Project) -> None:
    put(checkout.root, build__x_txt="1\n")
    part = Project(checkout.root / "build", GIT, (Inotify,))
    async with part.changes:
        assert part.told(await part.sh("echo 2 > x.txt")) == {"x.txt": ("changed", b"1\n", b"2\n")}


async def test_a_worktree(checkout: Project, root: Path) -> None:
    git(checkout.root, "worktree", "add", "-q", str(root / "tree"))
    part = Project(root / "tree", GIT, (Inotify,))
    async with part.changes:
        found = await part.sh("echo 2 > a.txt; echo > $(git rev-parse --git-path hooks)/pre-commit")
    assert part.told(found) == {"a.txt": ("changed", b"one\n", b"2\n")}
    assert found.internals == (str(checkout.root / ".git" / "hooks" / "pre-commit"),)


async def test_hooks_and_settings_are_looked_at(checkout: Project) -> None:
    hook, config = checkout.root / ".git" / "hooks" / "pre-push", checkout.root / ".git" / "config"
    assert (await checkout.sh("git status -s; git add -A; git branch x")).internals == ()
    found = await checkout.sh(f"mkdir -p {hook.parent}; echo > {hook}; git config x.y z")
    assert (found.changes, sorted(found.internals)) == ((), [str(config), str(hook)])
    assert (await checkout.sh(f"chmod +x {hook}")).internals == (str(hook),)
    assert (await checkout.sh(f"rm {hook}")).internals == ()


# When there is too much ----------------------------------------------------------------------


async def test_two_roots_one_in_the_other(root: Path) -> None:
    put(root, one__a_txt="1", one__in__b_txt="1", two__c_txt="1")
    changes = Changes([root / "one", root / "two", root / "one" / "in"], GIT)
    async with changes:
        await changes.begin()
        put(root, one__a_txt="2", one__in__b_txt="2", two__c_txt="2", d_txt="2")
        found = await changes.end()
    paths = [relative(change.path, root) for change in found.changes]
    assert paths == ["one/a.txt", "one/in/b.txt", "two/c.txt"]


async def test_what_is_nobody_s_business(root: Path) -> None:
    put(root, data__a_txt="1", b_txt="1")
    changes = Changes([root], None, [root / "data", root / "later"])
    async with changes:
        await changes.begin()
        put(root, data__a_txt="2", b_txt="2", later__c_txt="2")
        found = await changes.end()
    assert [change.path for change in found.changes] == [str(root / "b.txt")]


async def test_more_folders_than_may_be_watched(root: Path) -> None:
    put(root, a__b__c_txt="1")
    for watches, trouble in (
        ((partial(Inotify, 2), Polling), ""),
        ((partial(Inotify, 2),), "too many folders"),
    ):
        project = Project(root, None, watches)
        async with project.changes:
            found = await project.sh("echo x >> a/b/c.txt")
            assert trouble in found.trouble
            assert bool(found.changes) is not bool(trouble)
    project = Project(root, None, (partial(Inotify, 3),))
    async with project.changes:
        found = await project.sh("mkdir -p d/e")
        assert "too many folders" in found.trouble
        assert "too many folders" in (await project.sh("echo 1 > x")).trouble


async def test_more_files_than_are_polled(root: Path) -> None:
    for number in range(POLLED_FILES + 1):
        (root / str(number)).touch()
    project = Project(root, None, (Polling,))
    async with project.changes:
        assert f"more than {POLLED_FILES} files" in (await project.sh("echo x > 1")).trouble


async def test_more_at_once_than_the_system_keeps(root: Path) -> None:
    put(root, a_txt="1")

    def work(root: Path) -> None:
        for number in range(9000):  # in one go, so that nobody can take it in between
            (root / str(number)).touch()
            (root / str(number)).unlink()

    project = Project(root, None, (Inotify,))
    async with project.changes:
        assert (await project.around(work)).trouble == room.TOO_MUCH
        assert project.told(await project.sh("echo 2 > a.txt")) == {"a.txt": ("changed", b"1", b"2\n")}


async def test_more_between_two_commands_than_the_system_keeps(root: Path) -> None:
    put(root, a_txt="1")
    project = Project(root, None, (Inotify,))
    async with project.changes:
        await project.sh("true")
        for number in range(9000):
            (root / str(number)).touch()
            (root / str(number)).unlink()
        assert project.told(await project.sh("echo 2 > a.txt")) == {"a.txt": ("changed", b"1", b"2\n")}


async def test_descriptors_are_given_back(root: Path) -> None:
    before = set(os.listdir("/proc/self/fd"))
    project = Project(root, GIT, (Inotify,))
    async with project.changes:
        await project.sh("true")
        assert len(os.listdir("/proc/self/fd")) > len(before)
    assert len(os.listdir("/proc/self/fd")) <= len(before) + 1  # the guard's, which is everybody's

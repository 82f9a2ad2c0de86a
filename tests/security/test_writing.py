"""A claim names the file that a command really writes, whatever the words look like."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.unit.permission.support import git

if TYPE_CHECKING:
    from acp_agent.permission.gate import Mode
    from tests.unit.permission.support import Bench


def written(bench: Bench, command: str) -> set[str]:
    """Real paths, those in the workspace and in the home folder in short."""
    claims = [claim for claim in bench.claims(command) if claim.operation == "edit"]
    paths = (claim.resource.replace(str(bench.root), ".").replace(str(bench.home), "~") for claim in claims)
    return {path.removeprefix("./") for path in paths}


@pytest.fixture
def yard(bench: Bench) -> Bench:
    """A workspace with links out of it, and a template with files that others would execute."""
    (bench.home / "elsewhere").mkdir()
    (bench.root / "out").symlink_to(bench.home / "elsewhere")
    (bench.root / "docs").mkdir()
    (bench.root / "docs" / "guide").symlink_to(bench.home / ".agent.json")
    for name in (
        "template/.vscode/tasks.json",
        "template/src/a.py",
        "packed/.github/workflows/x.yml",
        "guide",
    ):
        path = bench.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("", encoding="utf-8")
    return bench


LED_ON = [
    ("cp guide docs/", {"~/.agent.json"}),
    ("cp guide docs", {"~/.agent.json"}),
    ("cp -t docs guide", {"~/.agent.json"}),
    ("cp f docs/guide", {"~/.agent.json"}),
    ("cp f out", {"~/elsewhere/f"}),
    ("cp f out/../x", {"~/x"}),
    ("mv guide docs/", {"guide", "~/.agent.json"}),
    ("install -m 644 guide docs/", {"~/.agent.json"}),
    ("rsync guide docs/", {"~/.agent.json"}),
    ("tee docs/guide < f", {"~/.agent.json"}),
    ("dd if=f of=docs/guide", {"~/.agent.json"}),
    ("sed -i s/a/b/ docs/guide", {"~/.agent.json"}),
    ("sort -o docs/guide f", {"~/.agent.json"}),
    ("truncate -s 0 docs/guide", {"~/.agent.json"}),
    ("cp gui* docs/", {"~/.agent.json"}),
    ("tar -xf f -C out", {"~/elsewhere"}),
    ("unzip f -d out", {"~/elsewhere"}),
    ("git worktree add out/x", {"~/elsewhere/x"}),
    ("git clone https://a.example/b out/c", {"~/elsewhere/c"}),
    ("curl -o out/x http://a.example/", {"~/elsewhere/x"}),
    ("wget -P out http://a.example/x", {"~/elsewhere", "~/elsewhere/x"}),
    # not there yet
    ("touch new/deep/x", {"new/deep/x"}),
    ("cp f new/deep/x", {"new/deep/x"}),
    ("cp -r src new/", {"new/src"}),
    # links that the line itself makes
    ("ln -s ../home/x l && echo y > l", {"l", "~/x"}),
    ("ln -s ~/x l; echo y > l", {"l", "~/x"}),
    ("ln -s ../../home sub/l && touch sub/l/x", {"sub/l", "sub/l/x", "~/x"}),
    ("ln -s out l && touch l/x", {"l", "l/x", "~/elsewhere/x"}),
    ("ln -s ~/x l && cp f l", {"l", "~/x"}),
    ("ln ~/x l && echo y > l", {"l", "~/x"}),
    ("cp -P docs/guide l && echo y > l", {"l", "~/.agent.json"}),
    ("mv docs/guide l && echo y > l", {"docs/guide", "l", "~/.agent.json"}),
    ("ln -s ~/x a && ln -s a b && echo y > b", {"a", "b", "~/x"}),
]


@pytest.mark.parametrize(("command", "expected"), LED_ON)
def test_the_file_that_is_really_written(yard: Bench, command: str, expected: set[str]) -> None:
    found = written(yard, command)
    assert expected <= found
    assert {path for path in expected if path.startswith("~")} == {p for p in found if p.startswith("~")}
    assert yard.verdict(command) == "ask"


BROUGHT_ALONG = [
    ("cp -r template/. .", ".vscode/tasks.json"),
    ("cp -a template/* new/", "new/"),
    ("cp -r template new", "new/.vscode/tasks.json"),
    ("rsync -a template/ .", ".vscode/tasks.json"),
    ("mv template new", "new/.vscode/tasks.json"),
    ("mv packed/.github .github", ".github/workflows/x.yml"),
    ("mv packed new", "packed/.github/workflows/x.yml"),
]


@pytest.mark.parametrize(("command", "path"), BROUGHT_ALONG)
def test_what_a_folder_brings_along(yard: Bench, command: str, path: str) -> None:
    assert any(each.startswith(path) for each in written(yard, command))


GUARDED: list[str] = [
    "cp -r template/. .",
    "mv packed/.github .github",
    "git config core.pager evil",
    "git config --global alias.x '!evil'",
    "git worktree add .git",
    "ln -s .git g && touch g/config",
    "touch .Git/config",
    "touch '.git::$INDEX_ALLOCATION/config'",
    "touch AGENTS.md::'$DATA'",
    "touch GIT~1/config",
    "cp f .mcp.json",
    "cp f .cursor/mcp.json",
    "cp f skills/deploy.md",
    "cp f src/.zed/tasks.json",
    "cp f .gitlab-ci.yml",
]


@pytest.mark.parametrize("command", GUARDED)
def test_guarded_files_ask_even_in_yolo(yard: Bench, command: str) -> None:
    assert yard.verdict(command, "yolo") == "ask"


NEVER = [
    "rm -rf .",
    "rm -r ./",
    "rm -r sub/..",
    "rm -rf ../workspace",
    "rm -rf ../work*",
    "rm -rf .git",
    "rm -r ./.git/",
    "rm -rf sub/../.git",
    "rm -rf .gi*",
    "rm -rf .GIT",
    "mv .git x",
    "find . -delete",
    "find .git -delete",
    "cd sub && rm -rf ../.git",
    "rm -rf ~",
    "rm -rf /",
    "rm -rf /et*",
    "git rm -rf .",
]


@pytest.mark.parametrize("mode", ["standard", "accept", "yolo"])
@pytest.mark.parametrize("command", NEVER)
def test_the_workspace_and_its_history_are_not_removed(yard: Bench, command: str, mode: Mode) -> None:
    git(yard.root, "init", "-q")
    assert yard.verdict(command, mode) == "deny"


def test_a_repository_in_a_folder_that_is_removed(yard: Bench) -> None:
    assert yard.verdict("rm -rf sub", "yolo") == "allow"
    git(yard.root / "sub", "init", "-q")
    assert yard.verdict("rm -rf sub", "yolo") == "ask"
    assert yard.verdict("chmod -R u+w .git", "standard") == "ask"


DESTROYS = [
    ("git push --force origin main", "--force"),
    ("git push origin +main", "+main"),
    ("git -C . push -f", "-f"),
    ("git reset --hard HEAD~1", "--hard"),
    ("git clean -fdx", "-fdx"),
    ("git stash clear", "clear"),
    ("chmod -R 777 src", "777"),
    ("psql -c 'DROP TABLE users'", "DROP TABLE"),
    ("mysql -e 'delete from users'", "delete from"),
]


@pytest.mark.parametrize(("command", "word"), DESTROYS)
def test_what_destroys_says_so(yard: Bench, command: str, word: str) -> None:
    votes = [vote.why for vote in yard.decide(command).trace if vote.verdict == "ask"]
    assert any(word in why and "destroys" in why for why in votes), votes


def test_names_of_other_systems_are_refused(bench: Bench) -> None:
    from acp_agent.permission.claims import Claim

    for path in (
        "//evil.example/share/x",
        f"{bench.root}/\\\\evil\\share",
        f"{bench.root}/CON",
        f"{bench.root}/nul",
    ):
        for operation in ("read", "edit"):
            claim = Claim(operation, path)
            assert bench.gate("yolo").check([claim]).verdict == "deny"
    (bench.root / "aux").mkdir()
    assert bench.gate().check([Claim("read", str(bench.root / "aux"))]).verdict == "allow"

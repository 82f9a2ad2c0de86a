"""`acp-agent auth`, and keys on the command line, as people use them."""

from __future__ import annotations

import json
import os
import stat
import sys
from typing import TYPE_CHECKING, NamedTuple

import anyio
import pytest

from acp_agent.workspace.guard import MARKER_VARIABLE
from tests.support.chat_server import says
from tests.support.http_server import http_server
from tests.support.oauth_server import CLIENT, oauth_service
from tests.support.terminal import on_terminal
from tests.support.workbench import agent_command

if TYPE_CHECKING:
    from typing import Any

    from tests.support.oauth_server import OAuthService
    from tests.support.workbench import Workbench

WAIT_S = 30
FAILED = 1
USAGE = 2
KEY = "sk-the-firms-key-1"
OTHER = "sk-another-key-2"
BROWSER = """
import sys, urllib.request
urllib.request.build_opener(urllib.request.ProxyHandler({})).open(sys.argv[1])
"""


class Said(NamedTuple):
    status: int
    out: str
    err: str


@pytest.fixture
def bench(workbench: Workbench) -> Workbench:
    """Without a model."""
    workbench.settle({})
    return workbench


async def agent(bench: Workbench, *arguments: str, text: str = "", **env: str) -> Said:
    with anyio.fail_after(WAIT_S):
        done = await anyio.run_process(
            [*agent_command(), *arguments],
            input=text.encode(),
            env=bench.environment(**env),
            cwd=bench.project,
            check=False,
        )
    return Said(done.returncode, done.stdout.decode(), done.stderr.decode())


async def set_key(bench: Workbench, provider: str, key: str, *options: str, **env: str) -> Said:
    return await agent(bench, "auth", "set-key", provider, *options, text=f"{key}\n", **env)


async def test_who_is_looked_at_is_not_thereby_in_use(bench: Workbench) -> None:
    await set_key(bench, "openai", KEY)
    await set_key(bench, "groq", OTHER)
    looked = (await agent(bench, "auth", "status", "groq")).out
    assert "groq" in looked
    assert "in use" not in looked
    chosen = (await agent(bench, "--provider", "groq", "auth", "status", "groq")).out
    assert "in use: named by the setting provider" in chosen


async def test_an_account_of_another_address_is_not_chosen_unnoticed(bench: Workbench) -> None:
    await set_key(bench, "openai", KEY, "--account", "usual")
    bench.settle({"providers": {"openai": {"base_url": "https://gateway.example/v1"}}})
    await set_key(bench, "openai", OTHER, "--account", "gateway")
    assert "not used there" not in (await agent(bench, "auth", "switch", "openai", "gateway")).out
    assert "not used there" in (await agent(bench, "auth", "switch", "openai", "usual")).out


async def status(bench: Workbench, **env: str) -> dict[str, dict[str, Any]]:
    said = await agent(bench, "auth", "status", "--json", **env)
    rows = [json.loads(line) for line in said.out.splitlines()]
    return {row["alias"]: row for row in rows}


def stored(bench: Workbench) -> dict[str, Any]:
    return json.loads((bench.config / "auth.json").read_text(encoding="utf-8"))["providers"]


# Keys ----------------------------------------------------------------------------------------------


async def test_keys_are_stored_shown_chosen_and_forgotten(bench: Workbench) -> None:
    said = await set_key(bench, "openai", KEY, "--account", "work", "--label", "the firm's")
    assert (said.status, said.err) == (0, "")
    await set_key(bench, "OpenAI", OTHER, "--account", "home")
    file = bench.config / "auth.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stored(bench)["openai"]["accounts"]["work"]["origin"] == "https://api.openai.com"
    said = await agent(bench, "auth", "status")
    assert (said.status, said.err) == (0, "")
    assert said.out.splitlines() == [
        "openai (api.openai.com), in use: it has an account",
        "    key: account home of `acp-agent auth`",
        "    * home: key",
        "      work: key, the firm's",
    ]
    assert (await agent(bench, "auth", "list")).out == said.out
    said = await agent(bench, "auth", "switch", "openai", "work")
    assert "work is now the active account" in said.out
    assert (await status(bench))["openai"]["active"] == "work"
    said = await agent(bench, "auth", "logout", "openai")
    assert "Forgot account work of openai." in said.out
    assert "The active account of openai is now home." in said.out
    assert "still works" in said.out
    await agent(bench, "auth", "logout", "openai", "--all")
    assert stored(bench) == {}
    said = await agent(bench, "auth", "status")
    assert said.status == FAILED
    assert "acp-agent auth login" in said.out


async def test_no_secret_is_ever_printed(bench: Workbench) -> None:
    shown = [await set_key(bench, "openai", KEY)]
    looks = ("auth status", "auth status --json", "doctor", "config show", "auth logout openai")
    shown += [await agent(bench, *arguments.split()) for arguments in looks]
    assert KEY not in str(shown)


async def test_what_comes_before_an_account_is_said(bench: Workbench) -> None:
    said = await set_key(bench, "openai", KEY, OPENAI_API_KEY="k")
    assert "But $OPENAI_API_KEY comes first." in said.out
    assert "providers.openai.account to 'default'" in said.out
    found = await status(bench, OPENAI_API_KEY="k")
    assert found["openai"]["source"] == "$OPENAI_API_KEY"
    assert found["openai"]["why"] == "found by $OPENAI_API_KEY in the environment"
    bench.settle({"providers": {"openai": {"account": "default"}}})
    found = await status(bench, OPENAI_API_KEY="k")
    assert found["openai"]["source"] == "account default of `acp-agent auth`"


@pytest.mark.parametrize(
    ("arguments", "text", "status", "said"),
    [
        (["set-key", "opnai"], KEY, USAGE, "Did you mean openai?"),
        (["set-key", "openai"], "", FAILED, "No key was given"),
        (["set-key", "openai", "--account", "a/b"], KEY, USAGE, "cannot be called 'a/b'"),
        (["set-key", "openai", KEY], "", USAGE, "unrecognized arguments"),
        (["switch", "openai", "x"], "", USAGE, "No account of 'openai' is stored"),
        (["logout", "openai"], "", USAGE, "No account of 'openai' is stored"),
        (["login", "openai"], "", USAGE, "has no login that programs of others may use"),
        (["login", "openai", "--device"], "", USAGE, "auth set-key openai"),
        (["login", "openrouter", "--device"], "", USAGE, "has no login with a code"),
        (["login", "openrouter", "--paste"], "code#state", FAILED, "No login at openrouter waits"),
        ([], "", USAGE, "login|status|logout|switch|set-key"),
    ],
)
async def test_what_goes_wrong_is_said(
    bench: Workbench, arguments: list[str], text: str, status: int, said: str
) -> None:
    found = await agent(bench, "auth", *arguments, text=text)
    assert (found.status, found.out) == (status, "")
    assert said in found.err
    assert not (bench.config / "auth.json").exists()


async def test_a_broken_file_is_kept(bench: Workbench) -> None:
    file = bench.config / "auth.json"
    file.write_text('{"providers": ', encoding="utf-8")
    file.chmod(0o600)
    for said in (await set_key(bench, "openai", KEY), await agent(bench, "auth", "status")):
        assert said.status == FAILED
        assert str(file) in said.err
        assert "docs/accounts.md" in said.err
    report = await agent(bench, "doctor")
    assert report.status == FAILED
    assert "fail  accounts" in report.out
    assert file.read_text(encoding="utf-8") == '{"providers": '


async def test_doctor_says_what_is_wrong_with_accounts(bench: Workbench) -> None:
    await set_key(bench, "openai", KEY)
    assert "ok    accounts  1 in " in (await agent(bench, "doctor")).out
    (bench.config / "auth.json").chmod(0o644)
    report = (await agent(bench, "doctor")).out
    assert "can be read or written by others" in report
    assert "chmod 600" in report


async def test_a_command_of_the_agent_stores_nothing(bench: Workbench) -> None:
    for arguments in (["set-key", "openai"], ["login"], ["logout", "openai"], ["switch", "openai", "x"]):
        said = await agent(bench, "auth", *arguments, text=KEY, **{MARKER_VARIABLE: "x"})
        assert said.status == USAGE
        assert "this is for a person" in said.err
    assert not (bench.config / "auth.json").exists()


async def test_a_key_in_the_keyring(bench: Workbench) -> None:
    ring = bench.root / "ring.json"
    env = {
        "PYTHON_KEYRING_BACKEND": "tests.support.keyring_backend.OnDisk",
        "PYTHONPATH": os.pathsep.join(sys.path),
        "TEST_KEYRING": str(ring),
    }
    said = await set_key(bench, "openai", KEY, "--keyring", **env)
    assert "in the keyring" in said.out
    assert KEY not in (bench.config / "auth.json").read_text(encoding="utf-8")
    assert KEY in ring.read_text(encoding="utf-8")
    assert (await status(bench, **env))["openai"]["problem"] == ""
    said = await agent(bench, "auth", "status")
    assert said.status == FAILED
    assert "keyring" in said.out
    await agent(bench, "auth", "logout", "openai", **env)
    assert KEY not in ring.read_text(encoding="utf-8")


# Keys on the command line --------------------------------------------------------------------------


@pytest.mark.parametrize("way", ["file", "stdin", "argument", "variable"])
async def test_a_key_for_this_time(bench: Workbench, way: str) -> None:
    """It beats all others, and is not stored."""
    file = bench.root / "key"
    file.write_text(f"{KEY}\n", encoding="utf-8")
    file.chmod(0o600)
    ways: dict[str, tuple[list[str], str]] = {
        "file": (["--api-key-file", str(file)], ""),
        "stdin": (["--api-key-stdin"], f"{KEY}\n"),
        "argument": (["--api-key", KEY], ""),
        "variable": ([], ""),
    }
    options, text = ways[way]
    env = {"ACP_AGENT_API_KEY": KEY} if way == "variable" else {}
    async with http_server(says("hi"), says("hi")) as server:
        entry = {"provider_type": "openai", "base_url": f"{server.url}/v1", "model": "m", "api_key": OTHER}
        bench.settle({"provider": "mine", "providers": {"mine": entry}})
        for arguments in (["run", "-", *options], [*options, "run", "-"]):
            said = await agent(bench, *arguments, text=f"{text}say hi", **env)
            assert (said.status, said.out) == (0, "hi\n"), said
            assert ("shows in the list of processes" in said.err) is (way == "argument")
        assert [request.headers["authorization"] for request in server.requests] == [f"Bearer {KEY}"] * 2
        assert "say hi" in str(server.requests[0].body)
    assert not (bench.config / "auth.json").exists()
    assert not [
        path for path in bench.data.rglob("*") if path.is_file() and KEY in path.read_text("utf-8", "replace")
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--api-key-stdin"], "standard input is the editor's"),
        (["serve", "--api-key-stdin"], "unrecognized arguments"),
        (["--api-key-stdin", "serve"], "standard input is the editor's"),
        (["--api-key-file", "missing", "run", "x"], "cannot be read"),
        (["--api-key-file", "a.txt", "run", "x"], "chmod 600"),
        (["run", "--api-key-stdin", "x"], "the first line of standard input is empty"),
        (["--api-key", "a", "--api-key-stdin", "run", "x"], "not allowed with"),
        (["--api-key", KEY, "chat", "--agent", "true"], "Leave it out with --agent"),
        (["--api-key", KEY, "run", "x"], "no provider is chosen"),
    ],
)
async def test_a_key_that_cannot_be_taken(bench: Workbench, arguments: list[str], said: str) -> None:
    found = await agent(bench, *arguments)
    assert found.status != 0
    assert said in found.err


# Logins --------------------------------------------------------------------------------------------


def settle(bench: Workbench, fake: OAuthService) -> None:
    entry = {
        "provider_type": "custom",
        "base_url": "https://hub.example/v1",
        "model": "m",
        "oauth": fake.settings(),
    }
    bench.settle({"provider": "hub", "providers": {"hub": entry}})


async def test_with_a_browser(bench: Workbench) -> None:
    script = bench.root / "browser.py"
    script.write_text(BROWSER, encoding="utf-8")
    async with oauth_service() as fake:
        settle(bench, fake)
        said = await agent(bench, "auth", "login", "hub", BROWSER=f"{sys.executable} {script} %s")
    assert said.status == 0, said
    assert "Stored account default of hub" in said.out
    assert fake.paths == ["/authorize", "/token"]
    account = stored(bench)["hub"]["accounts"]["default"]
    assert account["access_token"] == "access-token-0001"
    assert account["client_id"] == CLIENT
    assert "access-token" not in said.out + said.err
    assert (await status(bench))["hub"]["source"] == "account default of `acp-agent auth`"


async def test_a_refusal_in_the_browser(bench: Workbench) -> None:
    script = bench.root / "browser.py"
    script.write_text(BROWSER, encoding="utf-8")
    async with oauth_service(says_no=True) as fake:
        settle(bench, fake)
        said = await agent(bench, "auth", "login", "hub", BROWSER=f"{sys.executable} {script} %s")
    assert said.status == FAILED
    assert "access_denied" in said.err
    assert not (bench.config / "auth.json").exists()


async def test_with_a_code_on_another_device(bench: Workbench) -> None:
    async with oauth_service(device={"interval": 0}) as fake:
        settle(bench, fake)
        said = await agent(bench, "auth", "login", "hub", "--device", "--account", "phone")
    assert said.status == 0, said
    assert "ABCD-EFGH" in said.out
    assert fake.paths == ["/device", "/token"]
    assert stored(bench)["hub"]["active_account"] == "phone"


async def test_finished_by_another_process(bench: Workbench) -> None:
    async with oauth_service() as fake:
        settle(bench, fake)
        begun = await agent(bench, "auth", "login", "hub", "--paste")
        assert begun.status == FAILED
        assert "auth login hub --account default --paste" in begun.out
        place = next(line.strip() for line in begun.out.splitlines() if fake.url in line)
        back = await sent_back(place)
        wrong = await agent(bench, "auth", "login", "hub", "--paste", text="code-0#wrong\n")
        assert (wrong.status, "another login" in wrong.err) == (FAILED, True)
        said = await agent(bench, "auth", "login", "hub", "--paste", text=f"{back}\n")
    assert said.status == 0, said
    assert stored(bench)["hub"]["accounts"]["default"]["access_token"] == "access-token-0001"
    assert list((bench.config / "logins").iterdir()) == []


async def test_pasted_on_a_terminal(bench: Workbench) -> None:
    async with oauth_service() as fake:
        settle(bench, fake)
        command = [*agent_command(), "auth", "login", "hub", "--paste"]
        async with on_terminal(command, cwd=bench.project, env=bench.environment()) as person:
            shown = await person.sees("The address: ")
            place = next(line.strip() for line in shown.splitlines() if fake.url in line)
            person.type(f"{await sent_back(place)}\n")
            await person.sees("Stored account default of hub")
            assert await person.ended() == 0


async def test_what_is_said_of_a_login(bench: Workbench) -> None:
    async with oauth_service(device={"interval": 0}) as fake:
        settle(bench, fake)
        await agent(bench, "auth", "login", "hub", "--device")
    assert "* default: login, until " in (await agent(bench, "auth", "status")).out
    data = json.loads((bench.config / "auth.json").read_text(encoding="utf-8"))
    account = data["providers"]["hub"]["accounts"]["default"]
    account["expires_at"] = 1
    (bench.config / "auth.json").write_text(json.dumps(data), encoding="utf-8")
    assert "* default: login, renewed when it is used" in (await agent(bench, "auth", "status")).out
    del account["refresh_token"]
    (bench.config / "auth.json").write_text(json.dumps(data), encoding="utf-8")
    said = await agent(bench, "auth", "status")
    assert said.status == FAILED
    assert "log in again" in said.out
    assert "warn  accounts  default of hub has expired" in (await agent(bench, "doctor")).out


async def sent_back(place: str) -> str:
    """Where a browser would be sent, having granted what the page asks for."""
    import httpx

    async with httpx.AsyncClient(trust_env=False) as browser:
        return (await browser.get(place)).headers["location"]

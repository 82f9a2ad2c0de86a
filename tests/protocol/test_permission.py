"""Asking before acting, and what the answers do."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.client import always, choose, refuse, silent
from tests.support.session import Prompt, Session, new_session

if TYPE_CHECKING:
    from tests.conftest import Launch
    from tests.support.client import Client
    from tests.support.wire import JsonObject
    from tests.support.workbench import Workbench

ASK = "session/request_permission"
TOUCH = "run touch made.txt"
EDIT = "edit a.txt beta BETA"
ODD_OUTCOMES: list[object] = [
    {"outcome": "selected", "optionId": "no-such-option"},
    {"outcome": "selected", "optionId": None},
    {"outcome": "selected"},
    {"outcome": "cancelled"},
    {"outcome": "approved"},
    {"outcome": "allow_once"},
    "selected",
    None,
]
"""Answers to a permission request that approve nothing."""


def asked(session: Session) -> list[JsonObject]:
    """Parameters of the permission requests so far."""
    return [message["params"] for message in session.client.calls(ASK)]


@pytest.mark.requirement("permission.self-contained")
async def test_request_for_an_edit(session: Session) -> None:
    await session.set_mode("restrictive")
    turn = await session.prompt(EDIT)
    (request,) = asked(session)
    call = request["toolCall"]
    assert request["sessionId"] == session.id
    assert call["toolCallId"] == turn.calls[-1].now["toolCallId"]
    assert (call["kind"], call["status"]) == ("edit", "pending")
    assert call["title"]
    diff = call["content"][0]
    assert (diff["type"], diff["path"]) == ("diff", str(session.cwd / "a.txt"))
    assert "BETA" in diff["newText"]
    assert call["locations"][0]["path"] == diff["path"]


@pytest.mark.requirement("permission.self-contained")
async def test_request_for_a_command(session: Session) -> None:
    await session.prompt("run python3 check.py --all")
    (request,) = asked(session)
    call = request["toolCall"]
    assert call["kind"] == "execute"
    assert "python3 check.py --all" in call["title"] + str(call["content"])
    assert "python3 check.py --all" in str(call["rawInput"])


@pytest.mark.requirement("permission.options")
@pytest.mark.parametrize("prompt", ["run git push origin main", EDIT])
async def test_options(session: Session, prompt: str) -> None:
    await session.set_mode("restrictive")
    await session.prompt(prompt)
    options = asked(session)[0]["options"]
    kinds = list(dict.fromkeys(option["kind"] for option in options))
    assert kinds == ["allow_once", "allow_always", "reject_once", "reject_always"]
    assert all(option["name"] for option in options)


@pytest.mark.requirement("permission.options")
async def test_scopes(session: Session) -> None:
    await session.prompt("run git push origin main")
    names = [option["name"] for option in asked(session)[0]["options"] if option["kind"] == "allow_always"]
    assert names == [
        "Always allow `git push origin main` in this session",
        "Always allow `git push *` in this session",
        "Always allow `git push *` in this project",
    ]


@pytest.mark.requirement("permission.options")
async def test_who_knows_one_option_of_a_kind_gets_the_narrowest(
    workbench: Workbench, launch: Launch
) -> None:
    client = await launch(raw=True)
    info = {"name": "CodeCompanion.nvim", "version": "1.0.0"}
    await client.ask("initialize", {"protocolVersion": 1, "clientInfo": info})
    session = await new_session(client, workbench.project)
    await session.prompt("run git push origin main")
    options = asked(session)[0]["options"]
    kinds = [option["kind"] for option in options]
    assert kinds == ["allow_once", "allow_always", "reject_once", "reject_always"]
    assert options[1]["name"] == "Always allow `git push origin main` in this session"


@pytest.mark.requirement("permission.guess-proof-options")
async def test_no_two_options_have_the_same_id(session: Session) -> None:
    other = await new_session(session.client, session.cwd)
    for one in (session, session, other):
        await one.prompt(TOUCH)
    ids = [option["optionId"] for request in asked(session) for option in request["options"]]
    assert len(ids) == len(set(ids))
    assert len({each.rpartition("-")[2] for each in ids}) == 3
    assert min(map(len, ids)) >= 16


@pytest.mark.requirement("permission.only-allow-allows")
async def test_only_allow_allows(workbench: Workbench, session: Session, subtests: pytest.Subtests) -> None:
    for outcome in ODD_OUTCOMES:
        with subtests.test(outcome=outcome):
            session.client.handlers[ASK] = always({"outcome": outcome})
            await assert_denied(workbench, session)
    for handler in (choose("reject_once"), always({}), refuse(-32603), refuse(-32601)):
        with subtests.test(handler=handler):
            session.client.handlers[ASK] = handler
            await assert_denied(workbench, session)


async def assert_denied(workbench: Workbench, session: Session) -> None:
    turn = await session.prompt(TOUCH)
    assert turn.call.states[-1] == "failed"
    assert "in_progress" not in turn.call.states
    assert not (workbench.project / "made.txt").exists()


@pytest.mark.requirement("permission.only-allow-allows")
@pytest.mark.parametrize("kind", ["allow_once", "allow_always"])
async def test_allow_allows(workbench: Workbench, session: Session, kind: str) -> None:
    session.client.handlers[ASK] = choose(kind)
    assert (await session.prompt(TOUCH)).call.states[-1] == "completed"
    assert (workbench.project / "made.txt").exists()


@pytest.mark.requirement("permission.rejection-goes-on")
async def test_the_turn_goes_on(workbench: Workbench, session: Session) -> None:
    before = workbench.read("a.txt")
    await session.set_mode("restrictive")
    session.client.handlers[ASK] = choose("reject_once")
    turn = await session.prompt(EDIT)
    assert [call.states[-1] for call in turn.calls] == ["completed", "failed"]
    assert (turn.stop_reason, turn.text) == ("end_turn", "Done.")
    assert workbench.read("a.txt") == before
    session.client.handlers[ASK] = choose("allow_once")
    assert (await session.prompt(EDIT)).calls[-1].states[-1] == "completed"
    assert len(asked(session)) == 2


@pytest.mark.requirement("permission.remembered")
@pytest.mark.parametrize(("kind", "status"), [("allow_always", "completed"), ("reject_always", "failed")])
async def test_always_is_remembered(session: Session, kind: str, status: str) -> None:
    session.client.handlers[ASK] = choose(kind)
    for _ in range(3):
        assert (await session.prompt(TOUCH)).call.states[-1] == status
    assert len(asked(session)) == 1
    await session.prompt("run python3 check.py")
    assert len(asked(session)) == 2


@pytest.mark.requirement("permission.remembered")
async def test_once_is_not_remembered(session: Session) -> None:
    for _ in range(2):
        await session.prompt(TOUCH)
    assert len(asked(session)) == 2


@pytest.mark.requirement("permission.modes")
@pytest.mark.parametrize(
    ("mode", "asks"),
    [
        ("standard", {"command", "outside"}),
        ("restrictive", {"command", "outside", "edit"}),
        ("accept", {"command", "outside"}),
        ("yolo", set[str]()),
    ],
)
@pytest.mark.parametrize("way", ["set_mode", "settings"])
async def test_what_a_mode_asks(
    workbench: Workbench, launch: Launch, mode: str, asks: set[str], way: str
) -> None:
    if way == "settings":
        workbench.configure(permission=mode)
    session = await new_session(await launch(), workbench.project)
    if way == "set_mode":
        await session.set_mode(mode)
    prompts = {
        "read": "read a.txt",
        "look": "run ls",
        "edit": EDIT,
        "command": TOUCH,
        "outside": f"put {workbench.root / 'made.txt'} x",
    }
    found: set[str] = set()
    for name, prompt in prompts.items():
        before = len(asked(session))
        assert (await session.prompt(prompt)).calls[-1].states[-1] == "completed"
        if len(asked(session)) > before:
            found.add(name)
    assert found == asks


@pytest.mark.requirement("permission.modes")
async def test_a_grant_belongs_to_its_session(client: Client, session: Session) -> None:
    client.handlers[ASK] = choose("allow_always")
    other = await new_session(client, session.cwd)
    await session.prompt(TOUCH)
    await other.prompt(TOUCH)
    assert [request["sessionId"] for request in asked(session)] == [session.id, other.id]


# Whose answer it is ------------------------------------------------------------------------------


async def waiting(session: Session, prompt: str, start: int) -> tuple[Prompt, JsonObject]:
    """A prompt, and the question that it comes to."""
    turn = await session.start(prompt)
    _, request = await session.client.wire.until(
        lambda m: m.get("method") == ASK and m["params"]["sessionId"] == session.id, start=start
    )
    return turn, request


def selected(request: JsonObject, kind: str = "allow_once") -> JsonObject:
    ids = [option["optionId"] for option in request["params"]["options"] if option["kind"] == kind]
    return {"outcome": {"outcome": "selected", "optionId": ids[0]}}


@pytest.mark.requirement("permission.right-answer")
async def test_swapped_answers_allow_nothing(workbench: Workbench, session: Session) -> None:
    client = session.client
    other = await new_session(client, session.cwd)
    client.handlers[ASK] = silent
    one, first = await waiting(session, TOUCH, 0)
    two, second = await waiting(other, "run touch other.txt", 0)
    await client.reply(first, selected(second))
    await client.reply(second, selected(first))
    for turn in (await one.end(), await two.end()):
        assert turn.call.states[-1] == "failed"
    assert not {"made.txt", "other.txt"} & {path.name for path in workbench.project.iterdir()}


@pytest.mark.requirement("permission.right-answer")
async def test_late_and_repeated_answers_change_nothing(workbench: Workbench, session: Session) -> None:
    client = session.client
    client.handlers[ASK] = silent
    turn, first = await waiting(session, TOUCH, 0)
    await client.reply(first, selected(first, "reject_once"))
    await client.reply(first, selected(first))
    await client.reply(first, selected(first, "allow_always"))
    assert (await turn.end()).call.states[-1] == "failed"
    await client.reply(first, selected(first, "allow_always"))
    start = len(client.wire.lines)
    turn, second = await waiting(session, TOUCH, start)
    await client.reply(first, selected(second))  # the answer to this question, for that one
    await client.reply(second, selected(first))  # and the other way round
    assert (await turn.end()).call.states[-1] == "failed"
    assert not (workbench.project / "made.txt").exists()
    assert (await session.prompt("/allow")).text.startswith("Nothing is stored")


@pytest.mark.requirement("permission.right-answer")
async def test_an_answer_after_the_turn_was_cancelled_allows_nothing(
    workbench: Workbench, session: Session
) -> None:
    client = session.client
    client.handlers[ASK] = silent
    turn, request = await waiting(session, TOUCH, 0)
    await session.cancel()
    assert (await turn.end()).stop_reason == "cancelled"
    await client.reply(request, selected(request, "allow_always"))
    await client.settle()
    assert not (workbench.project / "made.txt").exists()
    assert (await session.prompt("/allow")).text.startswith("Nothing is stored")


# What a person sees, and says ---------------------------------------------------------------------


def texts(request: JsonObject) -> list[str]:
    items = request["toolCall"]["content"]
    return [item["content"]["text"] for item in items if item["type"] == "content"]


@pytest.mark.requirement("permission.explained")
async def test_a_command_is_shown_whole_and_explained(session: Session) -> None:
    await session.prompt("run npm run build -x")
    command, why = texts(asked(session)[0])
    assert "$ npm run build -x" in command
    assert why.startswith("Asks: `npm run build -x` is not known to only read\n")
    assert "execute `npm run build *` for this session" in why
    assert why.endswith("execute `npm run build *` for this project.")


@pytest.mark.requirement("permission.explained")
async def test_what_hides_in_a_command_is_shown(session: Session) -> None:
    padding = " " * 300
    await session.prompt(f"run git push \u202eorigin\u200b \x1b[2K{padding}; rm -rf src {chr(10) * 50} evil")
    request = asked(session)[0]
    shown = request["toolCall"]["title"] + "\n".join(texts(request))
    for hidden in ("\u202e", "\u200b", "\x1b", padding, "\n" * 20):
        assert hidden not in shown
    command = texts(request)[0]
    for part in ("\\u{202e}", "\\u{200b}", "\\u{1b}", "[300 blanks]; rm -rf src", "line breaks]", "evil"):
        assert part in command
    assert "\\u{202e}" in request["toolCall"]["title"]


@pytest.mark.requirement("permission.explained")
async def test_the_real_place_is_shown(workbench: Workbench, session: Session) -> None:
    (workbench.project / "docs").symlink_to(workbench.home)
    await session.prompt("write docs/guide.txt x")
    request = asked(session)[0]
    assert request["toolCall"]["content"][0]["type"] == "diff"
    assert texts(request)[-1].startswith(f"Asks: {workbench.home}/guide.txt is outside the workspace\n")


@pytest.mark.requirement("permission.explained")
async def test_each_claim_that_asks_is_told(session: Session) -> None:
    await session.prompt("run make > out.txt && git push")
    why = texts(asked(session)[0])[-1].splitlines()
    assert why[0] == "Asks:"
    assert why[1] == "- `make` is not known to only read"
    assert why[2] == f"- a command changes {session.cwd}/out.txt (redirect target)"
    assert why[3] == "- `git push` is not known to only read"


@pytest.mark.requirement("permission.words")
@pytest.mark.parametrize(
    "place",
    [{"_meta": {"message": "use make"}}, {"_meta": {"feedback": "use make"}}, {"message": "use make"}],
)
async def test_words_reach_the_model(session: Session, place: JsonObject) -> None:
    async def refuse_with_words(params: JsonObject) -> JsonObject:
        answer = selected({"params": params}, "reject_once")
        return {"outcome": {**answer["outcome"], **place}}

    session.client.handlers[ASK] = refuse_with_words
    turn = await session.prompt(TOUCH)
    assert turn.call.states[-1] == "failed"
    assert "They say: use make" in turn.call.now["rawOutput"]["output"]


@pytest.mark.requirement("permission.unanswered")
async def test_nobody_answers(workbench: Workbench, launch: Launch) -> None:
    workbench.configure(permission={"ask_timeout_secs": 0.2})
    session = await new_session(await launch(), workbench.project)
    session.client.handlers[ASK] = silent
    turn, request = await waiting(session, TOUCH, 0)
    ended = await turn.end()
    assert (ended.stop_reason, ended.text, ended.call.states[-1]) == ("end_turn", "Done.", "failed")
    assert "nobody answered in 0.2 seconds" in ended.call.now["rawOutput"]["output"]
    withdrawn = [message["params"]["requestId"] for message in session.client.calls("$/cancel_request")]
    assert withdrawn == [request["id"]]
    await session.client.reply(request, selected(request, "allow_always"))
    await session.client.settle()
    assert not (workbench.project / "made.txt").exists()


@pytest.mark.requirement("permission.project")
async def test_what_is_allowed_for_the_project(workbench: Workbench, client: Client) -> None:
    one, two = [await new_session(client, workbench.project) for _ in range(2)]
    elsewhere = await new_session(client, workbench.home)
    with_more = await new_session(client, workbench.project, additionalDirectories=[str(workbench.home)])

    async def for_project(params: JsonObject) -> JsonObject:
        option = next(each for each in params["options"] if each["name"].endswith("in this project"))
        return {"outcome": {"outcome": "selected", "optionId": option["optionId"]}}

    client.handlers[ASK] = for_project
    assert (await one.prompt("run python3 -c pass")).call.states[-1] == "completed"
    client.handlers[ASK] = choose("reject_once")
    assert (await two.prompt("run python3 -c pass")).call.states[-1] == "completed"
    assert (await new_session(client, workbench.project)).id
    for other in (elsewhere, with_more):
        assert (await other.prompt("run python3 -c pass")).call.states[-1] == "failed"
    assert len(asked(one)) == 3
    (kept,) = (workbench.data / "projects").glob("*/grants.json")
    assert kept.stat().st_mode & 0o777 == 0o600
    assert "python3" not in "".join(path.name for path in workbench.project.rglob("*"))
    listed = (await two.prompt("/allow")).text
    assert listed == "1. allow execute `python3 -c pass` (this project)"
    await two.prompt("/allow remove 1")
    assert (await one.prompt("run python3 -c pass")).call.states[-1] == "failed"

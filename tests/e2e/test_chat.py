"""`acp-agent chat` in a pipe and on a terminal, with an odd agent of somebody else's and with our own."""

from __future__ import annotations

import os
import shlex
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import anyio
import pytest

from acp_agent import __version__
from tests.support.processes import assert_all_gone, wait_for_command
from tests.support.terminal import CTRL_D, on_terminal
from tests.support.workbench import agent_command

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from tests.support.terminal import Terminal
    from tests.support.workbench import Workbench

WAIT_S = 15.0
OTHER = Path(__file__).with_name("other_agent.py")


class Ran(NamedTuple):
    status: int
    out: str
    err: str


class Chat:
    """Runs `acp-agent chat` in the workbench's project."""

    def __init__(self, bench: Workbench) -> None:
        self.bench = bench

    def command(self, *options: str, behaviour: str | None = "") -> list[str]:
        """The command line; `behaviour` None talks to our own agent, else to the other one."""
        other = shlex.join([sys.executable, str(OTHER), *([behaviour] if behaviour else [])])
        agent = [] if behaviour is None else ["--agent", other]
        return [*agent_command(), "chat", "--cwd", str(self.bench.project), *agent, *options]

    async def piped(self, *lines: str, options: tuple[str, ...] = (), behaviour: str | None = "") -> Ran:
        """Pipes lines in and waits for the end."""
        text = "".join(f"{line}\n" for line in lines)
        with anyio.fail_after(WAIT_S):
            ended = await anyio.run_process(
                self.command(*options, behaviour=behaviour),
                input=text.encode(),
                env=self.bench.environment(),
                cwd=self.bench.root,
                check=False,
            )
        return Ran(ended.returncode, ended.stdout.decode(), ended.stderr.decode())

    def terminal(
        self, *options: str, behaviour: str | None = "", **env: str
    ) -> AbstractAsyncContextManager[Terminal]:
        """Starts it on a terminal."""
        command = self.command(*options, behaviour=behaviour)
        return on_terminal(command, self.bench.environment(**{"TERM": "xterm", **env}), self.bench.root)


async def prompts(terminal: Terminal) -> None:
    """Waits until it takes a line."""
    await terminal.sees(r"\n(\x1b\[1m)?> ")


@pytest.fixture
def chat(workbench: Workbench) -> Chat:
    return Chat(workbench)


class TestWhatIsShown:
    async def test_who_is_there_and_what_it_says(self, chat: Chat) -> None:
        ran = await chat.piped("hello there")
        where = f"other 7 · one/small · calm · {chat.bench.project}"
        assert ran == Ran(0, f"{where}\n\n> hello there\n\nYou said hello there.\n", "")

    async def test_thoughts_and_text_stand_apart(self, chat: Chat) -> None:
        assert "> think\n\nHm, let me see.\n\nI see.\n" in (await chat.piped("think")).out

    async def test_output_comes_as_it_grows_and_once(self, chat: Chat) -> None:
        ran = await chat.piped("run")
        assert "● Run make\n  │ one\n  │ two and a half\n  │ three\n  │ exit 2\n  ✗ Run make\n" in ran.out
        assert ran.status == 0

    async def test_an_edit_as_a_unified_difference(self, chat: Chat) -> None:
        ran = await chat.piped(f"edit {chat.bench.project}/a.txt")
        change = " one\n  -two\n  -three\n  +2\n  +three\n  \\ No newline at end of file\n"
        new = "  a.txt.new (new file)\n  @@ -0,0 +1 @@\n  +fresh\n"
        assert f"● Edit it\n  a.txt\n  @@ -1,3 +1,3 @@\n  {change}{new}  ✓ Edit it\n" in ran.out

    async def test_a_plan_and_then_what_changes_of_it(self, chat: Chat) -> None:
        assert "Plan\n  ○ first\n  ▸ second\n  ✓ first\n" in (await chat.piped("plan")).out

    async def test_usage_notices_and_nothing_of_what_is_unknown(self, chat: Chat) -> None:
        out = (await chat.piped("tell", "hello")).out
        assert "Disk is full\nMake room.\n\n1,500 of 10,000 tokens (15 %), 0.50 EUR\n\n> hello" in out
        assert out.count("tokens") == 1

    async def test_nothing_steers_the_terminal(self, chat: Chat) -> None:
        assert "a\ufffd[2Jb\ufffdc\nd\n" in (await chat.piped("escape")).out

    @pytest.mark.parametrize(
        ("reason", "told"),
        [("refusal", "The model refused."), ("max_tokens", 'Say "go on"'), ("new_one", "Stopped (new_one).")],
    )
    async def test_why_a_turn_stopped(self, chat: Chat, reason: str, told: str) -> None:
        ran = await chat.piped(f"stop {reason}")
        assert told in ran.out
        assert ran.status == 0

    async def test_an_error_with_its_details_and_what_to_do(self, chat: Chat) -> None:
        ran = await chat.piped("fail")
        assert "\nNo answer.\nthe tubes are clogged\nUnclog them.\n" in ran.out
        assert (ran.status, ran.err) == (1, "")

    async def test_only_the_last_turn_decides_on_the_status(self, chat: Chat) -> None:
        assert (await chat.piped("fail", "hello")).status == 0
        assert (await chat.piped("hello", "fail")).status == 1

    async def test_an_ascii_terminal_gets_ascii(self, chat: Chat) -> None:
        with anyio.fail_after(WAIT_S):
            env = chat.bench.environment(PYTHONIOENCODING="ascii")
            ended = await anyio.run_process(chat.command(), input=b"run\n", env=env, check=False)
        assert b"* Run make\n  | one\n" in ended.stdout
        assert ended.stdout.isascii()

    async def test_a_reader_that_has_seen_enough(self, chat: Chat) -> None:
        reader, writer = os.pipe()
        env = chat.bench.environment()
        async with await anyio.open_process(chat.command(), env=env, stdout=writer) as process:
            os.close(writer)
            assert process.stdin is not None
            assert process.stderr is not None
            with anyio.fail_after(WAIT_S):
                await anyio.wait_readable(reader)
                os.close(reader)
                await process.stdin.send(b"hello\n" * 10)
                with pytest.raises(anyio.EndOfStream):
                    await process.stderr.receive()
                assert await process.wait() == 0


class TestPermission:
    @pytest.mark.parametrize(
        ("policy", "name", "option"), [("allow", "Allow once", "o1"), ("reject", "Reject", "o3")]
    )
    async def test_a_policy_answers_and_says_so(
        self, chat: Chat, policy: str, name: str, option: str
    ) -> None:
        ran = await chat.piped("permission", options=("--permit", policy))
        assert f"● Launch the rocket\n  │ launch --now\n  {name} (--permit {policy})\n" in ran.out
        assert f"The answer was {option}." in ran.out

    async def test_without_a_terminal_it_rejects(self, chat: Chat) -> None:
        assert "The answer was o3." in (await chat.piped("permission")).out

    @pytest.mark.parametrize(
        ("answer", "option"),
        [
            *(
                ("1", "o1"),
                ("4", "o4"),
                ("y", "o1"),
                ("Yes", "o1"),
                ("a", "o2"),
                ("n", "o3"),
                ("never", "o4"),
            ),
            *(("n use the other one", "o3: use the other one"), ("3  why not", "o3: why not")),
        ],
    )
    async def test_a_line_answers(self, chat: Chat, answer: str, option: str) -> None:
        ran = await chat.piped("permission", answer, options=("--permit", "ask"))
        assert (
            "  1 y     Allow once\n  2 a     Always allow\n  3 n     Reject\n  4 never Always reject\n"
            in ran.out
        )
        assert f"The answer was {option}." in ran.out

    async def test_anything_else_is_asked_again(self, chat: Chat) -> None:
        ran = await chat.piped("permission", "5", "y but slowly", "1", options=("--permit", "ask"))
        assert ran.out.count("Answer with a number from 1 to 4, or with one of the letters.") == 2
        assert "The answer was o1." in ran.out

    async def test_nobody_to_answer_is_a_rejection(self, chat: Chat) -> None:
        ran = await chat.piped("permission", options=("--permit", "ask"))
        assert "Reject (nobody is there to answer)" in ran.out
        assert "The answer was o3." in ran.out

    async def test_cancelling_withdraws_the_question(self, chat: Chat) -> None:
        ran = await chat.piped("permission", "/cancel", options=("--permit", "ask"))
        assert "The answer was cancelled." in ran.out
        assert "\nCancelled.\n" in ran.out

    async def test_what_was_typed_before_the_question_is_no_answer(self, chat: Chat) -> None:
        async with chat.terminal() as terminal:
            await prompts(terminal)
            terminal.type("permission\nyes\n")
            await terminal.sees("Allow it\\? ")
            terminal.type("n\n")
            await terminal.sees("The answer was o3\\.")
            await terminal.sees("You said yes\\.")


class TestCommands:
    async def test_help_also_lists_the_commands_of_the_agent(self, chat: Chat) -> None:
        out = (await chat.piped("hello", "/help")).out
        assert "/quit           leave" in out
        assert "  /dance          Dances.\n" in out

    async def test_a_command_of_the_agent_is_a_prompt(self, chat: Chat) -> None:
        assert "You said /dance slowly." in (await chat.piped("/dance slowly")).out

    async def test_modes(self, chat: Chat) -> None:
        out = (await chat.piped("/mode", "/mode wild", "/mode")).out
        assert "● calm\n  wild\n    Anything goes\n" in out
        assert "> /mode wild\nmode wild\n" in out
        assert "  calm\n● wild\n" in out

    async def test_models_by_value_name_or_end(self, chat: Chat) -> None:
        for wanted in ("two/large", "large", "Large"):
            assert f"> /model {wanted}\nmodel two/large\n" in (await chat.piped(f"/model {wanted}")).out

    async def test_one_that_there_is_not(self, chat: Chat) -> None:
        ran = await chat.piped("/mode x", "/model x")
        assert "There is no mode 'x'. Choose one of: calm, wild.\n" in ran.out
        assert "There is no model 'x'. Choose one of: one/small, two/large.\n" in ran.out
        assert ran.status == 0

    async def test_quit_leaves_the_rest_unread(self, chat: Chat) -> None:
        ran = await chat.piped("/quit", "hello")
        assert "You said" not in ran.out
        assert ran.status == 0

    async def test_cancel_ends_the_turn_before_it_and_no_other(self, chat: Chat) -> None:
        ran = await chat.piped("/cancel", "hang", "/cancel", "hello")
        assert "Hanging.\n\nCancelled.\n\n> hello\n\nYou said hello.\n" in ran.out
        assert "> /cancel\nNothing runs.\n" in ran.out
        assert ran.status == 0

    async def test_mode_and_model_to_begin_with(self, chat: Chat) -> None:
        ran = await chat.piped("hello", options=("--mode", "wild", "--model", "two/large"))
        assert ran.out.startswith("other 7 · two/large · wild · ")

    async def test_a_mode_to_begin_with_that_there_is_not(self, chat: Chat) -> None:
        ran = await chat.piped("hello", options=("--mode", "x"))
        assert "There is no mode 'x'. Choose one of: calm, wild." in ran.out
        assert "You said" not in ran.out
        assert ran.status == 1


class TestFiles:
    async def test_a_file_of_the_project(self, chat: Chat) -> None:
        ran = await chat.piped(f"read {chat.bench.project}/b.txt", f"read {chat.bench.project}/a.txt 2 2")
        assert '{"content": "one\\ntwo\\n"}' in ran.out
        assert '{"content": "beta\\ngamma\\n"}' in ran.out

    async def test_one_that_is_not_there_or_not_text(self, chat: Chat) -> None:
        (chat.bench.project / "bytes").write_bytes(b"\xff\xfe\xfd")
        ran = await chat.piped(f"read {chat.bench.project}/gone", f"read {chat.bench.project}/bytes")
        assert '{"code": -32002, "message": "There is no ' in ran.out
        assert "bytes is not UTF-8 text." in ran.out

    async def test_writing_makes_the_folders_and_keeps_line_ends(self, chat: Chat) -> None:
        path = chat.bench.project / "new" / "c.txt"
        ran = await chat.piped(f"write {path} grüße")
        assert "{}" in ran.out
        assert path.read_text(encoding="utf-8") == "grüße"

    async def test_nothing_outside_of_the_project(self, chat: Chat) -> None:
        secret = chat.bench.root / "secret.txt"
        secret.write_text("secret", encoding="utf-8")
        (chat.bench.project / "link").symlink_to(secret)
        out = ""
        for path in (str(secret), f"{chat.bench.project}/../secret.txt", f"{chat.bench.project}/link"):
            out += (await chat.piped(f"read {path}", f"write {path} changed")).out
        assert out.count("chat serves no other files") == 6
        assert '"content"' not in out
        assert secret.read_text(encoding="utf-8") == "secret"

    async def test_a_relative_path_is_refused(self, chat: Chat) -> None:
        assert "path must be an absolute path" in (await chat.piped("read a.txt")).out


class TestAgentsThatFail:
    @pytest.mark.parametrize(
        ("prompt", "told"),
        [
            ("die 5", "The agent has ended with exit status 5.\nout of luck\n"),
            ("die 0", "The agent has ended with exit status 0.\nout of luck\n"),
            ("kill", "The agent was ended by SIGKILL.\nout of luck\n"),
            ("orphan", "The agent has ended with exit status 3.\nout of luck\n"),
        ],
    )
    async def test_one_that_dies_in_a_turn(self, chat: Chat, prompt: str, told: str) -> None:
        ran = await chat.piped(prompt, "hello")
        assert f"{told}Try the command of --agent by itself.\n" in ran.out
        assert "You said" not in ran.out
        assert ran.status == 1

    async def test_one_that_dies_at_once(self, chat: Chat) -> None:
        ran = await chat.piped("hello", behaviour="stillborn")
        assert ran.out == "The agent has ended with exit status 4.\nTry the command of --agent by itself.\n"
        assert ran.status == 1

    async def test_one_that_dies_while_nothing_runs(self, chat: Chat) -> None:
        async with chat.terminal() as terminal:
            await prompts(terminal)
            terminal.type("fuse\n")
            await terminal.sees("The agent has ended with exit status 6\\.")
            assert await terminal.ended() == 1

    async def test_one_that_wants_a_login(self, chat: Chat) -> None:
        ran = await chat.piped("hello", behaviour="locked")
        assert "Please log in first.\n" in ran.out
        assert ran.status == 1

    async def test_one_that_speaks_another_version(self, chat: Chat) -> None:
        ran = await chat.piped("hello", behaviour="v2")
        assert "The agent speaks version 2 of the protocol" in ran.out
        assert ran.status == 1

    async def test_one_that_cannot_be_started(self, chat: Chat) -> None:
        command = [*agent_command(), "chat", "--agent", "/nowhere/agent --fast"]
        with anyio.fail_after(WAIT_S):
            ended = await anyio.run_process(
                command, stdin=subprocess.DEVNULL, env=chat.bench.environment(), check=False
            )
        assert ended.returncode == 1
        out = ended.stdout.decode()
        assert (
            out == "/nowhere/agent cannot be started: No such file or directory.\nCheck --agent and --cwd.\n"
        )

    @pytest.mark.parametrize(
        ("options", "told"),
        [
            (("--cwd", "/nowhere"), "--cwd /nowhere is not a folder."),
            (("--agent", " "), "--agent is empty."),
            (("--agent", "'"), "is not a command: No closing quotation."),
        ],
    )
    async def test_options_that_cannot_be_used(self, chat: Chat, options: tuple[str, ...], told: str) -> None:
        ran = await chat.piped(options=options)
        assert told in ran.err
        assert (ran.status, ran.out) == (2, "")


class TestTerminal:
    async def test_it_is_coloured(self, chat: Chat) -> None:
        async with chat.terminal() as terminal:
            await terminal.sees("\x1b\\[2mother 7")
            await prompts(terminal)
            terminal.type("think\n")
            await terminal.sees("\x1b\\[2mHm, \x1b\\[0m")
            terminal.type(f"edit {chat.bench.project}/a.txt\n")
            await terminal.sees(
                "\x1b\\[31m  -two\x1b\\[0m\n\x1b\\[31m  -three\x1b\\[0m\n\x1b\\[32m  \\+2\x1b\\[0m"
            )

    @pytest.mark.parametrize("variable", [{"NO_COLOR": "1"}, {"TERM": "dumb"}])
    async def test_unless_that_is_not_wanted(self, chat: Chat, variable: dict[str, str]) -> None:
        async with chat.terminal(**variable) as terminal:
            await prompts(terminal)
            terminal.type("think\n")
            await terminal.sees("I see\\.")
            assert "\x1b" not in terminal.text

    async def test_ctrl_c_cancels_the_turn_and_ctrl_d_leaves(self, chat: Chat) -> None:
        async with chat.terminal() as terminal:
            await prompts(terminal)
            terminal.type("hang\n")
            await terminal.sees("Hanging\\.")
            terminal.interrupt()
            await terminal.sees("Cancelled\\.")
            await prompts(terminal)
            terminal.type("hello\n")
            await terminal.sees("You said hello\\.")
            await prompts(terminal)
            terminal.type(CTRL_D)
            assert await terminal.ended() == 0

    async def test_ctrl_c_twice_leaves_an_agent_that_does_not_listen(self, chat: Chat) -> None:
        async with chat.terminal() as terminal:
            await prompts(terminal)
            terminal.type("deaf\n")
            await terminal.sees("Deaf\\.")
            terminal.interrupt()
            terminal.interrupt()
            # Two signals that come at once may arrive as one.
            with anyio.move_on_after(1):
                await terminal.process.wait()
            if terminal.process.returncode is None:
                terminal.interrupt()
            assert await terminal.ended() == 128 + signal.SIGINT

    async def test_ctrl_c_between_turns_says_how_to_leave(self, chat: Chat) -> None:
        async with chat.terminal() as terminal:
            await prompts(terminal)
            terminal.interrupt()
            await terminal.sees("Ctrl-C again or Ctrl-D leaves\\.")
            terminal.interrupt()
            assert await terminal.ended() == 0

    async def test_sigterm_leaves(self, chat: Chat) -> None:
        async with chat.terminal() as terminal:
            await prompts(terminal)
            terminal.type("hang\n")
            await terminal.sees("Hanging\\.")
            terminal.interrupt(signal.SIGTERM)
            assert await terminal.ended() == 128 + signal.SIGTERM

    async def test_cancel_is_heard_behind_a_prompt_that_waits(self, chat: Chat) -> None:
        async with chat.terminal() as terminal:
            await prompts(terminal)
            terminal.type("hang\n")
            await terminal.sees("Hanging\\.")
            terminal.type("hello\n/cancel\n")
            await terminal.sees("Cancelled\\.")
            await terminal.sees("You said hello\\.")


class TestOurAgent:
    """The whole way, with the scripted model."""

    async def test_it_talks(self, chat: Chat) -> None:
        ran = await chat.piped("say hello", behaviour=None)
        assert ran.out.startswith(f"acp-agent {__version__} · script/")
        assert f"· standard · {chat.bench.project}\n\n> say hello\n\nhello\n" in ran.out
        assert "tokens (" in ran.out
        assert (ran.status, ran.err) == (0, "")

    async def test_an_edit_is_shown_and_made(self, chat: Chat) -> None:
        ran = await chat.piped("edit a.txt beta BETA", behaviour=None)
        assert "● Edit a.txt\n  a.txt\n" in ran.out
        assert "\n  -beta\n  +BETA\n" in ran.out
        assert chat.bench.read("a.txt") == "alpha\nBETA\ngamma\ndelta\nepsilon\n"

    @pytest.mark.parametrize(("policy", "made"), [("allow", True), ("reject", False)])
    async def test_a_command_needs_permission(self, chat: Chat, policy: str, made: bool) -> None:
        ran = await chat.piped("run echo made > made.txt", options=("--permit", policy), behaviour=None)
        assert "● Run `echo made > made.txt`\n" in ran.out
        assert (chat.bench.project / "made.txt").exists() is made
        assert ("exit code 0" in ran.out) is made
        assert ran.status == 0

    async def test_modes_and_the_plan(self, chat: Chat) -> None:
        ran = await chat.piped("/mode yolo", "run touch made.txt", "plan", behaviour=None)
        assert "> /mode yolo\nmode yolo\n" in ran.out
        assert (chat.bench.project / "made.txt").exists()
        assert "Plan\n  ▸ step 1\n  ○ step 2\n  ✓ step 1\n  ▸ step 2\n" in ran.out

    async def test_modes_can_stand_before_and_behind_the_command(self, chat: Chat) -> None:
        program, *rest = chat.command(behaviour=None)
        for command in ([program, "--mode", "accept", *rest], [program, *rest, "--mode", "accept"]):
            with anyio.fail_after(WAIT_S):
                ended = await anyio.run_process(command, input=b"say x\n", env=chat.bench.environment())
            assert " · accept · " in ended.stdout.decode()

    async def test_a_failing_provider_is_told(self, chat: Chat) -> None:
        ran = await chat.piped("unauthorised", behaviour=None)
        assert "the key was not accepted" in ran.out
        assert ran.status == 1

    async def test_a_bad_setting_is_told(self, chat: Chat) -> None:
        chat.bench.settle({"provider": "script", "providers": {"script": {"provider_type": "scripted"}}})
        ran = await chat.piped("say x", behaviour=None)
        assert "script" in ran.out
        assert ran.status == 1

    async def test_cancelling(self, chat: Chat) -> None:
        ran = await chat.piped("wait", "/cancel", "say next", behaviour=None)
        assert "Cancelled.\n" in ran.out
        assert "> say next\n\nnext\n" in ran.out
        assert ran.status == 0

    async def test_files_of_the_project_are_not_taken_for_modules(self, chat: Chat) -> None:
        for name in ("json.py", "acp_agent.py", "asyncio.py"):
            chat.bench.write(name, "raise SystemExit(99)\n")
        assert "\n\nhello\n" in (await chat.piped("say hello", behaviour=None)).out

    async def test_nothing_is_left_running(self, chat: Chat) -> None:
        await chat.piped("run sleep 60", "/cancel", options=("--permit", "allow"), behaviour=None)
        await assert_all_gone(chat.bench.root)
        async with chat.terminal("--permit", "allow", behaviour=None) as terminal:
            await prompts(terminal)
            terminal.type("run sleep 60\n")
            await wait_for_command(chat.bench.root, "sleep 60")
            terminal.interrupt(signal.SIGTERM)
            assert await terminal.ended() == 128 + signal.SIGTERM
        await assert_all_gone(chat.bench.root)

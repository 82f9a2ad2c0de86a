"""A client that behaves like one of habits.CLIENTS, and notices what that client could not live with."""

from __future__ import annotations

import signal
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import anyio

from tests.support.client import INTERNAL_ERROR, NULL, Refused, part_of, refuse, silent
from tests.support.drops import CALLS, Known, content, cut_title, diff_not_first, diffs
from tests.support.processes import assert_all_gone
from tests.support.session import FINAL, Session, opening
from tests.support.terminals import Terminal, Terminals
from tests.support.wire import EXIT_S, JsonObject, inner, objects

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.support.client import Client, Handler, Reply
    from tests.support.habits import Habits, Setting
    from tests.support.session import Prompt, Turn
    from tests.support.workbench import Workbench

PERMISSION = "session/request_permission"
READ, WRITE = "fs/read_text_file", "fs/write_text_file"
ELICITATION = "elicitation/create"
CREATE, KILL = "terminal/create", "terminal/kill"
TERMINAL = (CREATE, KILL, "terminal/output", "terminal/wait_for_exit", "terminal/release")
OFFERED_BY: dict[str, Callable[[JsonObject], object]] = {
    PERMISSION: lambda _: True,
    READ: lambda offered: inner(offered, "fs").get("readTextFile"),
    WRITE: lambda offered: inner(offered, "fs").get("writeTextFile"),
    ELICITATION: lambda offered: "form" in inner(offered, "elicitation"),
    **{method: lambda offered: offered.get("terminal") for method in TERMINAL},
}
"""What a client must have said for an agent to ask it that."""
SHOWN_TROUBLES = 5
SENDING = -1
"""Stands for the id of a prompt that is on its way."""
NO_OPTION: JsonObject = {"outcome": {"outcome": "selected"}}
CANCELLED: JsonObject = {"outcome": {"outcome": "cancelled"}}


@dataclass(slots=True)
class Call:
    """A tool call as far as its client has taken it in."""

    session: str
    now: JsonObject
    output: str = ""
    """What has come for its terminal."""


@dataclass(slots=True)
class Seen:
    """What reached the client, and what it could not live with."""

    updates: list[tuple[str, JsonObject]] = field(default_factory=list[tuple[str, JsonObject]])
    """Session id and update of all that it took in."""
    dropped: list[tuple[str, JsonObject]] = field(default_factory=list[tuple[str, JsonObject]])
    """Reason and update of all that it dropped."""
    calls: dict[str, Call] = field(default_factory=dict[str, Call])
    abandoned: set[str] = field(default_factory=set[str])
    """Calls that it stopped listening to."""
    permissions: list[JsonObject] = field(default_factory=list[JsonObject])
    troubles: list[str] = field(default_factory=list[str])


class StandIn:
    """Not yet introduced. `decides` is the kind of option that its person chooses, "" while there is none."""

    def __init__(self, habits: Habits, client: Client, bench: Workbench) -> None:
        self.habits = habits
        self.client = client
        self.bench = bench
        self.known = Known()
        self.seen = Seen()
        self.decides = "allow_once"
        self.texts: dict[str, str] = {}
        """Unsaved texts, by absolute path."""
        self.terminals: Terminals | None = None
        self._screens: dict[str, Terminal] = {}
        """All terminals that there ever were, by id."""
        self._prompted: set[str] = set()
        self._cancelled = anyio.Event()
        self._hand_on = client.wire.on_message
        client.wire.on_message = self._hear
        self._serve()

    # What it does ------------------------------------------------------------------------

    async def connect(self) -> Session:
        """All that the client does until its first session is there."""
        asked = await self.client.post("initialize", self.habits.initialize)
        if not self.habits.hasty:
            await self._introduced(asked)
        opened = await self.open()
        if self.habits.hasty:
            await self._introduced(asked)
        return opened

    async def introduce(self) -> None:
        await self._introduced(await self.client.post("initialize", self.habits.initialize))

    async def _introduced(self, asked: int) -> None:
        self.client.introduced = (await self.client.answer(asked)).result
        if self.habits.authenticates:
            method = self.client.introduced["authMethods"][0]["id"]
            assert (await self.client.ask("authenticate", {"methodId": method})).result == {}

    async def open(self) -> Session:
        """A new session, as the client asks for it."""
        params = opening(self.bench.project, mcpServers=list(self.habits.servers))
        return Session(self.client, self.bench.project, await self.client.ask("session/new", params))

    async def come_back(self, session: Session) -> tuple[Session, list[JsonObject]]:
        """To a session of before: what the client asks for, and the updates that it took in on the way."""
        start, reply = len(self.client.wire.lines), None
        for method in self.habits.takes_up:
            if method == "session/list":
                listed = (await self.client.ask(method, {"cwd": str(session.cwd)})).result["sessions"]
                self._expect(session.id in {one["sessionId"] for one in listed}, "the session is not listed")
                continue
            self.known.sessions.add(session.id)
            self.known.loading.add(session.id)
            params = opening(session.cwd, sessionId=session.id, mcpServers=list(self.habits.servers))
            reply = await self.client.ask(method, params)
            self.known.loading.discard(session.id)
        assert reply is not None
        again = Session(self.client, session.cwd, reply, session.id)
        dropped = [id(update) for _, update in self.seen.dropped]
        replayed = [one for one in again.updates(start=start, stop=reply.at) if id(one) not in dropped]
        return again, replayed

    async def start(self, session: Session, text: str, *more: JsonObject) -> Prompt:
        """Sends a prompt: text and other blocks."""
        adds = () if session.id in self._prompted else self.habits.adds
        self._prompted.add(session.id)
        self.known.prompts[SENDING] = session.id
        prompt = await session.start([{"type": "text", "text": text}, *more, *adds])
        del self.known.prompts[SENDING]
        since = self.client.wire.messages[prompt.start :]
        if not any(message.get("id") == prompt.id and "method" not in message for message in since):
            self.known.prompts[prompt.id] = session.id
        return prompt

    async def end(self, session: Session, prompt: Prompt) -> Turn:
        """Waits for the end of a turn, and does what the client does then."""
        turn = await prompt.end()
        for method in self.habits.after_turn:
            await self.client.ask(method, {"cwd": str(session.cwd)})
        return turn

    async def say(self, session: Session, text: str, *more: JsonObject) -> Turn:
        """One whole turn."""
        return await self.end(session, await self.start(session, text, *more))

    async def cancel(self, session: Session) -> None:
        """Ends the turn of a session, and answers what is open in it as the client does."""
        await session.cancel()
        if self.habits.deaf:
            self.seen.abandoned |= {
                call_id
                for call_id, call in self.seen.calls.items()
                if call.session == session.id and call.now.get("status") not in FINAL
            }
            for prompt in [one for one, there in self.known.prompts.items() if there == session.id]:
                del self.known.prompts[prompt]
        self._cancelled.set()
        self._cancelled = anyio.Event()

    async def set(self, how: Setting, session: Session, category: str, value: str) -> Reply:
        """Sets an option of a category by the method that the client uses for it."""
        return await self.client.answer(await self.post_setting(how, session, category, value))

    async def post_setting(self, how: Setting, session: Session, category: str, value: str) -> int:
        if how == "session/set_config_option":
            options = session.opened["configOptions"]
            option = next(each for each in options if each.get("category") == category)
            params = {"configId": option["id"], "value": value}
        else:
            params = {"modeId" if how == "session/set_mode" else "modelId": value}
        return await self.client.post(how, {"sessionId": session.id, **params})

    async def leave(self) -> None:
        """Ends the agent as the client does; nothing of it may be left."""
        for step in self.habits.leaves:
            if step == "eof":
                await self.client.wire.close_input()
            elif step == "sigterm":
                self.client.wire.signal(signal.SIGTERM)
            else:
                self.client.wire.signal(signal.SIGKILL)
        status = await self.client.wire.ended(EXIT_S)
        if self.habits.leaves[-1] != "sigkill":
            self._expect(status == 0, f"exit status {status} after {self.habits.leaves}")
            self._expect(not (self.terminals and self.terminals.open), "its terminals were not released")
        for terminal in self._screens.values():  # they are its own, and end with it
            terminal.kill()
        await assert_all_gone(self.bench.root)

    # What it hears -----------------------------------------------------------------------

    def _hear(self, message: JsonObject) -> None:
        if "method" not in message:
            self._answered(message)
        elif message["method"] == "session/update":
            self._told(message["params"]["sessionId"], message["params"]["update"])
        elif "id" not in message:
            self._complain(f"unknown method {message['method']}")
        elif not OFFERED_BY.get(message["method"], lambda _: None)(self.habits.capabilities):
            self.seen.troubles.append(f"it was asked for {message['method']}, which it does not offer")
        if self._hand_on:
            self._hand_on(message)

    def _answered(self, message: JsonObject) -> None:
        if message.get("id") is None:
            self.seen.troubles.append(
                f"an answer without an id, which it takes for a notification: {message}"
            )
        self.known.prompts.pop(message.get("id", SENDING), None)
        opened = inner(message, "result").get("sessionId")
        if opened:
            self.known.sessions.add(opened)

    def _told(self, session: str, update: JsonObject) -> None:
        reason = self._reason_to_drop(session, update)
        if reason:
            self.seen.dropped.append((reason, update))
            self._complain(reason)
            return
        self.seen.updates.append((session, update))
        if update["sessionUpdate"] in CALLS:
            self._follow(session, update)

    def _reason_to_drop(self, session: str, update: JsonObject) -> str:
        reasons = (rule(session, update, self.known) for rule in self.habits.drops)
        return next((reason for reason in reasons if reason), "")

    def _follow(self, session: str, update: JsonObject) -> None:
        call_id = update["toolCallId"]
        self.known.calls.add(call_id)
        if info := inner(update, "_meta", "terminal_info"):
            self.known.terminals.add(info["terminal_id"])
        call = self.seen.calls.setdefault(call_id, Call(session, {}))
        call.now.update({key: value for key, value in update.items() if value is not None})
        call.output += inner(update, "_meta", "terminal_output").get("data", "")

    def _complain(self, reason: str) -> None:
        if self.habits.complains:
            error = {"code": -32602, "message": reason}
            self.client.tasks.start_soon(self._send, {"jsonrpc": "2.0", "id": None, "error": error})

    async def _send(self, message: JsonObject) -> None:
        try:
            await self.client.wire.send(message)
        except (anyio.BrokenResourceError, anyio.ClosedResourceError):
            return  # the agent has gone meanwhile

    # What it answers ---------------------------------------------------------------------

    def _serve(self) -> None:
        offered = {method for method, asks in OFFERED_BY.items() if asks(self.habits.capabilities)}
        serving: dict[str, Handler] = {
            PERMISSION: self._decide,
            READ: self._read,
            WRITE: self._write,
            ELICITATION: self._fill_in,
        }
        known = {method: handler for method, handler in serving.items() if method in offered}
        unknown = dict.fromkeys(OFFERED_BY.keys() - known, silent) if self.habits.silent else {}
        self.client.handlers = {**unknown, **known}
        if CREATE in offered:
            self.terminals = Terminals(self.client, self.bench.environment())
            self.client.handlers[CREATE] = self._create
            if not self.habits.kills:
                self.client.handlers[KILL] = refuse(INTERNAL_ERROR, "missing a required argument: sessionID")

    async def _decide(self, params: JsonObject) -> JsonObject | None:
        self.seen.permissions.append(params)
        self.seen.troubles += [f"a permission request: {trouble}" for trouble in self._unclear(params)]
        session = params["sessionId"]
        if self.habits.deaf and session not in self.known.prompts.values():
            return None  # it has nobody to show it to
        if self.decides:
            chosen = [each["optionId"] for each in params["options"] if each["kind"] == self.decides]
            return {"outcome": {"outcome": "selected", "optionId": chosen[0]}}
        await self._cancelled.wait()
        return {"cancelled": CANCELLED, "no option": NO_OPTION, "nothing": None}[self.habits.when_cancelled]

    def _unclear(self, params: JsonObject) -> list[str]:
        """Why its person could not decide."""
        call: JsonObject = {**params["toolCall"], "sessionUpdate": "tool_call_update"}
        found = [self._reason_to_drop(params["sessionId"], call), diff_not_first("", call, self.known)]
        if not call.get("title") or not call.get("kind"):
            found.append("it has no title or no kind")
        elif not diffs(call) and not objects(call, "locations"):
            found.append(cut_title("", call, self.known))
        places = [place["path"] for place in objects(call, "locations")]
        found += [
            f"{path} is not its first place"
            for path in (d["path"] for d in diffs(call)[:1])
            if places[:1] != [path]
        ]
        if not content(call) and not places and not call.get("rawInput"):
            found.append("it does not say what is to be done")
        kinds = [option["kind"] for option in params["options"]]
        if self.habits.one_of_a_kind and len(set(kinds)) != len(kinds):
            found.append(f"several options of a kind: {kinds}")
        usable = {kind.partition("_")[0] for kind in self.habits.keys.intersection(kinds)}
        found += [f"it has no key to {word}" for word in ("allow", "reject") if word not in usable]
        return [one for one in found if one]

    async def _read(self, params: JsonObject) -> JsonObject | None:
        path = Path(params["path"])
        if self.habits.confined and not path.is_relative_to(self.bench.project):
            raise Refused(INTERNAL_ERROR, f"{path} is outside")
        text = self.texts.get(str(path)) if self.habits.buffers else None
        if text is None:
            text = await self._on_disk(path)
        if not self.habits.limits_alone and params.get("line") is None:
            return {"content": text}
        return {"content": part_of(text, params)}

    async def _on_disk(self, path: Path) -> str:
        try:
            return await anyio.Path(path).read_text(encoding="utf-8")
        except FileNotFoundError:
            if self.habits.missing is None:
                return ""
            raise Refused(self.habits.missing, f"there is no {path}") from None

    async def _write(self, params: JsonObject) -> JsonObject | None:
        self.texts.pop(params["path"], None)
        await anyio.Path(params["path"]).write_text(params["content"], encoding="utf-8")
        return NULL if self.habits.writes_null else {}

    async def _create(self, params: JsonObject) -> JsonObject | None:
        assert self.terminals is not None
        answer = await self.terminals.create(params)
        self.known.terminals.add(answer["terminalId"])
        self._screens[answer["terminalId"]] = self.terminals.open[answer["terminalId"]]
        return answer

    async def _fill_in(self, params: JsonObject) -> JsonObject | None:
        """Its person takes the first of the options that there are."""
        fields: dict[str, JsonObject] = params["requestedSchema"]["properties"]
        return {
            "action": "accept",
            "content": {name: field["oneOf"][0]["const"] for name, field in fields.items()},
        }

    # What it makes of it -----------------------------------------------------------------

    def took_in(self, kind: str | None = None) -> list[JsonObject]:
        """The updates of a kind that it did not drop."""
        return [update for _, update in self.seen.updates if kind in (None, update["sessionUpdate"])]

    def text(self, call_id: str) -> str:
        """All that a person can read of a call there."""
        call = self.seen.calls[call_id]
        shown = content(call.now)
        texts = [item["content"].get("text", "") for item in shown if item["type"] == "content"]
        screens = [self._screens.get(item["terminalId"]) for item in shown if item["type"] == "terminal"]
        return "\n".join([*texts, call.output, *(screen.text for screen in screens if screen)])

    def check(self) -> None:
        """Raises AssertionError naming the client and each rule that the agent has broken."""
        troubles = [*self.seen.troubles]
        lines = [line.raw for line in self.client.wire.lines]
        troubles += [f"a line that is no object: {raw[:80]!r}" for raw in lines if not raw.startswith(b"{")]
        for reason, update in self.seen.dropped:
            if reason not in self.habits.harmless:
                troubles.append(f"an update that it drops, as {reason}: {update}")
        for call_id, call in self.seen.calls.items():
            if call.now.get("status") not in FINAL and call_id not in self.seen.abandoned:
                troubles.append(f"a call without an end: {call.now}")
        if self.terminals and self.terminals.open:
            troubles.append(f"terminals that were not released: {[*self.terminals.open]}")
        shown = [f"{trouble:.300}" for trouble in troubles[:SHOWN_TROUBLES]]
        self._expect(not troubles, "\n  ".join(shown))

    def _expect(self, held: bool, otherwise: str) -> None:
        assert held, f"{self.habits.name} ({self.habits.source}) cannot live with this:\n  {otherwise}"

"""The model of these tests: a script in which the user's words say what the model does next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.support.wire import JsonObject

Step = dict[str, Any]

WAIT: Step = {"wait": True}
"""The model says nothing more until it is cancelled."""
DONE = "Done."
"""What the model says after its tool calls, and to words it does not know."""


def say(*pieces: str) -> Step:
    return {"text": list(pieces)}


def think(*pieces: str) -> Step:
    return {"thought": list(pieces)}


def call(tool: str, **arguments: object) -> Step:
    return {"call": tool, "arguments": arguments}


def fail(kind: str, message: str, **more: float) -> Step:
    return {"error": {"kind": kind, "message": message, **more}}


def stop(reason: str) -> Step:
    return {"stop": reason}


def on(user: str, *reply: Step, results: int | None = None, last_result: str | None = None) -> JsonObject:
    """A rule: what the model answers to a user text, after so many tool results, the last being so."""
    given = {"user": user, "results": results, "last_result": last_result}
    return {"when": {key: value for key, value in given.items() if value is not None}, "reply": list(reply)}


def tool(user: str, *calls: Step) -> JsonObject:
    """A rule: the model first calls these tools."""
    return on(user, *calls, results=0)


def script(*rules: JsonObject) -> JsonObject:
    return {"rules": list(rules), "otherwise": [say(DONE)]}


def todos(*statuses: str) -> list[JsonObject]:
    return [
        {"content": f"step {number}", "status": status, "priority": "medium"}
        for number, status in enumerate(statuses, 1)
    ]


PHRASES = script(
    on(r"^say ([\s\S]*)$", say("${user:1}")),
    on(r"^think (.*)$", think("${user:1}"), say(DONE)),
    on(r"^silence$", say("")),
    on(r"^wait$", say("Waiting."), WAIT),
    on(r"^refuse$", say("No."), stop("refusal")),
    on(r"^overflow$", say("Half a sen"), stop("length")),
    on(r"^loop$", call("list", path="${cwd}")),
    on(r"^unauthorised$", fail("auth", "the key was not accepted")),
    tool(r"^read (\S+)$", call("read", path="${cwd}/${user:1}")),
    tool(r"^part (\S+) (\S+)$", call("read", path="${cwd}/${user:1}", offset=3, limit=2)),
    tool(
        r"^read both (\S+) (\S+)$",
        call("read", path="${cwd}/${user:1}"),
        call("read", path="${cwd}/${user:2}"),
    ),
    tool(r"^open (\S+)$", call("read", path="${user:1}")),
    tool(r"^search (\S+)$", call("grep", pattern="${user:1}", path="${cwd}")),
    tool(r"^write (\S+) (.*)$", call("write", path="${cwd}/${user:1}", content="${user:2}\n")),
    tool(r"^put (\S+) (.*)$", call("write", path="${user:1}", content="${user:2}\n")),
    tool(r"^edit (\S+) (\S+) (\S+)$", call("read", path="${cwd}/${user:1}")),
    on(
        r"^edit (\S+) (\S+) (\S+)$",
        call("edit", path="${cwd}/${user:1}", old_text="${user:2}", new_text="${user:3}"),
        results=1,
    ),
    tool(r"^run ([\s\S]+)$", call("bash", command="${user:1}")),
    tool(r"^twice (.+)$", call("bash", command="${user:1}"), call("bash", command="${user:1}")),
    tool(r"^nonsense$", call("no_such_tool", x=1)),
    tool(r"^plan$", call("todo", todos=todos("in_progress", "pending"))),
    on(r"^plan$", call("todo", todos=todos("completed", "in_progress")), results=1),
)

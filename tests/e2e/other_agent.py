"""Somebody else's ACP agent, small and odd: the words of a prompt say what it does. Standard library only."""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from itertools import count
from typing import Any

Json = dict[str, Any]

SESSION = "s1"
OPTIONS = [
    {"optionId": "o1", "kind": "allow_once", "name": "Allow once"},
    {"optionId": "o2", "kind": "allow_always", "name": "Always allow"},
    {"optionId": "o3", "kind": "reject_once", "name": "Reject"},
    {"optionId": "o4", "kind": "reject_always", "name": "Always reject"},
]
MODELS = {
    "id": "llm",
    "name": "Model",
    "category": "model",
    "type": "select",
    "currentValue": "one/small",
    "options": [
        {"group": "one", "name": "One", "options": [{"value": "one/small", "name": "Small"}]},
        {"group": "two", "name": "Two", "options": [{"value": "two/large", "name": "Large"}]},
    ],
}
MODES = {
    "currentModeId": "calm",
    "availableModes": [
        {"id": "calm", "name": "Calm"},
        {"id": "wild", "name": "Wild", "description": "Anything goes"},
    ],
}
COMMANDS = [{"name": "dance", "description": "Dances."}]
BEHAVIOUR = sys.argv[1] if len(sys.argv) > 1 else ""

ids = count(1)


def send(**message: object) -> None:
    print(json.dumps({"jsonrpc": "2.0", **message}), flush=True)


def receive() -> Json:
    line = sys.stdin.readline()
    if not line:
        sys.exit(0)
    return json.loads(line)


def update(what: str, /, **fields: object) -> None:
    params = {"sessionId": SESSION, "update": {"sessionUpdate": what, **fields}}
    send(method="session/update", params=params)


def text(value: str) -> Json:
    return {"type": "text", "text": value}


def say(value: str) -> None:
    update("agent_message_chunk", content=text(value))


def shown(value: str) -> list[Json]:
    return [{"type": "content", "content": text(value)}]


def call(number: int, **fields: object) -> None:
    update("tool_call_update", toolCallId=f"c{number}", **fields)


def ask(method: str, **params: object) -> Json:
    """Asks the client and returns its response; a cancel that comes first is noted."""
    request_id = f"a{next(ids)}"
    send(id=request_id, method=method, params={"sessionId": SESSION, **params})
    while True:
        message = receive()
        if message.get("id") == request_id and "method" not in message:
            return message


def wait_for_cancel() -> str:
    while receive().get("method") != "session/cancel":
        pass
    return "cancelled"


def permission(kind: str, **fields: object) -> str:
    update("tool_call", toolCallId="c1", title="Launch the rocket", kind=kind, status="pending")
    answer = ask("session/request_permission", toolCall={"toolCallId": "c1", **fields}, options=OPTIONS)
    outcome = answer["result"]["outcome"]
    chosen = outcome.get("optionId", outcome["outcome"])
    call(1, status="completed" if chosen in ("o1", "o2") else "failed", content=shown("as decided"))
    words = outcome.get("_meta", {}).get("message", "")
    say(f"The answer was {chosen}{f': {words}' if words else ''}.")
    return "cancelled" if chosen == "cancelled" else "end_turn"


def edit(path: str) -> None:
    update("tool_call", toolCallId="c1", title="Edit it", kind="edit", status="pending")
    diff = {"type": "diff", "path": path, "oldText": "one\ntwo\nthree\n", "newText": "one\n2\nthree"}
    new = {"type": "diff", "path": f"{path}.new", "oldText": None, "newText": "fresh\n"}
    call(1, content=[diff, new])
    call(1, status="completed", content=[diff, new])


def run() -> None:
    update("tool_call", toolCallId="c1", title="Run make", kind="execute", status="pending")
    call(1, status="in_progress", rawInput={"command": "make"})
    for output in ("one\n", "one\ntwo", "one\ntwo and a half\nthree\n"):
        call(1, content=shown(output))
    call(1, status="failed", content=shown("one\ntwo and a half\nthree\nexit 2"))


def files(words: list[str]) -> None:
    if words[0] == "read":
        extra = {"line": int(words[2]), "limit": int(words[3])} if len(words) > 2 else {}
        answer = ask("fs/read_text_file", path=words[1], **extra)
    else:
        answer = ask("fs/write_text_file", path=words[1], content=" ".join(words[2:]))
    say(json.dumps(answer.get("result", answer.get("error"))))


def end(words: list[str]) -> None:
    """Three ways to die."""
    sys.stderr.write("out of luck\n")
    sys.stderr.flush()
    match words:
        case ["die", status]:
            os._exit(int(status))
        case ["orphan"]:
            if os.fork() == 0:  # a child that outlives us and holds our pipes open
                time.sleep(20)
                os._exit(0)
            os._exit(3)
        case _:
            os.kill(os.getpid(), signal.SIGKILL)


def plan() -> None:
    first = {"content": "first", "priority": "high", "status": "pending"}
    second = {"content": "second", "priority": "low", "status": "in_progress"}
    update("plan", entries=[first, second])
    update("plan", entries=[{**first, "status": "completed"}, second])


def think() -> None:
    update("agent_thought_chunk", content=text("Hm, "))
    update("agent_thought_chunk", content=text("let me see."))
    say("I see.")


def tell() -> None:
    update("usage_update", used=1500, size=10000, cost={"amount": 0.5, "currency": "EUR"})
    update("something_new", anything={"at": "all"})
    update("notice", severity="warning", title="Disk is full", description="Make room.")


def turn(prompt: str) -> str:
    match prompt.split():
        case ["die" | "orphan" | "kill", *_] as words:
            end(words)
        case ["hang"]:
            say("Hanging.")
            return wait_for_cancel()
        case ["deaf"]:
            say("Deaf.")
            while True:
                receive()
        case ["permission"]:
            return permission("execute", rawInput={"command": "launch --now"})
        case ["edit", path]:
            edit(path)
        case ["read" | "write", *_] as words:
            files(words)
        case ["stop", reason]:
            return reason
        case [name] if name in ACTS:
            ACTS[name]()
        case _:
            say(f"You said {prompt}.")
    return "end_turn"


ACTS = {
    "run": run,
    "plan": plan,
    "think": think,
    "tell": tell,
    "escape": lambda: say("a\x1b[2Jb\u202ec\rd"),
}


def answer(message: Json) -> Json | None:
    params: Json = message["params"]
    match message["method"]:
        case "initialize":
            version = 2 if BEHAVIOUR == "v2" else 1
            return {"protocolVersion": version, "agentInfo": {"name": "other", "version": "7"}}
        case "session/new":
            return {"sessionId": SESSION, "modes": MODES, "configOptions": [MODELS]}
        case "session/set_mode":
            return {}
        case "session/set_config_option":
            MODELS["currentValue"] = params["value"]
            return {"configOptions": [MODELS]}
        case "session/prompt":
            return {"stopReason": turn(params["prompt"][0]["text"])}
        case _:
            return None


def main() -> None:
    if BEHAVIOUR == "stillborn":
        sys.exit(4)
    while True:
        message = receive()
        if BEHAVIOUR == "locked" and message["method"] == "session/new":
            send(id=message["id"], error={"code": -32000, "message": "Please log in first."})
        elif message.get("params", {}).get("prompt", [{}])[0].get("text") == "fail":
            data = {"details": "the tubes are clogged", "hint": "Unclog them."}
            send(id=message["id"], error={"code": -32603, "message": "No answer.", "data": data})
        elif "id" in message and "method" in message:
            send(id=message["id"], result=answer(message))
            if message["params"].get("prompt") == [text("fuse")]:
                sys.exit(6)
            if message["method"] == "session/new":
                update(
                    "available_commands_update",
                    availableCommands=[{"name": "dance", "description": "Dances."}],
                )


if __name__ == "__main__":
    main()

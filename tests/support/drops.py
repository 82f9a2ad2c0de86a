"""What makes a client drop an update: each rule is one trouble that a real client has."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from tests.support.wire import JsonObject, inner, objects

# What a client that knows no more than the first version of the protocol shows ...
CHUNKS = frozenset({"user_message_chunk", "agent_message_chunk", "agent_thought_chunk"})
CALLS = frozenset({"tool_call", "tool_call_update"})
EARLY = CHUNKS | CALLS | {"plan", "available_commands_update", "current_mode_update"}
# ... and one that knows all that needs no capability.
STABLE = EARLY | {"config_option_update", "session_info_update", "usage_update"}

REQUIRED = {
    **{kind: {"content"} for kind in CHUNKS},
    "tool_call": {"toolCallId", "title"},
    "tool_call_update": {"toolCallId"},
    "plan": {"entries"},
    "available_commands_update": {"availableCommands"},
    "current_mode_update": {"currentModeId"},
    "config_option_update": {"configOptions"},
    "usage_update": {"used", "size"},
}
"""What every schema demands of an update."""
NEVER_NULL = {
    "tool_call": {"_meta", "content", "kind", "locations", "rawInput", "rawOutput", "status", "title"},
    "tool_call_update": {"_meta", "rawInput", "rawOutput"},
}
"""Fields that may be missing but not null, for those who check types."""


@dataclass(slots=True)
class Known:
    """What a client knows when an update comes."""

    sessions: set[str] = field(default_factory=set[str])
    prompts: dict[int, str] = field(default_factory=dict[int, str])
    """Sessions by the id of the prompt that runs in them."""
    loading: set[str] = field(default_factory=set[str])
    """Sessions whose replay is awaited."""
    calls: set[str] = field(default_factory=set[str])
    terminals: set[str] = field(default_factory=set[str])


Rule = Callable[[str, JsonObject, Known], str]
"""Session id, update, what is known → the reason to drop it; "" when it does not."""

BETWEEN_PROMPTS = "it comes when no prompt runs"


def kinds(*shown: frozenset[str] | set[str]) -> Rule:
    """Drops what is none of these; the reason is the kind alone, so that a table can excuse it."""
    known = frozenset[str]().union(*shown)

    def rule(_session: str, update: JsonObject, _known: Known) -> str:
        kind = update["sessionUpdate"]
        return "" if kind in known else kind

    return rule


def foreign_session(session: str, _update: JsonObject, known: Known) -> str:
    return "" if session in known.sessions else "it is of a session that is not known yet"


def between_prompts(session: str, update: JsonObject, known: Known) -> str:
    """What belongs to a turn is taken while there is one, and only words are taken of a replay."""
    kind = update["sessionUpdate"]
    expected = session in known.prompts.values() or (session in known.loading and kind in CHUNKS)
    return BETWEEN_PROMPTS if kind in CHUNKS | CALLS | {"plan"} and not expected else ""


def missing_field(_session: str, update: JsonObject, _known: Known) -> str:
    missing = REQUIRED.get(update["sessionUpdate"], set[str]()) - update.keys()
    return f"it has no {sorted(missing)}" if missing else ""


def wrong_type(_session: str, update: JsonObject, _known: Known) -> str:
    """Raw data is an object, and null is no object."""
    nulls = [
        key for key in NEVER_NULL.get(update["sessionUpdate"], ()) if key in update and update[key] is None
    ]
    if nulls:
        return f"{nulls} is null"
    odd = [key for key in ("rawInput", "rawOutput", "_meta") if not isinstance(update.get(key, {}), dict)]
    return f"{odd} is no object" if odd else ""


def no_old_text(_session: str, update: JsonObject, _known: Known) -> str:
    bare = [item for item in diffs(update) if "oldText" not in item]
    return "its diff has no oldText" if bare else ""


def diff_not_first(_session: str, update: JsonObject, _known: Known) -> str:
    shown = content(update)
    late = diffs(update) and shown[0]["type"] != "diff"
    return "its diff is not its first content" if late else ""


def unannounced_call(_session: str, update: JsonObject, known: Known) -> str:
    unknown = update["sessionUpdate"] == "tool_call_update" and update["toolCallId"] not in known.calls
    return "its call was never announced" if unknown else ""


def strange_terminal(_session: str, update: JsonObject, known: Known) -> str:
    announced = inner(update, "_meta", "terminal_info").get("terminal_id")
    shown = {item["terminalId"] for item in content(update) if item["type"] == "terminal"}
    strange = shown - known.terminals - {announced}
    return f"there is no terminal {sorted(strange)}" if strange else ""


def cut_title(_session: str, update: JsonObject, _known: Known) -> str:
    """A call is labelled with its kind and place; without a place, with its title up to a colon."""
    if update["sessionUpdate"] not in CALLS or diffs(update) or objects(update, "locations"):
        return ""
    return "its title would be cut at a colon" if ":" in (update.get("title") or "") else ""


def content(update: JsonObject) -> list[JsonObject]:
    """What a tool call shows; none for other updates."""
    return objects(update, "content") if update["sessionUpdate"] in CALLS else []


def diffs(update: JsonObject) -> list[JsonObject]:
    return [item for item in content(update) if item["type"] == "diff"]

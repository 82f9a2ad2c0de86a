"""The one stream of events: what happens in a session, as data.

A turn emits them and knows nobody who listens. The journal keeps them, the history folds
them into the next model request, the ACP encoder shows them to the editor, the JSON-lines
printer prints them. Ids are unique within a session and stable for ever.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, Protocol

if TYPE_CHECKING:
    from acp_agent.content import Part

ToolKind = Literal["read", "edit", "delete", "move", "search", "execute", "think", "fetch", "other"]
CallStatus = Literal["pending", "in_progress", "completed", "failed"]
StopReason = Literal["end_turn", "max_tokens", "max_turn_requests", "refusal", "cancelled"]
Priority = Literal["high", "medium", "low"]
PlanStatus = Literal["pending", "in_progress", "completed"]
Severity = Literal["info", "warning", "error"]
CompactionStatus = Literal["completed", "failed", "cancelled"]


class Location(NamedTuple):
    """A place the editor can follow: absolute path, 1-based line."""

    path: str
    line: int | None = None


class ShownText(NamedTuple):
    """Text for the person to see under a tool call."""

    text: str


class ShownDiff(NamedTuple):
    """A file's text before and after; `old_text` is None for a new file."""

    path: str
    old_text: str | None
    new_text: str
    old_form: str = ""
    """What the texts do not say of the file's bytes (see workspace.text.Text.form)."""
    new_form: str = ""
    deleted: bool = False
    """The file is gone; `new_text` is empty then."""
    redacted: bool = False
    """Secrets have been taken out, so that neither text is the file's."""


class ShownCommand(NamedTuple):
    """A command and what it wrote."""

    command: str
    output: str = ""
    state: str = ""
    """How it ended, in words; empty while it has not."""
    exit_code: int | None = None
    """None also when it did not end by itself."""
    signal: str | None = None
    note: str = ""
    """What else a person should know of how it ended."""
    full_output: str = ""
    """The file that holds all it wrote, where `output` does not."""


Shown = ShownText | ShownDiff | ShownCommand


class PlanEntry(NamedTuple):
    content: str
    priority: Priority = "medium"
    status: PlanStatus = "pending"


class Choice(NamedTuple):
    value: str
    name: str
    description: str | None = None
    group: str | None = None
    """What it belongs to, for an editor to show it under: the provider of a model."""


class Option(NamedTuple):
    """A setting of a session that the editor shows: a selector, or a switch when `current` is a bool."""

    id: str
    name: str
    category: str | None
    current: str | bool
    choices: tuple[Choice, ...] = ()
    """Empty for a switch."""
    description: str | None = None


class Command(NamedTuple):
    name: str
    description: str
    hint: str | None = None


class TurnStarted(NamedTuple):
    turn_id: str
    local: bool = False
    """Answered by a command of ours: shown and kept, but not told to the model."""


class TurnEnded(NamedTuple):
    turn_id: str
    stop_reason: StopReason | None
    """None when the turn ended in `error`."""
    error: str | None = None


class UserMessage(NamedTuple):
    message_id: str
    content: tuple[Part, ...]


class Reminded(NamedTuple):
    """The model is told something that nobody typed; what was said of the same topic before is over."""

    topic: str
    text: str


class TextDelta(NamedTuple):
    message_id: str
    text: str


class ThoughtDelta(NamedTuple):
    message_id: str
    text: str


class ThoughtKept(NamedTuple):
    """What a service wants back of the thoughts of its model (models.messages.Kept); shown to nobody."""

    message_id: str
    model: str
    data: dict[str, object]
    """Empty when it held a secret: then the thought is not given back once the session is loaded anew."""
    calls: int = 0


class ToolCallStarted(NamedTuple):
    """The model has begun a call, in the message `message_id`; its arguments may still be coming.

    With an empty `name` it is a question of the agent's own, which the model is not told of.
    """

    call_id: str
    message_id: str
    name: str
    title: str
    kind: ToolKind
    terminal_cwd: str | None = None
    """Where the command will run whose output comes as OutputDelta; None for calls that are no command."""


class ToolCallUpdated(NamedTuple):
    """Any field that is not None replaces what was known of the call."""

    call_id: str
    arguments: str | None = None
    """The arguments as the model wrote them, for the history."""
    status: CallStatus | None = None
    title: str | None = None
    locations: tuple[Location, ...] | None = None
    content: tuple[Shown, ...] | None = None
    raw_input: dict[str, object] | None = None


class ToolCallProgress(NamedTuple):
    """What a running call shows so far, replacing what it showed before; not kept."""

    call_id: str
    content: tuple[Shown, ...]


class OutputDelta(NamedTuple):
    """What the command of a running call wrote, appended to what it wrote before; not kept.

    Holds no control characters but `\\n`, `\\t`, lone `\\r` and whole sequences that `console.STYLE` matches.
    """

    call_id: str
    text: str


class ToolCallFinished(NamedTuple):
    """A call's one final event. `output` is for the model, `content` for the person, `record` for the log."""

    call_id: str
    failed: bool
    output: str
    content: tuple[Shown, ...] | None = None
    locations: tuple[Location, ...] | None = None
    record: dict[str, object] | None = None


class PlanChanged(NamedTuple):
    """The whole plan, each time."""

    entries: tuple[PlanEntry, ...]


class UsageChanged(NamedTuple):
    """Tokens in the context after the latest model request, of the model's window."""

    used: int
    size: int
    cost: int | None = None
    """Micro-dollars that the session has cost; None as soon as one of its requests has no known price."""


class Tokens(NamedTuple):
    """Of a request to a model. `input` includes `cached` and `written`, `output` includes `reasoning`."""

    input: int = 0
    output: int = 0
    cached: int = 0
    reasoning: int = 0
    written: int = 0


class ModelUsed(NamedTuple):
    """One request that a model has answered."""

    model: str
    tokens: Tokens | None = None
    """None when the provider does not say."""
    cost: int | None = None
    """Micro-dollars; None when that is not known."""


class Parked(NamedTuple):
    """The turn waits, or ended so that it can go on, because a usage limit was reached."""

    until: float
    """When that limit is lifted, in seconds since the epoch."""
    why: str


class CompactionStarted(NamedTuple):
    """The conversation is being summed up for the model."""

    compaction_id: str


class CompactionEnded(NamedTuple):
    """A compaction's one end. When it is completed the model goes on from `summary`."""

    compaction_id: str
    status: CompactionStatus
    summary: str = ""
    error: str = ""


class PutBack(NamedTuple):
    """What has become of a file that a command was to put back."""

    path: str
    fate: Literal["put back", "merged", "removed", "left alone"]
    why: str = ""


class Rewound(NamedTuple):
    """A command has gone back, or forth again: in the conversation, in files, or in both."""

    turn_id: str
    """The command's own."""
    tip: int | None = None
    """The number of the record at which the conversation was; None when it stays there."""
    files: tuple[PutBack, ...] = ()
    takes_back: str = ""
    """The turn of the command that this one takes back."""


class ModeChanged(NamedTuple):
    mode_id: str


class OptionsChanged(NamedTuple):
    """All options as they are now."""

    options: tuple[Option, ...]
    changed: tuple[str, ...] = ()
    """The ids of those that are not as before; journals of old do not say."""


class CommandsChanged(NamedTuple):
    commands: tuple[Command, ...]


class TitleChanged(NamedTuple):
    """The session's title; one that a person gave is not replaced by one made up."""

    title: str
    by_person: bool = False


class Archived(NamedTuple):
    """The session was put away, or taken out again."""

    archived: bool


class Waiting(NamedTuple):
    """A sign of life while something takes long: what for, and the seconds until now. Not kept."""

    what: str
    seconds: int


class NoticeRaised(NamedTuple):
    """Something a person should know that is no part of the conversation; never replayed."""

    severity: Severity
    title: str
    description: str | None = None
    always: bool = False
    """Told to clients without notices too, though it is only information."""


Event = (
    TurnStarted
    | TurnEnded
    | UserMessage
    | Reminded
    | TextDelta
    | ThoughtDelta
    | ThoughtKept
    | ToolCallStarted
    | ToolCallUpdated
    | ToolCallProgress
    | OutputDelta
    | ToolCallFinished
    | PlanChanged
    | UsageChanged
    | ModelUsed
    | Parked
    | CompactionStarted
    | CompactionEnded
    | Rewound
    | ModeChanged
    | OptionsChanged
    | CommandsChanged
    | TitleChanged
    | Archived
    | Waiting
    | NoticeRaised
)


class Listener(Protocol):
    """Takes every event in order. Must be quick and must not raise."""

    def __call__(self, event: Event, /) -> None: ...

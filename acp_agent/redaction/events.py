"""Secrets taken out of what happens in a session, as far as each of those who are told may see it.

Everybody: no secret in what tools bring, in what the model says, and in notices. What the model wants
done stays as it wrote it, but for the agent's own keys, and so do files' differences: they go to the
person whose files they are, and not to the model.

What is kept, and what leaves the agent otherwise: no secret at all.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, cast

from acp_agent import events as e
from acp_agent.content import Resource, ResourceLink, Text
from acp_agent.redaction.redactor import MARK

if TYPE_CHECKING:
    from collections.abc import Iterator

    from acp_agent.content import Part
    from acp_agent.redaction.redactor import Redactor, Stream

_PASS_BY = (
    e.Waiting, e.NoticeRaised, e.UsageChanged, e.ModelUsed, e.OptionsChanged, e.ModeChanged,
    e.CommandsChanged, e.TitleChanged, e.ThoughtKept,
)  # fmt: skip
"""They come at any time, also in the midst of what the model says."""
Speech = e.TextDelta | e.ThoughtDelta


class Screen:
    """One stream of events, for everybody."""

    def __init__(self, redactor: Redactor) -> None:
        self._redact = redactor
        self._speech: tuple[type[Speech], str, Stream] | None = None
        """The message that comes in pieces."""
        self._outputs: dict[str, Stream] = {}
        """What commands write, by call."""

    def __call__(self, event: e.Event) -> Iterator[e.Event]:
        """`event` as everybody may see it, after what of earlier ones has been held back."""
        match event:
            case e.TextDelta(message_id, text) | e.ThoughtDelta(message_id, text):
                yield from self._said(type(event), message_id, text)
            case e.OutputDelta(call_id, text):
                stream = self._outputs.setdefault(call_id, self._redact.stream())
                if told := stream.feed(text):
                    yield e.OutputDelta(call_id, told)
            case _:
                if not isinstance(event, _PASS_BY):
                    yield from self._all_said()
                if isinstance(event, e.ToolCallFinished):
                    yield from self._all_written(event.call_id)
                yield shared(event, self._redact)

    def text(self, text: str) -> str:
        return self._redact(text)

    def _said(self, kind: type[Speech], message_id: str, text: str) -> Iterator[e.Event]:
        if self._speech is None or self._speech[:2] != (kind, message_id):
            yield from self._all_said()
            self._speech = (kind, message_id, self._redact.stream())
        if told := self._speech[2].feed(text):
            yield kind(message_id, told)

    def _all_written(self, call_id: str) -> Iterator[e.Event]:
        stream = self._outputs.pop(call_id, None)
        if stream and (told := stream.end()):
            yield e.OutputDelta(call_id, told)

    def _all_said(self) -> Iterator[e.Event]:
        if self._speech:
            kind, message_id, stream = self._speech
            self._speech = None
            if told := stream.end():
                yield kind(message_id, told)


def shared(event: e.Event, redact: Redactor) -> e.Event:
    """A whole event for everybody."""
    match event:
        case e.ToolCallFinished():
            return event._replace(
                output=redact(event.output),
                content=_shown(event.content, redact),
                record=_fields(event.record, redact),
            )
        case e.ToolCallUpdated():
            return event._replace(
                arguments=None if event.arguments is None else redact.keys(event.arguments),
                title=None if event.title is None else redact.keys(event.title),
                content=_shown(event.content, redact),
                raw_input=_fields(event.raw_input, redact, keys_only=True),
            )
        case e.ToolCallProgress():
            return event._replace(content=_shown(event.content, redact) or ())
        case e.UserMessage(_, content):
            return event._replace(content=tuple(_told(part, redact) for part in content))
        case _:
            return _short(event, redact)


def kept(event: e.Event, redact: Redactor) -> e.Event:
    """An event that everybody may see, as it may be kept."""
    match event:
        case e.ToolCallFinished():
            return event._replace(content=_kept_shown(event.content, redact))
        case e.ToolCallUpdated():
            return event._replace(
                arguments=None if event.arguments is None else _json(event.arguments, redact),
                title=None if event.title is None else redact(event.title),
                content=_kept_shown(event.content, redact),
                raw_input=_fields(event.raw_input, redact),
            )
        case e.UserMessage(_, content):
            return event._replace(content=tuple(_kept_part(part, redact) for part in content))
        case e.ThoughtKept(_, _, data) if redact.data(data) != data:
            return event._replace(data={})  # a service takes back only what it has signed
        case _:
            return _short(event, redact)


def _short(event: e.Event, redact: Redactor) -> e.Event:
    match event:
        case e.TurnEnded() if event.error:
            return event._replace(error=redact(event.error))
        case e.NoticeRaised(_, title, description, _):
            return event._replace(title=redact(title), description=description and redact(description))
        case e.Parked(_, why):
            return event._replace(why=redact(why))
        case e.TitleChanged(title):
            return event._replace(title=redact(title))
        case e.CompactionEnded(_, _, summary, error):
            return event._replace(summary=redact(summary), error=redact(error))
        case e.PlanChanged(entries):
            return e.PlanChanged(tuple(each._replace(content=redact(each.content)) for each in entries))
        case _:
            return event


def _fields(
    fields: dict[str, object] | None, redact: Redactor, *, keys_only: bool = False
) -> dict[str, object] | None:
    return cast("dict[str, object] | None", redact.data(fields, keys_only=keys_only))


def _shown(content: tuple[e.Shown, ...] | None, redact: Redactor) -> tuple[e.Shown, ...] | None:
    return None if content is None else tuple(_for_person(each, redact) for each in content)


def _for_person(shown: e.Shown, redact: Redactor) -> e.Shown:
    match shown:
        case e.ShownText(text):
            return e.ShownText(redact(text))
        case e.ShownCommand(command, output):
            return shown._replace(command=redact.keys(command), output=redact(output))
        case e.ShownDiff():
            return shown


def _kept_shown(content: tuple[e.Shown, ...] | None, redact: Redactor) -> tuple[e.Shown, ...] | None:
    return None if content is None else tuple(_for_record(each, redact) for each in content)


def _for_record(shown: e.Shown, redact: Redactor) -> e.Shown:
    match shown:
        case e.ShownText():
            return shown
        case e.ShownCommand(command):
            return shown._replace(command=redact(command))
        case e.ShownDiff(_, old, new):
            before, after = old and redact(old), redact(new)
            if before == old and after == new:
                return shown
            return shown._replace(old_text=before, new_text=after, redacted=True)


def _told(part: Part, redact: Redactor) -> Part:
    """What the person gives reaches the model, but for our own keys; what we have read ourselves is clean."""
    match part:
        case Text(text):
            return Text(redact.keys(text))
        case Resource(_, text):
            return part._replace(text=redact(text) if part.mentioned else redact.keys(text))
        case _:
            return part


def _kept_part(part: Part, redact: Redactor) -> Part:
    match part:
        case Text(text):
            return Text(redact(text))
        case Resource(uri, text):
            return part._replace(uri=redact(uri), text=redact(text))
        case ResourceLink(uri):
            return part._replace(uri=redact(uri))
        case _:
            return part


def _json(text: str, redact: Redactor) -> str:
    """JSON stays JSON: a service refuses calls in a conversation whose arguments are none."""
    if redact(text) == text:
        return text
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return MARK
    return json.dumps(redact.data(value), ensure_ascii=False)

"""Who is told what of a session's events, and that secrets which come in pieces are found."""

from __future__ import annotations

import json

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from acp_agent import events as e
from acp_agent.content import Image, Resource, Text
from acp_agent.redaction.events import Screen, kept, shared
from acp_agent.redaction.redactor import MARK, Redactor

OWN = "my-own-key-0123456789"
VALUE = "hunter2hunter2"
SHAPED = "ghp_" + "a1B2" * 9
ALL = f"{OWN} {VALUE} {SHAPED}"
GONE = f"{MARK} {MARK} {MARK}"
REDACT = Redactor([OWN], [VALUE])
Told = list[tuple[str, str]]


def screened(*given: e.Event) -> list[e.Event]:
    screen = Screen(REDACT)
    return [told for event in given for told in screen(event)]


def text_of(events: list[e.Event], kind: type[e.TextDelta | e.OutputDelta], of: str) -> str:
    return "".join(event.text for event in events if isinstance(event, kind) and event[0] == of)


def test_a_result_for_everybody() -> None:
    shown = (e.ShownText(ALL), e.ShownCommand(ALL, ALL), e.ShownDiff("/p", ALL, ALL))
    event = e.ToolCallFinished("c", False, ALL, shown, record={"output": [ALL], "code": 1})
    (told,) = screened(event)
    assert isinstance(told, e.ToolCallFinished)
    assert told.output == GONE
    assert told.record == {"output": [GONE], "code": 1}
    command = e.ShownCommand(f"{MARK} {VALUE} {SHAPED}", GONE)
    assert told.content == (e.ShownText(GONE), command, e.ShownDiff("/p", ALL, ALL))
    written = kept(told, REDACT)
    assert isinstance(written, e.ToolCallFinished)
    diff = e.ShownDiff("/p", GONE, GONE, redacted=True)
    assert written.content == (e.ShownText(GONE), e.ShownCommand(GONE, GONE), diff)


def test_what_the_model_wants_done_stays_but_for_our_own_keys() -> None:
    arguments = json.dumps({"a": ALL})
    event = e.ToolCallUpdated("c", arguments, title=ALL, raw_input={"a": ALL})
    left = f"{MARK} {VALUE} {SHAPED}"
    (told,) = screened(event)
    assert told == e.ToolCallUpdated("c", json.dumps({"a": left}), title=left, raw_input={"a": left})
    assert kept(told, REDACT) == e.ToolCallUpdated(
        "c", json.dumps({"a": GONE}), title=GONE, raw_input={"a": GONE}
    )


def test_what_the_person_says_reaches_the_model_and_is_not_kept() -> None:
    image = Image("aGk=", "image/png")
    given = (Text(ALL), Resource("file:///a", ALL), Resource("file:///b", ALL, mentioned=True), image)
    left = f"{MARK} {VALUE} {SHAPED}"
    (told,) = screened(e.UserMessage("m", given))
    assert told == e.UserMessage(
        "m", (Text(left), Resource("file:///a", left), Resource("file:///b", GONE, mentioned=True), image)
    )
    written = kept(told, REDACT)
    assert SHAPED not in str(written)
    assert VALUE not in str(written)


def test_notices_titles_errors_summaries_and_plans() -> None:
    events: list[e.Event] = [
        e.NoticeRaised("warning", ALL, ALL),
        e.TitleChanged(ALL),
        e.TurnEnded("t", None, ALL),
        e.CompactionEnded("c", "failed", ALL, ALL),
        e.PlanChanged((e.PlanEntry(ALL),)),
        e.Parked(1.0, ALL),
    ]
    for event in events:
        for told in (shared(event, REDACT), kept(event, REDACT)):
            assert MARK in str(told)
            assert not any(secret in str(told) for secret in (OWN, VALUE, SHAPED))


def test_arguments_that_are_no_json_are_not_kept() -> None:
    broken = e.ToolCallUpdated("c", f'{{"a": "{SHAPED}')
    assert kept(broken, REDACT) == e.ToolCallUpdated("c", MARK)
    plain = e.ToolCallUpdated("c", '{"a": "b')
    assert kept(plain, REDACT) is not None and kept(plain, REDACT) == plain


def test_a_notice_in_the_midst_of_a_secret_does_not_cut_it() -> None:
    notice, waiting, end = e.NoticeRaised("info", "x"), e.Waiting("y", 1), e.TurnEnded("t", "end_turn")
    told = screened(e.TextDelta("m", "it is hunter2"), notice, waiting, e.TextDelta("m", "hunter2!"), end)
    assert told == [e.TextDelta("m", "it is "), notice, waiting, e.TextDelta("m", f"{MARK}!"), end]


def test_order_is_kept_where_it_matters() -> None:
    told = screened(e.TextDelta("m", "ask s"), e.ToolCallStarted("c", "m", "bash", "Bash", "execute"))
    assert told == [
        e.TextDelta("m", "ask "),
        e.TextDelta("m", "s"),
        e.ToolCallStarted("c", "m", "bash", "Bash", "execute"),
    ]
    told = screened(e.OutputDelta("c", "a h"), e.ToolCallFinished("c", False, ""))
    assert told == [e.OutputDelta("c", "a "), e.OutputDelta("c", "h"), e.ToolCallFinished("c", False, "")]


texts = st.lists(st.sampled_from([OWN, VALUE, SHAPED, "hunter2", "ghp_", "plain\n", " ", "-", "\n"])).map(
    "".join
)


@given(texts, texts, st.lists(st.tuples(st.booleans(), st.integers(1, 20)), max_size=60))
@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_commands_side_by_side(one: str, other: str, cuts: list[tuple[bool, int]]) -> None:
    """Pieces of two outputs come in any order; each comes out as if it had come alone and whole."""
    rest = {"a": one, "b": other}
    events: list[e.Event] = []
    for first, size in [*cuts, (True, len(one)), (False, len(other))]:
        call = "a" if first else "b"
        if piece := rest[call][:size]:
            events.append(e.OutputDelta(call, piece))
            rest[call] = rest[call][size:]
    events += [e.ToolCallFinished("a", False, ""), e.ToolCallFinished("b", False, "")]
    told = screened(*events)
    assert text_of(told, e.OutputDelta, "a") == REDACT(one)
    assert text_of(told, e.OutputDelta, "b") == REDACT(other)


def test_a_thought_that_a_service_wants_back_is_kept_whole_or_not_at_all() -> None:
    signed = e.ThoughtKept("m", "a/b", {"type": "thinking", "thinking": "hm", "signature": "abc"})
    assert screened(signed) == [signed]
    assert kept(signed, REDACT) == signed
    telling = signed._replace(data={"type": "thinking", "thinking": ALL, "signature": "abc"})
    assert kept(telling, REDACT) == telling._replace(data={})

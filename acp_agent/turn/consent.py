"""A question of the agent's own to the person: may it go on?

It looks like a tool call that waits for approval, because that is what every editor can show; the model
is not told of it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from acp_agent.errors import PeerError
from acp_agent.events import ToolCallFinished, ToolCallStarted
from acp_agent.permission.asking import PendingCall, Question, yes_or_no
from acp_agent.permission.deciders import Decision
from acp_agent.turn.pulse import Pulse

if TYPE_CHECKING:
    from collections.abc import Callable

    from acp_agent.permission.asking import Asker
    from acp_agent.turn.feed import Feed


class Consent(NamedTuple):
    """Who is asked, and who is told that somebody is asked."""

    feed: Feed
    asker: Asker
    new_id: Callable[[str], str]
    sign_of_life_s: float
    attended: bool = True
    """Whether there is anybody who could answer."""

    async def ask(self, title: str, why: str, yes: str, no: str) -> bool:
        """Whether the person says yes; no as well when nobody can be asked, or nobody answers in time.

        `title` is the question in a few words, `why` Markdown, `yes` and `no` the names of the answers.
        """
        feed, call_id = self.feed, self.new_id("call")
        feed.emit(ToolCallStarted(call_id, self.new_id("m"), "", title, "other"))
        options = yes_or_no(yes, no)
        question = Question(PendingCall(call_id, title, "other"), (), Decision("ask", (), why), options, why)
        agreed, said = False, "Nobody answered."
        try:
            with Pulse(feed, "Waiting for your approval", self.sign_of_life_s):
                answer = await self.asker.ask(question)
            agreed = answer.option_id == options[0].id
            said = answer.words or (yes if agreed else no)
        except PeerError as error:
            said = str(error)
        finally:
            feed.emit(ToolCallFinished(call_id, failed=not agreed, output=said))
        return agreed

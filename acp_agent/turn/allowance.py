"""Whether a model may be asked: the budgets of a session and of a day, and the person's word on them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

import anyio

from acp_agent.errors import BudgetReached, SpendingError
from acp_agent.events import ModelUsed, TurnStarted
from acp_agent.spending.amounts import Amount, exact, said, together
from acp_agent.turn.budget import Limits, Watch

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from acp_agent.events import Event
    from acp_agent.models.routing import Strain
    from acp_agent.turn.consent import Consent
    from acp_agent.turn.ledger import Ledger

GO_ON, STOP = "Go on", "Stop here"
MODELS_NAMED = 5
"""In the question; those that have cost most come first."""


class Spending(Protocol):
    """spending.spending.Spending: what all sessions have spent."""

    async def today(self) -> tuple[str, Mapping[str, Amount]]:
        """The day of local time, and what was spent in it by model. Raises SpendingError."""
        ...


class MayAsk(Protocol):
    """Returns when a model may be asked now. Raises BudgetReached."""

    async def __call__(self) -> None: ...


async def freely() -> None:
    """MayAsk where nothing limits it."""


class _Spent(NamedTuple):
    """What was spent of one budget."""

    models: Mapping[str, Amount]
    period: str = ""

    @property
    def all(self) -> Amount:
        return together(self.models.values())


class Allowance:
    """One session's. A listener too: it warns as soon as something was spent."""

    def __init__(
        self, limits: Limits, ledger: Ledger, spending: Spending, warn: Callable[[str], object]
    ) -> None:
        """`ledger` has to hear of a request before this does. `warn` tells the person."""
        self._ledger = ledger
        self._spending = spending
        self._warn = warn
        self._session = Watch(limits.session)
        self._day = Watch(limits.day)
        self._refused = ""
        """What was said when the person did not want to go on, in this turn."""
        self._troubles: set[str] = set()
        self._asking = anyio.Lock()

    @property
    def limits(self) -> Limits:
        return Limits(self._session.limit, self._day.limit)

    @property
    def strain(self) -> Strain:
        """How far the session's budget is used up."""
        warn, stop = self._session.limit
        spent = self._in_session().all.known
        if stop is not None and spent >= stop:
            return "over"
        return "warned" if warn is not None and spent >= warn else "none"

    async def today(self) -> Amount:
        """What all sessions have spent today. Raises SpendingError."""
        return together((await self._spending.today())[1].values())

    def __call__(self, event: Event) -> None:
        if isinstance(event, TurnStarted):
            self._refused = ""
        elif isinstance(event, ModelUsed) and self._session.limit:
            self._judge(self._session, self._in_session())

    async def may_ask(self, consent: Consent) -> None:
        """To be called before every request to a model. Asks the person at the end of a budget.

        Raises BudgetReached when they do not want to go on, or nobody can be asked. Who wants to ask a
        model at the same time waits for the answer, and it counts for them too.
        """
        if not any(self.limits):
            return
        async with self._asking:
            if self._refused:
                raise BudgetReached(self._refused, answered=True)
            if self._session.limit:
                await self._settle(self._session, self._in_session(), consent)
            if self._day.limit and (today := await self._today()):
                await self._settle(self._day, today, consent)

    def _in_session(self) -> _Spent:
        return _Spent({each.model: each.cost for each in self._ledger.accounts()})

    async def _today(self) -> _Spent | None:
        try:
            day, models = await self._spending.today()
        except SpendingError as error:
            self._warn_once("the record", f"The budget of {self._name(self._day)} is not watched: {error}")
            return None
        return _Spent(models, day)

    async def _settle(self, watch: Watch, spent: _Spent, consent: Consent) -> None:
        if self._judge(watch, spent):
            return
        limit = exact(watch.limit.stop or 0)
        name, setting = self._name(watch), self._setting(watch)
        has = f"{said(spent.all)} spent of the budget of {limit} for {name}"
        if not consent.attended:
            flag = ", or --max-cost" if watch is self._session else ""
            raise BudgetReached(f"Stopped: {has}. Raise {setting} in the settings{flag}.")
        why = (
            f"Spent: {_by_model(spent)}.\n\nIf you go on you will be asked again after a further {limit}. "
            f"The setting is `{setting}`."
        )
        if await consent.ask(f"Go on over the budget of {limit} for {name}?", why, GO_ON, STOP):
            watch.go_on(spent.all.known)
            return
        self._refused = (
            f"Stopped: {has}. Send a prompt to be asked again, or raise {setting} in the settings."
        )
        if latest := self._ledger.latest:
            consent.feed.emit(latest._replace(cost=self._ledger.cost))
        raise BudgetReached(self._refused, answered=True)

    def _judge(self, watch: Watch, spent: _Spent) -> bool:
        """Whether it goes on; warns where that is due."""
        whole = spent.all
        if whole.unknown:
            self._warn_once(
                self._name(watch),
                f"The budget for {self._name(watch)} cannot be judged: the price of {whole.unknown} "
                f"request(s) to {', '.join(_unpriced(spent))} is not known, so only the others count. "
                "providers.NAME.model_info in the settings can say it.",
            )
        verdict = watch.judge(whole.known, spent.period)
        if verdict == "warn":
            of = exact(watch.limit.stop if watch.limit.stop is not None else watch.limit.warn or 0)
            self._warn(f"{said(whole)} spent of the budget of {of} for {self._name(watch)}.")
        return verdict != "stop"

    def _warn_once(self, about: str, text: str) -> None:
        if about not in self._troubles:
            self._troubles.add(about)
            self._warn(text)

    def _name(self, watch: Watch) -> str:
        return "this session" if watch is self._session else "today"

    def _setting(self, watch: Watch) -> str:
        return f"budget.{'session' if watch is self._session else 'day'}.stop"


def _by_model(spent: _Spent) -> str:
    dearest = sorted(spent.models.items(), key=lambda each: each[1].known, reverse=True)
    named = [f"{said(cost)} by {model}" for model, cost in dearest[:MODELS_NAMED]]
    if rest := [cost for _, cost in dearest[MODELS_NAMED:]]:
        named.append(f"{said(together(rest))} by others")
    if len(dearest) > 1:
        return f"{said(spent.all)}, {', '.join(named)}"
    return named[0] if named else "nothing yet"


def _unpriced(spent: _Spent) -> list[str]:
    return [model for model, cost in spent.models.items() if cost.unknown][:MODELS_NAMED]

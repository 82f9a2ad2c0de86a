"""Who is asked next when a request to a model fails: the same again, by another key, or another model."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, NamedTuple

from acp_agent.errors import AgentError
from acp_agent.models.stream import Delayed, Failed, Rerouted

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from acp_agent.models.breaker import Breakers
    from acp_agent.models.keys import Key, Keys
    from acp_agent.models.routes import Route
    from acp_agent.models.stream import FailureKind, Model

AGAIN: frozenset[FailureKind] = frozenset({"rate_limit", "overloaded", "network", "timeout", "server"})
"""What may be over after a while."""
BY_ANOTHER_KEY: frozenset[FailureKind] = frozenset({"auth", "billing", "rate_limit"})
BY_ANOTHER_MODEL: frozenset[FailureKind] = AGAIN.union(BY_ANOTHER_KEY, ("not_found", "protocol", "runaway"))
"""What says nothing against the request: another service may well take it."""
LONGEST_WAIT_S = 300.0
"""Whoever wants to be left alone for longer is not waited for here."""
LONGEST_WAIT_BEFORE_OTHERS_S = 30.0
"""The same while there is another model to go on with."""
MOST_DOUBLINGS = 6
JITTER = 0.25
"""Up to so much of a wait is added by chance: many who failed together shall not come back together."""
AGAIN_BEFORE_OTHERS = 2
"""Further attempts at a model while there is another one to go on with."""


class Patience(NamedTuple):
    """How often, and how long."""

    retries: int = 5
    """Further attempts at one model."""
    first_wait_s: float = 1.0
    """Before the second attempt; twice as long before each one after it."""
    tool_gap_s: float = 60.0
    """Silence in the midst of a tool call."""
    most_thought: int = 64_000
    """Tokens, about, without a word or a call; 0 is no limit."""


class Lane(NamedTuple):
    """A model, and the keys by which it can be asked."""

    route: Route
    keys: Keys


class Means(NamedTuple):
    """What all models of the process share."""

    connect: Callable[[Route], Model]
    breakers: Breakers
    patience: Patience = Patience()
    chance: Callable[[], float] = random.random
    """From 0 to 1."""


class _Tried(NamedTuple):
    """What became of one lane."""

    name: str
    failed: Failed
    skipped: bool = False


class Course:
    """The way of one request through the lanes: `lane`, then `answered` or `failed`, and at last `end`."""

    def __init__(self, lanes: Sequence[Lane], means: Means) -> None:
        self._left = list(lanes)
        """Those that were not thought of yet."""
        self._means = means
        self._only = len(lanes) == 1
        self._lane: Lane | None = None
        self._attempt = 0
        self._tried: list[_Tried] = []
        self._latest: Failed | None = None
        """The latest failure, also of one that was not even asked."""
        self._asked: tuple[str, Key] | None = None
        """Who was asked last, and by which key."""
        self._over = False
        self.key: Key
        """The one to ask with."""
        self.change: Rerouted | None = None
        """That somebody else is asked than before, for the person."""

    async def lane(self) -> Lane | None:
        """Whom to ask now, with `key`; None when there is nobody left."""
        while not self._over and (lane := self._lane or self._choose()):
            try:
                key = await lane.keys.take()
            except AgentError as error:
                self._latest = Failed("auth", str(error))
                self._give_up(self._latest)
                continue
            self.change = self._change(lane.route.name, key)
            self.key = key
            self._attempt += 1
            return lane
        return None

    def _choose(self) -> Lane | None:
        """The next one that may be asked; the one that rests the shortest when nobody may."""
        breakers = self._means.breakers
        resting: list[Lane] = []
        self._attempt = 0
        while self._left:
            lane = self._left.pop(0)
            name = lane.route.name
            if self._only or breakers.admit(name):
                self._lane = lane
                return lane
            resting.append(lane)
            rest = f"{name} has failed before and is left alone for {breakers.rest_s(name):.0f} s more."
            self._latest = Failed("overloaded", rest)
            self._tried.append(_Tried(name, self._latest, skipped=True))
        if resting and all(each.skipped for each in self._tried):
            self._lane = min(resting, key=lambda lane: breakers.rest_s(lane.route.name))
            self._tried.clear()
        return self._lane

    def _change(self, name: str, key: Key) -> Rerouted | None:
        before, self._asked = self._asked, (name, key)
        if before == self._asked or self._latest is None:
            return None
        same = before is not None and before[0] == name
        return Rerouted(name, self._latest, key.source if same else "")

    def failed(self, failed: Failed, *, shown: bool) -> Delayed | None:
        """What follows from it: a wait before the same is asked again, or nothing, and `lane` knows more."""
        lane = self._lane
        assert lane
        self._latest = failed
        lane.keys.report(self.key, failed)
        if shown:  # who has begun to answer is there, and whoever asks again asks them
            self._tried.append(_Tried(lane.route.name, failed))
            self.end()
            self._over = True
            return None
        if failed.kind in BY_ANOTHER_KEY and lane.keys.spare:
            return None
        patience = self._means.patience
        most = 1 + (min(patience.retries, AGAIN_BEFORE_OTHERS) if self._left else patience.retries)
        longest_s = LONGEST_WAIT_BEFORE_OTHERS_S if self._left else LONGEST_WAIT_S
        wait_s = self._wait_s(failed)
        if failed.kind not in AGAIN or self._attempt >= most or wait_s > longest_s:
            self._give_up(failed)
            return None
        return Delayed(failed, wait_s, self._attempt + 1, most)

    def _wait_s(self, failed: Failed) -> float:
        own_s = self._means.patience.first_wait_s * 2 ** min(self._attempt - 1, MOST_DOUBLINGS)
        own_s *= 1 + JITTER * self._means.chance()
        return max(own_s, failed.wait_s or 0.0)

    def _give_up(self, failed: Failed) -> None:
        assert self._lane
        name = self._lane.route.name
        self._tried.append(_Tried(name, failed))
        if failed.kind in BY_ANOTHER_MODEL:
            self._means.breakers.failed(name, failed.wait_s)
        else:
            self._means.breakers.released(name)
            self._over = True
        self._lane = None

    def answered(self) -> None:
        assert self._lane
        self._lane.keys.report(self.key, None)
        self._means.breakers.succeeded(self._lane.route.name)
        self._lane = None

    def end(self) -> None:
        """Nothing more will come of it."""
        if self._lane:
            self._means.breakers.released(self._lane.route.name)
            self._lane = None

    def outcome(self) -> Failed:
        """One failure for all of them."""
        if len(self._tried) == 1:
            return self._tried[0].failed
        asked = [each for each in self._tried if not each.skipped]
        last = asked[-1].failed
        lines = "\n".join(f"- {each.failed.message}" for each in self._tried)
        waits = [each.failed.wait_s for each in asked if each.failed.wait_s is not None]
        soonest = min(waits) if len(waits) == len(asked) else None
        return last._replace(message=f"No model could answer:\n{lines}", wait_s=soonest)

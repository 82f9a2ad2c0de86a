"""The settings of one session that its user may change at any time: mode, model, thinking, switches."""

from __future__ import annotations

from types import MappingProxyType
from typing import TYPE_CHECKING, ClassVar, NamedTuple, Protocol

from acp_agent.config.schema import Routing
from acp_agent.errors import AgentError, InvalidParams
from acp_agent.events import Choice, ModeChanged, Option, OptionsChanged, ThoughtDelta
from acp_agent.models.keys import reached_by
from acp_agent.models.roles import model_for, role_of
from acp_agent.models.routing import judge
from acp_agent.models.thinking import level_of, nearest
from acp_agent.permission.gate import MODES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from acp_agent.events import Event, Listener
    from acp_agent.models.routes import Route
    from acp_agent.models.routing import Asked
    from acp_agent.models.stream import Model
    from acp_agent.permission.gate import Gate
    from acp_agent.workspace.confining import Confining
    from acp_agent.workspace.sandbox import Mode

DEFAULT_LEVEL = "default"
"""The thought level with which nothing is sent: the model thinks as it does by itself."""
_LEVELS = {
    DEFAULT_LEVEL: Choice(DEFAULT_LEVEL, "Default", "As the model does by itself"),
    "xhigh": Choice("xhigh", "Extra high"),
}
"""Levels whose name is not just their value."""
_SWITCHED = {"on": True, "true": True, "off": False, "false": False}
_SANDBOX: tuple[tuple[Mode, str, str], ...] = (
    ("off", "Off", "Commands run as you do"),
    ("auto", "Auto", "In the best sandbox that works here, if one does"),
    ("required", "Required", "Only in a sandbox"),
    ("bwrap", "bubblewrap", "Only in bubblewrap"),
    ("landlock", "Landlock", "Only under Landlock"),
)
_MODES = tuple(Choice(mode.id, mode.name, mode.description) for mode in MODES)


AUTO = "auto"
"""The model that is chosen anew for each prompt."""
_AUTO = Choice(AUTO, "Auto", "By how hard the prompt is: the roles smol, default and slow")


class Found(Protocol):
    """models.naming.Resolved."""

    @property
    def route(self) -> Route: ...

    @property
    def unrecognised(self) -> bool: ...


class Ways(NamedTuple):
    """How models are come by; all raise AgentError saying what to do."""

    connect: Callable[[Route, str], Model]
    """The model at the end of a route, and the thought level it is to have."""
    find: Callable[[str, Sequence[Route]], Found]
    """What is meant by a name, of those that are offered or beyond them."""
    named: Callable[[str], Route]
    """What the settings mean by a name."""


class Defaults(NamedTuple):
    """What a session begins with, beside the gate's mode and the first model."""

    thought_level: str = DEFAULT_LEVEL
    """Counts where the model has it."""
    show_thoughts: bool = True
    project_instructions: bool = True
    roles: Mapping[str, str] = MappingProxyType({})
    """Models for particular work, by role."""
    routing: Routing = Routing()


class Options:
    MODE: ClassVar[str] = "mode"
    MODEL: ClassVar[str] = "model"
    THOUGHT_LEVEL: ClassVar[str] = "thought_level"
    SHOW_THOUGHTS: ClassVar[str] = "show_thoughts"
    PROJECT_INSTRUCTIONS: ClassVar[str] = "project_instructions"
    SANDBOX: ClassVar[str] = "sandbox"

    def __init__(
        self,
        gate: Gate,
        routes: Sequence[Route],
        ways: Ways,
        defaults: Defaults = Defaults(),  # noqa: B008 - a value that cannot be changed
    ) -> None:
        """`routes` are the models that are offered, the one to start with first."""
        self._gate = gate
        self._ways = ways
        self._routes = {route.name: route for route in routes}
        self._defaults = defaults
        self._unrecognised: set[str] = set()
        self._auto = False
        self.confining: Confining | None = None
        """What confines the session's commands, if anything could."""
        self._route = routes[0]
        self._level = DEFAULT_LEVEL
        self._switches = {
            self.SHOW_THOUGHTS: defaults.show_thoughts,
            self.PROJECT_INSTRUCTIONS: defaults.project_instructions,
        }
        self._connected: Model | None = None
        self._level = _exactly(defaults.thought_level, self._route)

    # What they mean -------------------------------------------------------------------

    @property
    def model(self) -> Model:
        """The model for the next request. Connecting may raise AgentError saying what to set."""
        if self._connected is None:
            self._connected = self._ways.connect(self._route, self._level)
        return self._connected

    def model_for(self, role: str) -> Model:
        """The model for particular work: the one of the role, else the session's. Raises as `model` does."""
        try:
            route = self._route_of(role)
        except AgentError:  # the session's model does it as well
            route = None
        return self._ways.connect(route, DEFAULT_LEVEL) if route else self.model

    def _route_of(self, role: str) -> Route | None:
        named = model_for(role, self._defaults.roles)
        return self._ways.named(named) if named else None

    def begin_prompt(self, asked: Asked) -> str:
        """Chooses the model for a prompt where that is left to us; says which and why, or nothing."""
        if not self._auto:
            return ""
        verdict = judge(asked, self._defaults.routing)
        route, trouble = next(iter(self._routes.values())), ""
        try:
            route = self._route_of(verdict.role) or route
        except AgentError as error:  # the other models are there all the same
            trouble = f" The model of {verdict.role} cannot be used: {error}"
        if route is not self._route:
            self._route, self._connected = route, None
        return f"Auto: {route.name} ({verdict.role}; {verdict.why}).{trouble}"

    @property
    def project_instructions(self) -> bool:
        """Whether the next request tells the model of AGENTS.md and CLAUDE.md."""
        return self._switches[self.PROJECT_INSTRUCTIONS]

    def shows(self, event: Event) -> bool:
        """Whether who watches the session is to see `event` now; the journal keeps all."""
        return self._switches[self.SHOW_THOUGHTS] or not isinstance(event, ThoughtDelta)

    def watched_by(self, listener: Listener) -> Listener:
        """A listener that hands on what is shown."""

        def listen(event: Event) -> None:
            if self.shows(event):
                listener(event)

        return listen

    # What there is to choose ----------------------------------------------------------

    def all(self) -> tuple[Option, ...]:
        return (
            Option(self.MODE, "Permissions", "mode", self._gate.mode, _MODES),
            Option(self.MODEL, "Model", "model", self._model, self._models()),
            Option(self.THOUGHT_LEVEL, "Thinking", "thought_level", self._level, self._levels()),
            Option(
                self.SHOW_THOUGHTS,
                "Show thoughts",
                None,
                self._switches[self.SHOW_THOUGHTS],
                description="Show what the model thinks on its way to the answer",
            ),
            Option(
                self.PROJECT_INSTRUCTIONS,
                "Project instructions",
                None,
                self._switches[self.PROJECT_INSTRUCTIONS],
                description="Tell the model what AGENTS.md and CLAUDE.md say",
            ),
            *self._sandbox(),
        )

    def _sandbox(self) -> tuple[Option, ...]:
        confining = self.confining
        if confining is None:
            return ()
        state = confining.name or ("none works here" if confining.found else "")
        offered = dict.fromkeys(("off", "auto", "required", confining.mode))
        choices = (
            Choice(mode, f"{name} ({state})" if state and mode == confining.mode != "off" else name, about)
            for mode, name, about in _SANDBOX
            if mode in offered
        )
        about = "Whether commands are kept to the workspace, without network"
        return (Option(self.SANDBOX, "Sandbox", None, confining.mode, tuple(choices), about),)

    @property
    def _model(self) -> str:
        return AUTO if self._auto else self._route.name

    def _models(self) -> tuple[Choice, ...]:
        """Those offered, and `auto` where there is something to choose from."""
        found = tuple(
            Choice(name, route.model, self._about(route), route.alias) for name, route in self._routes.items()
        )
        roles = any(role_of(name) in ("smol", "slow") for name in self._defaults.roles)
        return (*found, _AUTO) if roles or self._auto else found

    def _about(self, route: Route) -> str | None:
        """Of the model in use, how it is reached; of others only what is odd about them."""
        odd = "Not recognised, taken as it is" if route.name in self._unrecognised else ""
        used = reached_by(route) if route is self._route else ""
        return ". ".join(filter(None, (odd, used))) or None

    def recognise(self, text: str) -> str:
        """The value of the model option that is meant by `text`, which is offered from then on.

        Raises InvalidParams for what cannot be, AuthRequired for what cannot be reached yet.
        """
        if text in self._routes or text == AUTO:
            return text
        found = self._ways.find(text, tuple(self._routes.values()))
        name = found.route.name
        self._routes.setdefault(name, found.route)
        if found.unrecognised:
            self._unrecognised.add(name)
        return name

    def choose(self, option_id: str, value: str | bool) -> tuple[str, ...]:
        """Sets one option; the ids of all that changed. Raises InvalidParams naming what there is."""
        if option_id == self.MODEL and isinstance(value, str):
            value = self.recognise(value)
        elif option_id == self.THOUGHT_LEVEL and isinstance(value, str):
            value = _nearest(value, self._route)
        options = {option.id: option for option in self.all()}
        option = options.get(option_id)
        if option is None:
            raise InvalidParams(f"There is no option {option_id!r}; there are: {', '.join(options)}.")
        chosen = _chosen(option, value)
        return self._set(option_id, chosen) if chosen != option.current else ()

    def _set(self, option_id: str, value: str | bool) -> tuple[str, ...]:
        if isinstance(value, bool):
            self._switches[option_id] = value
        elif option_id == self.SANDBOX and self.confining:
            self.confining.mode = next(mode for mode, *_ in _SANDBOX if mode == value)
        elif option_id == self.MODE:
            self._gate.mode = next(mode.id for mode in MODES if mode.id == value)
        else:
            self._connected = None
            if option_id == self.THOUGHT_LEVEL:
                self._level = value
            else:
                self._auto = value == AUTO
                self._route = self._route if self._auto else self._routes[value]
                level, self._level = self._level, _exactly(self._level, self._route)
                if level != self._level:
                    return (option_id, self.THOUGHT_LEVEL)
        return (option_id,)

    def _levels(self) -> tuple[Choice, ...]:
        values = (DEFAULT_LEVEL, *self._route.thought_levels)
        return tuple(_LEVELS.get(value) or Choice(value, value.capitalize()) for value in values)

    # What comes back ------------------------------------------------------------------

    def restore(self, events: Iterable[Event]) -> list[str]:
        """Sets what was changed in a session with these events; what is not possible any more, in words.

        The mode yolo does not come back unless the settings say it too: nobody who is here now has
        chosen it, and the journal may be somebody else's. For the same reason no sandbox comes back
        that is weaker than the one of the settings.
        """
        last: dict[str, object] = {}
        for event in events:
            match event:
                case ModeChanged(mode_id):
                    last[self.MODE] = mode_id
                case OptionsChanged(options, changed):
                    known = changed or tuple(option.id for option in options if option.id != self.MODE)
                    last |= {option.id: option.current for option in options if option.id in known}
                case _:
                    pass
        order = (self.MODEL, self.THOUGHT_LEVEL, *self._switches, self.SANDBOX, self.MODE)
        there = {option.id for option in self.all()}
        found = (self._restored(each, last[each]) for each in order if each in last and each in there)
        return [trouble for trouble in found if trouble]

    def _restored(self, option_id: str, value: object) -> str:
        """Why that option could not be set; empty when it was."""
        option = next(option for option in self.all() if option.id == option_id)
        if option_id == self.MODE and value == "yolo" != option.current:
            return f"The mode yolo does not come back by itself. The mode is {option.current}."
        if option_id == self.SANDBOX and _weaker(value, option.current):
            return f"The sandbox is {option.current!r}, as in the settings: {value!r} would be weaker."
        try:
            if option_id == self.MODEL and value != AUTO and value not in self._routes:
                route = self._ways.named(str(value))  # it was not among those offered, or is not any more
                self._routes[route.name] = route
            self.choose(option_id, value if isinstance(value, bool) else str(value))
        except AgentError:
            return f"{option.name} cannot be {value!r} as before. It is {option.current!r}."
        return ""


def _exactly(said: str, route: Route) -> str:
    """The level of a model that is called so, and else none: less or more of it may cost a multiple."""
    level = said if said in route.thought_levels else level_of(said) or DEFAULT_LEVEL
    return level if level in route.thought_levels else DEFAULT_LEVEL


def _nearest(said: str, route: Route) -> str:
    """The level of a model that comes closest to what a person wants; `said` when it means none."""
    if said == DEFAULT_LEVEL:
        return said
    return nearest(level_of(said) or said, list(route.thought_levels)) or said


def _weaker(value: object, current: object) -> bool:
    from acp_agent.workspace.confining import STRICTNESS

    ranks = {mode: rank for mode, rank in STRICTNESS.items() if mode in (value, current)}
    return any(mode == value and rank < max(ranks.values()) for mode, rank in ranks.items())


def _chosen(option: Option, value: str | bool) -> str | bool:
    """The value as the option holds it; raises InvalidParams naming those there are."""
    if isinstance(option.current, bool):
        values = list(_SWITCHED)[::2]
        meant = value if isinstance(value, bool) else _SWITCHED.get(value)
    else:
        values = [choice.value for choice in option.choices]
        meant = value if value in values else None
    if meant is None:
        raise InvalidParams(f"{option.name} cannot be {value!r}; it can be: {', '.join(values)}.")
    return meant

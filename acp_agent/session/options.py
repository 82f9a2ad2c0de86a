"""The settings of one session that its user may change at any time: mode and model."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from acp_agent.errors import InvalidParams
from acp_agent.events import Choice, Option
from acp_agent.permission.gate import MODES

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from acp_agent.models.stream import Model
    from acp_agent.permission.gate import Gate


class Options:
    MODE: ClassVar[str] = "mode"
    MODEL: ClassVar[str] = "model"

    def __init__(
        self, gate: Gate, models: Sequence[Choice], model: str, connect: Callable[[str], Model]
    ) -> None:
        """`models` are the values that `connect` makes a model of; `model` is the one to start with."""
        self._gate = gate
        self._connect = connect
        self._models = tuple(models)
        self._model_value = model
        self._connected: Model | None = None

    @property
    def model(self) -> Model:
        """The model for the next request. Connecting may raise AgentError saying what to set."""
        if self._connected is None:
            self._connected = self._connect(self._model_value)
        return self._connected

    def all(self) -> tuple[Option, ...]:
        modes = tuple(Choice(mode.id, mode.name, mode.description) for mode in MODES)
        return (
            Option(self.MODE, "Permissions", "mode", self._gate.mode, modes),
            Option(self.MODEL, "Model", "model", self._model_value, self._models),
        )

    def choose(self, option_id: str, value: str) -> bool:
        """True when that changed something; raises InvalidParams naming what there is."""
        options = {option.id: option for option in self.all()}
        option = options.get(option_id)
        if option is None:
            raise InvalidParams(f"There is no option {option_id!r}; there are: {', '.join(options)}.")
        values = [choice.value for choice in option.choices]
        if value not in values:
            raise InvalidParams(f"{option.name} cannot be {value!r}; it can be: {', '.join(values)}.")
        if value == option.current:
            return False
        if option_id == self.MODE:
            self._gate.mode = next(mode.id for mode in MODES if mode.id == value)
        else:
            self._model_value, self._connected = value, None
        return True

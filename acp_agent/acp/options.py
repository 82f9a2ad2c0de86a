"""session/set_mode, session/set_config_option and session/set_model: one mechanism behind three methods."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from acp_agent.acp.encoder import config_options
from acp_agent.errors import InvalidParams

if TYPE_CHECKING:
    from acp_agent.acp.connection import Connection, Method
    from acp_agent.acp.params import Json, Params
    from acp_agent.acp.ports import Session
    from acp_agent.events import Option
    from acp_agent.rpc.peer import Work


def methods(connection: Connection) -> dict[str, Method]:
    def set_mode(params: Params) -> Work:
        session = connection.session(params).session
        mode = _of_category(session, "mode")
        return partial(_set, session, mode.id, params.text("modeId"))

    def set_model(params: Params) -> Work:
        session = connection.session(params).session
        model = _of_category(session, "model")
        return partial(_set, session, model.id, _model(model, params.text("modelId")))

    def set_config_option(params: Params) -> Work:
        session, option_id = connection.session(params).session, params.text("configId")
        value = params.values.get("value")
        if not isinstance(value, bool):
            value = params.text("value")
        return partial(_set_and_list, connection, session, option_id, value)

    return {
        "session/set_mode": set_mode,
        "session/set_config_option": set_config_option,
        # No longer in the protocol, but still sent by several clients.
        "session/set_model": set_model,
    }


async def _set(session: Session, option_id: str, value: str) -> Json:
    session.set_option(option_id, value)
    return {}


async def _set_and_list(connection: Connection, session: Session, option_id: str, value: str | bool) -> Json:
    session.set_option(option_id, value)
    return {"configOptions": config_options(session.options, switches=connection.client.shows_switches)}


def _of_category(session: Session, category: str) -> Option:
    return next(option for option in session.options if option.category == category)


def _model(option: Option, model_id: str) -> str:
    """The value that a model's id means: the value itself, or the one that ends with the bare id."""
    values = [choice.value for choice in option.choices]
    meant = [value for value in values if value.endswith(f"/{model_id}")]
    if model_id in values or not meant:
        return model_id  # what there is not is refused, and named, where all options are
    if len(meant) > 1:
        raise InvalidParams(f"Several providers have {model_id!r}; choose one of: {', '.join(meant)}.")
    return meant[0]

"""session/set_mode and session/set_config_option: one mechanism behind two methods."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from acp_agent.acp.encoder import config_options

if TYPE_CHECKING:
    from acp_agent.acp.connection import Connection, Method
    from acp_agent.acp.params import Json, Params
    from acp_agent.acp.ports import Session
    from acp_agent.rpc.peer import Work


def methods(connection: Connection) -> dict[str, Method]:
    def set_mode(params: Params) -> Work:
        session, mode_id = connection.session(params).session, params.text("modeId")
        mode = next(option for option in session.options if option.category == "mode")
        return partial(_choose, session, mode.id, mode_id, empty=True)

    def set_config_option(params: Params) -> Work:
        session = connection.session(params).session
        return partial(_choose, session, params.text("configId"), params.text("value"), empty=False)

    return {"session/set_mode": set_mode, "session/set_config_option": set_config_option}


async def _choose(session: Session, option_id: str, value: str, *, empty: bool) -> Json:
    session.set_option(option_id, value)
    return {} if empty else {"configOptions": config_options(session.options)}

"""The console's HTTP interface to what devices can be told: a guard check, its state, its clock."""

from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import Field

from gateway.console.auth import Caller
from gateway.console.models import Body, ErrorAnswer
from gateway.console.problems import RequestError
from gateway.console.services import Acting, Console
from gateway.driver import MOST_MINUTES, Command
from gateway.errors import ActRefused

router = APIRouter(
    prefix="/api", responses={status: {"model": ErrorAnswer} for status in (401, 403, 404, 409, 422, 503)}
)

#: What a guard may ask of a panel; the rest changes it and is a technician's.
_FOR_GUARDS = frozenset({Command.GUARD_CHECK, Command.READ_STATE})


class CommandBody(Body):
    """What to tell a device. `minutes` is how long the room has to answer a guard check."""

    command: Literal["read-state", "initialise", "set-clock", "guard-check"]
    minutes: Annotated[int, Field(ge=1, le=MOST_MINUTES)] = 10


@router.post("/devices/{device}/command", status_code=202, summary="Tell a panel 下发命令")
async def command(device: str, body: CommandBody, caller: Acting, console: Console) -> None:
    """Taken; what came of it is an event `campus.device.commanded`. Guards may read the state and check (查岗)."""
    _may(caller, Command(body.command))
    commands = console.deps.commands
    if commands is None:
        raise ActRefused(f"{device} can't be told anything", code="command-unknown")
    commands.give(device, Command(body.command), minutes=body.minutes, actor=caller.account.name)


def _may(caller: Caller, wanted: Command) -> None:
    if caller.account.role == "guard" and wanted not in _FOR_GUARDS:
        raise RequestError(403, "forbidden")

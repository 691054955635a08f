"""The county's commands: checked, carried out once by their id, answered each time (CONTRACT, `command`)."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, TypeVar

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from gateway.clock import Clock
from gateway.errors import ActRefused, JournalUnwritable, NotFound
from gateway.policy.ranges import Run
from gateway.store import Journal
from gateway.uplink.bucket import TokenBucket
from gateway.uplink.complaints import Complaints
from gateway.uplink.documents import encode
from gateway.uplink.messages import Inbound

COMMAND_LIMIT_BYTES = 16 * 1024
logger = logging.getLogger(__name__)

#: Commands that wait to be carried out at most.
WAITING_LIMIT = 100
#: So many at once, and so many a second in the long run.
BURST = 50
RATE_PER_S = 10.0
#: A drill that was ordered longer ago is refused: it would hide real alarms of now. The same for clocks that differ.
OUTDATED_AFTER = timedelta(minutes=5)
#: Numbers that one `resend` may ask for.
RESEND_LIMIT = 10_000

#: What CONTRACT lists and this version does not do: it says so.
NOT_CARRIED_OUT = frozenset({"snapshot", "clip", "guard-check", "report"})

Extra = dict[str, object]


class _Command(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    id: Annotated[str, StringConstraints(pattern=r"^[\x21-\x7e]{1,64}$")]
    type: Annotated[str, StringConstraints(min_length=1, max_length=64)]


class _Acknowledge(_Command):
    alarm: Annotated[str, StringConstraints(min_length=1, max_length=64)]


class _Drill(_Command):
    issued: AwareDatetime
    minutes: Annotated[int, Field(ge=1, le=240)]
    zone: Annotated[str, StringConstraints(min_length=1, max_length=64)]


class _Resend(_Command):
    stream: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    first: Annotated[int, Field(ge=1, alias="from")]
    last: Annotated[int, Field(ge=1, alias="to")]


class _NotACommandError(ValueError):
    """The bytes are no command; the message says why."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    command: _Command
    inbound: Inbound


M = TypeVar("M", bound=_Command)


class Commands:
    """One destination's commands, one at a time.

    `answer(inbound, payload)` sends a result; `resend(stream, run)` makes rows wait again and sends them.
    """

    def __init__(
        self,
        journal: Journal,
        destination: str,
        *,
        clock: Clock,
        complaints: Complaints,
        answer: Callable[[Inbound, bytes], None],
        resend: Callable[[str, list[Run]], Awaitable[int]],
    ) -> None:
        self._journal = journal
        self._actor = f"county:{destination}"
        self._clock = clock
        self._complaints = complaints
        self._answer = answer
        self._resend = resend
        self._waiting: asyncio.Queue[_Waiting] = asyncio.Queue(WAITING_LIMIT)
        self._bucket = TokenBucket(clock, burst=BURST, per_second=RATE_PER_S)
        self._acts: dict[str, Callable[[Inbound], Awaitable[Extra]]] = {
            "acknowledge": self._acknowledge,
            "drill": self._drill,
            "resend": self._resend_rows,
        }

    def offer(self, inbound: Inbound) -> None:
        """Take a command in, or count why not. Never waits."""
        if inbound.retained and not inbound.payload:
            return  # somebody deletes a retained command
        if not self._bucket.take():
            self._complaints.happened("flooding-commands", f"more than {RATE_PER_S:g} a second")
            return
        try:
            command = _parsed(_Command, inbound.payload)
        except _NotACommandError as error:
            self._complaints.happened("malformed-commands", str(error))
            return
        if inbound.retained:
            self._complaints.happened("retained-commands", "a command must not be retained")
            self._answer(inbound, _result(command.id, "a retained command is not carried out"))
            return
        try:
            self._waiting.put_nowait(_Waiting(command, inbound))
        except asyncio.QueueFull:
            self._complaints.happened("flooding-commands", f"{WAITING_LIMIT} wait already")

    async def run(self) -> None:
        """Carry out what comes, for ever."""
        while True:
            waiting = await self._waiting.get()
            self._answer(waiting.inbound, await self._once(waiting))

    async def _once(self, waiting: _Waiting) -> bytes:
        """The answer: the kept one if this id was here before."""
        command = waiting.command
        try:
            kept = await self._journal.command_result(command.id)
            if kept is not None:
                return kept.encode()
            result = await self._carry_out(waiting)
        except JournalUnwritable as error:
            return _result(command.id, f"the journal does not take it: {error}")
        try:
            await self._journal.keep_command_result(command.id, result.decode())
        except JournalUnwritable as error:  # it is done: to say otherwise would have it done again
            logger.warning("the result of command %s is not kept: %s", command.id, error)
        return result

    async def _carry_out(self, waiting: _Waiting) -> bytes:
        command = waiting.command
        if command.type in NOT_CARRIED_OUT:
            return _result(command.id, f"{command.type} is not carried out by this version")
        act = self._acts.get(command.type)
        if act is None:
            return _result(command.id, f"unknown command type {command.type!r}")
        try:
            extra = await act(waiting.inbound)
        except (ActRefused, NotFound, _NotACommandError) as error:
            return _result(command.id, str(error))
        return _result(command.id, None, extra)

    # ---- the acts

    async def _acknowledge(self, inbound: Inbound) -> Extra:
        command = _parsed(_Acknowledge, inbound.payload)
        alarm = await self._journal.acknowledge(command.alarm, self._actor)
        return {"alarm": alarm.id, "state": alarm.state.value}

    async def _drill(self, inbound: Inbound) -> Extra:
        command = _parsed(_Drill, inbound.payload)
        now = self._clock.now()
        self._must_be_recent(command.issued, now)
        until = now + timedelta(minutes=command.minutes)
        await self._journal.start_drill(None if command.zone == "all" else command.zone, until, self._actor)
        return {"zone": command.zone, "minutes": command.minutes}

    async def _resend_rows(self, inbound: Inbound) -> Extra:
        command = _parsed(_Resend, inbound.payload)
        if command.first > command.last:
            raise ActRefused(f"from {command.first} to {command.last} runs backwards")
        if command.last - command.first >= RESEND_LIMIT:
            raise ActRefused(f"at most {RESEND_LIMIT} numbers at a time: ask in pieces")
        rows = await self._resend(command.stream, [(command.first, command.last)])
        return {"rows": rows}

    @staticmethod
    def _must_be_recent(issued: datetime, now: datetime) -> None:
        if issued < now - OUTDATED_AFTER:
            raise ActRefused("issued more than 5 minutes ago")
        if issued > now + OUTDATED_AFTER:
            raise ActRefused("issued more than 5 minutes in the future: the clocks differ")


def _parsed(model: type[M], payload: bytes) -> M:
    if len(payload) > COMMAND_LIMIT_BYTES:
        raise _NotACommandError(f"{len(payload)} bytes, at most {COMMAND_LIMIT_BYTES} are read")
    try:
        return model.model_validate_json(payload)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        raise _NotACommandError(f"{where}: {first['msg']}" if where else first["msg"]) from error


def _result(command_id: str, refusal: str | None, extra: Extra | None = None) -> bytes:
    return encode({"id": command_id, "ok": refusal is None, "reason": refusal or "", **(extra or {})})

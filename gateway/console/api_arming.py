"""The console's HTTP interface for zones and bypasses (布防, 撤防, 旁路): an act is answered only after its commit."""

from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter

from gateway.console.models import ErrorAnswer
from gateway.console.models_arming import BypassBody, BypassView, ZoneArmingView, ZonesAnswer
from gateway.console.problems import RequestError
from gateway.console.services import Acting, Console, Services, SignedIn
from gateway.errors import NotFound
from gateway.policy.alarms import NEVER_SHELVED
from gateway.policy.arming import guard_may_bypass

router = APIRouter(
    prefix="/api", responses={status: {"model": ErrorAnswer} for status in (401, 403, 404, 409, 422, 503)}
)

ZoneId = Annotated[str, "a zone's id"]
PointId = Annotated[str, "a point's id"]


@router.get("/zones", summary="Zones and bypasses 防区")
async def zones(_: SignedIn, console: Console) -> ZonesAnswer:
    """Whether each zone is armed, which of its points are active now and would alarm, and which are bypassed."""
    return ZonesAnswer(
        now=console.render.now,
        clock=console.deps.clock_state(),
        zones=console.render.arming.zones(),
        bypasses=console.render.arming.bypasses(),
    )


@router.post("/zones/{zone}/arm", summary="Arm 布防")
async def arm(zone: ZoneId, caller: Acting, console: Console) -> ZoneArmingView:
    """The zone watches, once the exit delay is over. It stands until the next change of the zone's schedule."""
    await console.deps.journal.arm(zone, caller.account.name)
    return _zone(console, zone)


@router.post("/zones/{zone}/disarm", summary="Disarm 撤防")
async def disarm(zone: ZoneId, caller: Acting, console: Console) -> ZoneArmingView:
    """The zone's intrusion and door points alarm no more; open alarms stay, and everything else watches on."""
    await console.deps.journal.disarm(zone, caller.account.name)
    return _zone(console, zone)


@router.post("/points/{point}/bypass", summary="Bypass a point for a time 旁路")
async def bypass(point: PointId, body: BypassBody, caller: Acting, console: Console) -> BypassView:
    """The point raises nothing until then. Never for panic, duress or fire; by a guard for intrusion and door only."""
    _may(console, caller, point)
    until = console.deps.clock.now() + timedelta(minutes=body.minutes)
    made = await console.deps.journal.bypass(point, caller.account.name, until, body.reason)
    return console.render.arming.bypass(made)


@router.post("/points/{point}/restore", summary="End a point's bypass 恢复")
async def restore(point: PointId, caller: Acting, console: Console) -> BypassView:
    """The point watches again; if it is active now, it alarms."""
    return console.render.arming.bypass(await console.deps.journal.restore(point, caller.account.name))


def _may(console: Services, caller: Acting, point: str) -> None:
    known = console.deps.journal.directory.point(point)
    if known is None:
        raise NotFound(f"there is no point {point!r}")
    nobody_may = known.kind in NEVER_SHELVED  # the policy refuses it, and says why
    if caller.account.role == "guard" and not nobody_may and not guard_may_bypass(known.kind):
        raise RequestError(403, "forbidden")


def _zone(console: Services, zone: str) -> ZoneArmingView:
    found = console.deps.journal.directory.zone(zone)
    assert found is not None  # else it was refused
    return console.render.arming.zone(found)

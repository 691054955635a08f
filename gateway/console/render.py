"""From the house's values to the console's answers: an alarm, a device, the gateway's state, as a guard is to see them."""

import asyncio
import itertools
from collections.abc import Container, Iterable
from datetime import datetime

from pydantic import BaseModel, ValidationError

from gateway.console.models import AlarmView, CameraRef, EventView, PersonView, SilencedView, ZoneView
from gateway.console.models_site import (
    BacklogView,
    CommandedView,
    DeviceView,
    PointView,
    ProblemView,
    SiteView,
    StatusAnswer,
    UplinkStatus,
)
from gateway.console.models_stream import PresenceView
from gateway.console.render_arming import ArmingRenderer
from gateway.console.views import ConsoleDeps, LinkState
from gateway.driver import Command
from gateway.errors import JournalUnwritable
from gateway.model import Alarm, AlarmState, ClockState, DevicePresence, Presence, Zone
from gateway.policy.alarms import NEVER_SHELVED
from gateway.policy.evidence import cameras_of
from gateway.site.site import DeviceEntry
from gateway.store import StoredEvent

#: A backlog that can't be read in so many seconds is shown as unknown.
_BACKLOG_LIMIT_S = 2.0

#: Numbers the views of alarms in the order in which they were made, for all consoles of the process.
_revisions = itertools.count(1)


class _EventData(BaseModel):
    actor: str | None = None
    camera: str | None = None
    state: AlarmState | None = None
    durable: bool = True
    clock: ClockState = ClockState.TRUSTED


class _EventBody(BaseModel):
    data: _EventData = _EventData()


class Renderer:
    """Builds answers from the journal's views in memory; only the backlog is asked of the disk."""

    def __init__(self, deps: ConsoleDeps) -> None:
        self._deps = deps
        self._journal = deps.journal
        self._directory = deps.journal.directory
        self._since = deps.clock.now()
        self._camera_names = {camera.id: camera.name for camera in deps.site.cameras}
        self.arming = ArmingRenderer(deps)

    @property
    def now(self) -> datetime:
        """The stamp of an answer."""
        return self._deps.clock.now()

    # ---- alarms

    def alarm(self, alarm: Alarm, *, durable: bool = True) -> AlarmView:
        """An alarm. It must be in its present state: the `revision` says that this view is the latest."""
        source = alarm.source
        return AlarmView(
            id=alarm.id,
            revision=next(_revisions),
            kind=source.kind,
            severity=source.severity,
            state=alarm.state,
            drill=alarm.drill,
            durable=durable,
            name=source.name,
            subject=source.subject,
            point=source.point,
            device=source.device,
            zone=zone_view(source.zone),
            cameras=cameras_of(alarm),
            detail=alarm.detail,
            repeats=alarm.repeats,
            escalation=alarm.escalation,
            returns=source.returns,
            may_shelve=alarm.is_open and source.kind not in NEVER_SHELVED,
            raised_at=alarm.raised_at,
            last_raised_at=alarm.last_raised_at,
            returned_at=alarm.returned_at,
            acknowledged_at=alarm.acknowledged_at,
            acknowledged_by=self._person_or_none(alarm.acknowledged_by),
            closed_at=alarm.closed_at,
            closed_by=self._person_or_none(alarm.closed_by),
            verdict=alarm.verdict,
            shelved_until=alarm.shelved_until,
            shelved_by=self._person_or_none(alarm.shelved_by),
            shelved_reason=alarm.shelved_reason,
            silenced=self._silenced(alarm),
        )

    def _silenced(self, alarm: Alarm) -> SilencedView | None:
        silence = self._journal.silence_of(alarm)
        return None if silence is None else SilencedView(by=self.person(silence.by), at=silence.at)

    def alarms(self, alarms: Iterable[Alarm], in_memory: Container[str]) -> tuple[AlarmView, ...]:
        """Several alarms; those of `in_memory` are marked as not durable."""
        return tuple(self.alarm(alarm, durable=alarm.id not in in_memory) for alarm in alarms)

    def event(self, stored: StoredEvent) -> EventView:
        """One journalled step; its actor and state are read from the bytes that went out."""
        try:
            data = _EventBody.model_validate_json(stored.body).data
        except ValidationError:  # a journal of another version: the step itself is still true
            data = _EventData()
        return EventView(
            id=stored.event_id,
            type=stored.type.value,
            at=stored.at,
            actor=self._person_or_none(data.actor),
            camera=self._camera_or_none(data.camera),
            state=data.state,
            durable=data.durable,
            clock=data.clock,
        )

    def person(self, name: str) -> PersonView:
        """Who it was: an account with the name it goes by, or another actor as it is."""
        account = self._journal.account(name)
        return PersonView(name=name, display=account.display if account else name)

    def _person_or_none(self, name: str | None) -> PersonView | None:
        return None if name is None else self.person(name)

    def _camera_or_none(self, camera: str | None) -> CameraRef | None:
        return None if camera is None else CameraRef(id=camera, name=self._camera_names.get(camera, camera))

    # ---- devices

    def devices(self) -> tuple[DeviceView, ...]:
        """All devices of the site file, in its order."""
        return tuple(self._device(entry) for entry in self._deps.site.devices)

    def _device(self, entry: DeviceEntry) -> DeviceView:
        known = self._journal.presences.get(entry.id)
        return DeviceView(
            id=entry.id,
            name=entry.name,
            zone=zone_view(self._directory.zone(entry.zone)),
            connection=entry.connection,
            camera=entry.is_camera,
            presence=known.presence if known else Presence.UNKNOWN,
            since=known.since if known else None,
            reason=known.reason if known else "",
            identity=known.identity if known else {},
            points=tuple(
                PointView(
                    id=point.id,
                    name=point.name,
                    kind=point.kind,
                    zone=zone_view(self._directory.zone(point.zone)),
                    cameras=point.cameras,
                )
                for point in entry.points
            ),
            commands=tuple(command for command in Command if command in entry.commands),
            commanded=self._commanded(entry.id),
        )

    def _commanded(self, device: str) -> CommandedView | None:
        commands = self._deps.commands
        told = commands.told(device) if commands is not None else None
        if told is None:
            return None
        return CommandedView(
            command=told.command,
            by=self.person(told.actor),
            since=told.since,
            ended=told.ended,
            ok=told.ok,
            reason=told.words,
        )

    def presence(self, presence: DevicePresence) -> PresenceView:
        """A device's presence."""
        return PresenceView(
            device=presence.device, presence=presence.presence, since=presence.since, reason=presence.reason
        )

    # ---- the gateway itself

    async def status(self) -> StatusAnswer:
        """How the gateway does. Waits for the backlog at most 2 s."""
        deps, site, journal = self._deps, self._deps.site.site, self._journal.status
        links = {link.name: link for link in deps.links()}
        return StatusAnswer(
            now=self.now,
            since=self._since,
            version=deps.version,
            boot=journal.boot,
            site=SiteView(id=site.id, name=site.name, county=site.county, timezone=site.timezone),
            durability=journal.durability,
            durability_reason=journal.reason,
            clock=deps.clock_state(),
            uplinks=tuple(
                [await self._uplink(uplink.name, links.get(uplink.name)) for uplink in deps.site.uplinks]
            ),
            problems=self.problems(),
        )

    def problems(self) -> tuple[ProblemView, ...]:
        """Why the gateway is not well."""
        return tuple(
            ProblemView(code=problem.code, message=problem.message)
            for problem in self._deps.health.problems()
        )

    async def _uplink(self, name: str, link: LinkState | None) -> UplinkStatus:
        return UplinkStatus(
            name=name,
            connected=link.connected if link else None,
            since=link.since if link else None,
            reason=link.reason if link else "",
            backlog=await self._backlog(name),
        )

    async def _backlog(self, name: str) -> BacklogView | None:
        try:
            async with asyncio.timeout(_BACKLOG_LIMIT_S):
                backlog = await self._journal.backlog(name)
        except (TimeoutError, JournalUnwritable):  # shown as unknown; the journal tells of its disk by itself
            return None
        return BacklogView(rows=backlog.rows, oldest=backlog.oldest)


def zone_view(zone: Zone | None) -> ZoneView | None:
    """A zone as guards are told of it."""
    if zone is None:
        return None
    return ZoneView(
        id=zone.id, name=zone.name, place=zone.place, responsible=zone.responsible, phone=zone.phone
    )

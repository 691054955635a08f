"""From zones and bypasses to the console's answers."""

from gateway.console.models import PersonView, ZoneView
from gateway.console.models_arming import ActivePointView, BypassView, ZoneArmingView
from gateway.console.views import ConsoleDeps
from gateway.model import Bypass, Zone
from gateway.policy.arming import BY_ZONE
from gateway.policy.schedule import Timetable


class ArmingRenderer:
    """Builds answers from the journal's views in memory."""

    def __init__(self, deps: ConsoleDeps) -> None:
        self._site = deps.site
        self._clock = deps.clock
        self._journal = deps.journal
        self._directory = deps.journal.directory
        self._timetables = {
            entry.id: Timetable(entry.schedule)
            for entry in deps.site.zone_entries
            if entry.schedule is not None
        }
        self._watched = {
            point.zone for device in deps.site.devices for point in device.points if point.kind in BY_ZONE
        }

    def zones(self) -> tuple[ZoneArmingView, ...]:
        """All zones, in the order of the site file."""
        return tuple(self.zone(zone) for zone in self._site.zones)

    def zone(self, zone: Zone) -> ZoneArmingView:
        """How a zone is armed just now."""
        arming = self._journal.armings.get(zone.id)
        entry = self._directory.zone_entry(zone.id)
        timetable = self._timetables.get(zone.id)
        return ZoneArmingView(
            zone=ZoneView(
                id=zone.id, name=zone.name, place=zone.place, responsible=zone.responsible, phone=zone.phone
            ),
            watched=zone.id in self._watched,
            armed=arming is None or arming.armed,
            since=arming.since if arming else None,
            by=self._person(arming.by) if arming else None,
            exit_s=entry.exit_s,
            entry_s=entry.entry_s,
            exit_until=arming.exit_until if arming else None,
            entry_until=arming.entry_until if arming else None,
            scheduled=timetable is not None,
            changes_at=timetable.at(self._clock.now()).until if timetable else None,
            active=tuple(
                ActivePointView(id=point, name=name, kind=kind)
                for point, name, kind in self._journal.active_points(zone.id)
            ),
        )

    def bypasses(self) -> tuple[BypassView, ...]:
        """The bypasses that last."""
        return tuple(self.bypass(bypass) for bypass in self._journal.bypasses.values() if bypass.lasts)

    def bypass(self, bypass: Bypass) -> BypassView:
        """One bypass, which may have ended."""
        point = self._directory.point(bypass.point)
        return BypassView(
            point=bypass.point,
            name=point.name if point else bypass.point,
            kind=point.kind if point else None,
            zone=point.zone if point else None,
            lasts=bypass.lasts,
            since=bypass.since,
            until=bypass.until,
            by=self._person(bypass.by),
            reason=bypass.reason,
        )

    def _person(self, name: str) -> PersonView:
        account = self._journal.account(name)
        return PersonView(name=name, display=account.display if account else name)

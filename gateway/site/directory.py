"""Who and where: from a signal, device or camera to the source that an alarm about it names."""

from gateway.model import GATEWAY, Kind, Signal, Source, Zone
from gateway.policy.arming import Watch
from gateway.policy.severity import severity_of
from gateway.site.site import DeviceEntry, OutputEntry, PointEntry, Site, ZoneEntry

_CARRYING = {Kind.PANIC, Kind.DURESS, Kind.FIRE}

#: At an address that no point names: what a panel may never take back.
_NEVER_RETURNING = {*_CARRYING, Kind.UNPARSED}


class Directory:
    """Looks up what the site file says about points, devices and cameras."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._zones: dict[str, Zone] = {zone.id: zone for zone in site.zones}
        self._zone_entries: dict[str, ZoneEntry] = {entry.id: entry for entry in site.zone_entries}
        self._devices: dict[str, DeviceEntry] = {device.id: device for device in site.devices}
        self._points: dict[str, PointEntry] = {
            point.id: point for device in site.devices for point in device.points
        }
        self._outputs: dict[str, OutputEntry] = {output.id: output for output in site.outputs}

    def zone(self, zone: str | None) -> Zone | None:
        """The zone of that id, if the site file has it."""
        return self._zones.get(zone) if zone is not None else None

    def device(self, device: str) -> DeviceEntry | None:
        """The device of that id, if the site file has it."""
        return self._devices.get(device)

    def can_report(self, source: Source) -> bool:
        """Whether a point's alarm can still be taken back by who raised it.

        A device that is asked tells of the points that the site file names, and of each anew at a start, of a
        sensor out of range too. One that calls us tells of whatever it has, and only when it changes.
        """
        known = self._points.get(source.point or "")
        if known is not None and source.kind in {known.kind, Kind.FAULT}:
            return True
        device = self._devices.get(source.device or "")
        return device is not None and not device.reports_state

    def has_connection(self, subject: str) -> bool:
        """Whether the site file names this device or bus."""
        return any(subject in (device.id, device.connection) for device in self._devices.values())

    def has_output(self, output: str) -> bool:
        """Whether the site file has this sounder, strobe or relay."""
        return output in self._outputs

    def records(self, camera: str | None = None) -> bool:
        """Whether the site file has this camera recorded; None: any camera at all."""
        return any(known.settings.record and camera in (None, known.id) for known in self.site.cameras)

    def of_signal(self, signal: Signal) -> Source:
        """The source of a driver's signal; an address no point names is in its device's zone (CONTRACT)."""
        point = self._points.get(signal.point)
        device = self._devices.get(signal.device)
        if point is not None:
            zone = self.zone(point.zone)
            cameras = point.cameras
            name, returns = point.name or point.id, point.returns
        else:
            zone = self.zone(device.zone) if device else None
            cameras = zone.cameras if zone else ()
            name, returns = signal.point, signal.kind not in _NEVER_RETURNING
        return Source(
            subject=signal.point,
            point=signal.point,
            device=signal.device,
            kind=signal.kind,
            severity=severity_of(signal.kind),
            name=name,
            zone=zone,
            cameras=cameras,
            returns=returns,
        )

    def of_own(self, kind: Kind, subject: str = GATEWAY) -> Source:
        """The source of an alarm of the gateway's own about a device, bus, camera, point, output or itself."""
        part = self._points.get(subject) or self._outputs.get(subject)
        device = self._devices.get(part.device if part else subject)
        place = self._points[subject].zone if subject in self._points else device.zone if device else None
        return Source(
            subject=subject,
            point=None,
            device=device.id if device else None,
            kind=kind,
            severity=severity_of(kind, carries_life_safety=self._carries_life_safety(subject)),
            name=part.name if part else (device.name or device.id) if device else subject,
            zone=self.zone(place),
        )

    # ---- arming, bypass, tests

    def zone_entry(self, zone: str) -> ZoneEntry:
        """How a zone is armed. A zone that the site file does not have has no delay and no schedule."""
        return self._zone_entries.get(zone) or ZoneEntry(id=zone)

    def point(self, point: str) -> PointEntry | None:
        """The point of that id, if the site file has it."""
        return self._points.get(point)

    def kind_of(self, point: str) -> Kind | None:
        """What the site file says that the point watches for; None for an address that no point names."""
        known = self._points.get(point)
        return known.kind if known else None

    def device_of(self, point: str) -> str:
        """The device that a point is of, also where it is an address that no point names: `{device}:{address}`."""
        known = self._points.get(point)
        return known.device if known else point.partition(":")[0]

    def watch_of(self, signal: Signal, source: Source) -> Watch:
        """What the policy of arming must know of a signal's point and zone."""
        point = self._points.get(signal.point)
        zone = source.zone.id if source.zone else None
        tested = point is not None and point.test_days > 0 and point.kind is signal.kind
        return Watch(
            zone=zone,
            point_kind=point.kind if point else None,
            entry=point is not None and point.entry,
            entry_s=self.zone_entry(zone).entry_s if zone else 0,
            untested=self.of_own(Kind.POINT_UNTESTED, signal.point) if tested else None,
        )

    def tested_points(self) -> tuple[PointEntry, ...]:
        """The points that want a press now and then."""
        return tuple(point for point in self._points.values() if point.test_days > 0)

    def _carries_life_safety(self, subject: str) -> bool:
        """Whether a panic, duress or fire point hangs on this device or bus, or a panel, which may tell of one at any address."""
        return any(
            not device.reports_state or any(point.kind in _CARRYING for point in device.points)
            for device in self._devices.values()
            if subject in (device.id, device.connection)
        )

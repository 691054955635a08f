"""Who and where: from a signal, device or camera to the source that an alarm about it names."""

from gateway.model import GATEWAY, Kind, Signal, Source, Zone
from gateway.policy.severity import severity_of
from gateway.site.site import DeviceEntry, PointEntry, Site

_CARRYING = {Kind.PANIC, Kind.DURESS, Kind.FIRE}


class Directory:
    """Looks up what the site file says about points, devices and cameras."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self._zones: dict[str, Zone] = {zone.id: zone for zone in site.zones}
        self._devices: dict[str, DeviceEntry] = {device.id: device for device in site.devices}
        self._points: dict[str, PointEntry] = {
            point.id: point for device in site.devices for point in device.points
        }

    def zone(self, zone: str | None) -> Zone | None:
        """The zone of that id, if the site file has it."""
        return self._zones.get(zone) if zone is not None else None

    def device(self, device: str) -> DeviceEntry | None:
        """The device of that id, if the site file has it."""
        return self._devices.get(device)

    def has_point(self, point: str, kind: Kind) -> bool:
        """Whether the site file names this point, as one of this kind."""
        known = self._points.get(point)
        return known is not None and known.kind is kind

    def has_connection(self, subject: str) -> bool:
        """Whether the site file names this device or bus."""
        return any(subject in (device.id, device.connection) for device in self._devices.values())

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
            name, returns = signal.point, signal.kind not in _CARRYING
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
        """The source of an alarm of the gateway's own about a device, bus, camera or itself."""
        device = self._devices.get(subject)
        return Source(
            subject=subject,
            point=None,
            device=device.id if device else None,
            kind=kind,
            severity=severity_of(kind, carries_life_safety=self._carries_life_safety(subject)),
            name=(device.name or device.id) if device else subject,
            zone=self.zone(device.zone) if device else None,
        )

    def _carries_life_safety(self, subject: str) -> bool:
        """Whether a panic, duress or fire point hangs on this device or bus."""
        return any(
            point.kind in _CARRYING
            for device in self._devices.values()
            if subject in (device.id, device.connection)
            for point in device.points
        )

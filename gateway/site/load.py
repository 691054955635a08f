"""Reads a site file into a `Site`: every problem found, each with its table and key and what would be right."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from string import Formatter
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from gateway.driver import DriverSpec
from gateway.errors import SiteFileError
from gateway.model import Kind, Zone
from gateway.policy.arming import BY_ZONE
from gateway.site.connections import BARE_CAMERA, Connections, is_camera, returns
from gateway.site.footage import CameraSettings
from gateway.site.models import DeviceSettings, PointSettings, SiteFile, ZoneSettings
from gateway.site.read import read
from gateway.site.schedules import Schedules
from gateway.site.site import Camera, DeviceEntry, OutputEntry, PointEntry, Site

#: A button that nobody has pressed for so many days may not work any more (DESIGN "Cut wires").
USUAL_TEST_DAYS = 30


def load_site(path: Path, drivers: Mapping[str, DriverSpec]) -> Site:
    """Read and check the whole file (4 MiB at most). No I/O but reading that file, and profiles that it names.

    Raises SiteFileError with every problem found, each as "table.key: what is wrong; what would be right".
    """
    return _Loader(path, drivers).load(read(path))


class _Loader:
    """Resolves references and the drivers' own keys, collecting problems instead of stopping at the first."""

    def __init__(self, path: Path, drivers: Mapping[str, DriverSpec]) -> None:
        self._path = path
        self._drivers = drivers
        self._problems: list[str] = []
        self._connections = Connections(path, drivers, self._problems)
        self._schedules = Schedules(self._problems)

    def load(self, file: SiteFile) -> Site:
        self._check_references(file)
        connections = self._connections.of(file)
        site = Site(
            path=self._path,
            site=file.site,
            zones=tuple(_zone(zone) for zone in file.zone),
            zone_entries=tuple(self._schedules.of(file)),
            devices=tuple(self._entry(file, device) for device in file.device),
            connections=tuple(connections),
            cameras=tuple(self._cameras(file)),
            uplinks=file.uplink,
            journal=file.journal,
            recording=file.recording,
            retention=file.retention,
            evidence=file.evidence,
            picture=file.picture,
            console=file.console,
            metrics=file.metrics,
            escalation=file.escalation,
        )
        if self._problems:
            raise SiteFileError(str(self._path), self._problems)
        return site

    def _check_references(self, file: SiteFile) -> None:
        try:
            ZoneInfo(file.site.timezone)
        except (ZoneInfoNotFoundError, ValueError):
            self._problem(
                "site.timezone", f"unknown time zone {file.site.timezone!r}; for example Asia/Shanghai"
            )
        self._unique((f"zone[{n}].id", zone.id) for n, zone in enumerate(file.zone, 1))
        self._unique(_subjects(file))
        self._unique((f"uplink[{n}].name", uplink.name) for n, uplink in enumerate(file.uplink, 1))
        zones = {zone.id for zone in file.zone}
        cameras = {device.id for device in file.device if is_camera(device.driver, self._drivers)}
        for index, zone in enumerate(file.zone, 1):
            self._known(f"zone[{index}].cameras", "camera", zone.cameras, cameras)
        for index, device in enumerate(file.device, 1):
            self._known(f"device[{index}].zone", "zone", (device.zone,), zones)
            for number, point in enumerate(device.point, 1):
                where = f"device[{index}].point[{number}]"
                self._known(f"{where}.zone", "zone", (point.zone,) if point.zone else (), zones)
                self._known(f"{where}.cameras", "camera", point.cameras or (), cameras)
                if point.entry and point.kind not in BY_ZONE:
                    self._problem(
                        f"{where}.entry",
                        f"only an intrusion or door point is on the way in; this one is of kind {point.kind.value}, "
                        "which alarms at once; remove it",
                    )
            for number, output in enumerate(device.output, 1):
                self._known(f"device[{index}].output[{number}].zones", "zone", output.zones, zones)
        self._check_uplinks(file)
        listeners = [(table.host, table.port) for table in (file.console, file.metrics)]
        if file.metrics.port and listeners[0] == listeners[1]:
            self._problem("metrics.port", f"is the console's port too ({file.metrics.port}); choose another")

    def _check_uplinks(self, file: SiteFile) -> None:
        taken: dict[tuple[str, int, str], int] = {}
        for index, uplink in enumerate(file.uplink, 1):
            where = f"uplink[{index}].root"
            if not _is_root(uplink.root):
                self._problem(where, "only {county} and {site} can stand in braces")
                continue
            for broker in uplink.broker:
                other = taken.setdefault((broker.host, broker.port, uplink.root), index)
                if other != index:
                    self._problem(
                        where,
                        f"uplink[{other}] has this root on {broker.host}:{broker.port} too, "
                        "and their `state` would overwrite each other; give each its own root",
                    )

    def _cameras(self, file: SiteFile) -> Iterator[Camera]:
        for index, device in enumerate(file.device, 1):
            if not is_camera(device.driver, self._drivers):
                continue
            where = f"device[{index}]"
            bare = device.driver == BARE_CAMERA
            if bare:
                self._check_bare(where, device)
            keys = device.model_extra or {}
            if not bare:  # what is left is its driver's
                keys = {key: keys[key] for key in keys if key in CameraSettings.model_fields}
            settings = self._connections.validate(CameraSettings, keys, where, DeviceSettings)
            if settings is not None:
                yield Camera(
                    id=device.id,
                    name=device.name or device.id,
                    zone=device.zone,
                    settings=settings,
                    driven=not bare,
                )

    def _check_bare(self, where: str, device: DeviceSettings) -> None:
        """A stream's address is all that there is of it."""
        if device.point:
            self._problem(f"{where}.point", f"driver {BARE_CAMERA!r} has no inputs; remove its points")
        if device.output:
            self._problem(f"{where}.output", f"driver {BARE_CAMERA!r} has no outputs; remove them")
        if "url" not in (device.model_extra or {}):
            self._problem(f"{where}.url", "is missing; add it")

    def _entry(self, file: SiteFile, device: DeviceSettings) -> DeviceEntry:
        driver = device.driver or next((bus.driver for bus in file.bus if bus.id == device.bus), "")
        spec = self._drivers.get(driver)
        zone_cameras = {zone.id: zone.cameras for zone in file.zone}

        def point_entry(point: PointSettings) -> PointEntry:
            zone = point.zone or device.zone
            cameras = point.cameras if point.cameras is not None else zone_cameras.get(zone, ())
            usual = USUAL_TEST_DAYS if point.kind in {Kind.PANIC, Kind.DURESS} else 0
            return PointEntry(
                id=point.id,
                device=device.id,
                name=point.name or point.id,
                kind=point.kind,
                zone=zone,
                cameras=cameras,
                returns=returns(point, spec),
                test_days=usual if point.test_days is None else point.test_days,
                entry=point.entry,
            )

        return DeviceEntry(
            id=device.id,
            name=device.name or device.id,
            zone=device.zone,
            connection=device.bus or device.id,
            points=tuple(point_entry(point) for point in device.point),
            outputs=tuple(
                OutputEntry(id=output.id, device=device.id, name=output.name or output.id, settings=output)
                for output in device.output
            ),
            is_camera=is_camera(device.driver, self._drivers),
            reports_state=spec is None or spec.reports_state,
            commands=spec.commands if spec else frozenset(),
        )

    def _unique(self, named: Iterable[tuple[str, str]]) -> None:
        places: dict[str, list[str]] = {}
        for where, name in named:
            places.setdefault(name, []).append(where)
        for name, found in places.items():
            if len(found) > 1:
                self._problem(", ".join(found), f"{name!r} is used {len(found)} times; every id is used once")

    def _known(self, where: str, what: str, names: tuple[str, ...], known: set[str]) -> None:
        for name in names:
            if name not in known:
                self._problem(where, f"there is no {what} {name!r}; {_choices(what + 's', known)}")

    def _problem(self, where: str, what: str) -> None:
        self._problems.append(f"{where}: {what}")


def _choices(what: str, names: Mapping[str, object] | set[str]) -> str:
    return f"{what} in this file: {', '.join(sorted(names))}" if names else f"this file has no {what}"


def _subjects(file: SiteFile) -> Iterator[tuple[str, str]]:
    """Where each id stands that an alarm or event may be about: its subject must say which it is."""
    yield from ((f"bus[{n}].id", bus.id) for n, bus in enumerate(file.bus, 1))
    for n, device in enumerate(file.device, 1):
        yield f"device[{n}].id", device.id
        yield from ((f"device[{n}].point[{i}].id", point.id) for i, point in enumerate(device.point, 1))
        yield from ((f"device[{n}].output[{i}].id", output.id) for i, output in enumerate(device.output, 1))


def _zone(zone: ZoneSettings) -> Zone:
    return Zone(
        id=zone.id,
        name=zone.name,
        place=zone.place,
        responsible=zone.responsible,
        phone=zone.phone,
        cameras=zone.cameras,
    )


def _is_root(root: str) -> bool:
    """Whether nothing but the two placeholders stands in braces."""
    try:
        fields = [(name, spec, conversion) for _, name, spec, conversion in Formatter().parse(root)]
    except ValueError:
        return False
    return all(field in {(None, None, None), ("county", "", None), ("site", "", None)} for field in fields)

"""Reads a site file into a `Site`: every problem found, each with its table and key and what would be right."""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from string import Formatter
from typing import TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ValidationError

from gateway.driver import ConnectedDevice, ConnectedPoint, Connection, DriverSpec
from gateway.errors import SiteFileError
from gateway.model import Zone
from gateway.site.models import BusSettings, CameraSettings, DeviceSettings, PointSettings, SiteFile
from gateway.site.read import read, validated
from gateway.site.site import Camera, DeviceEntry, PointEntry, Site
from gateway.site.words import problems_of

#: Devices with these drivers are cameras: the recorder serves them, not the supervisor of alarm devices.
CAMERA_DRIVERS = frozenset({"rtsp"})

M = TypeVar("M", bound=BaseModel)


def load_site(path: Path, drivers: Mapping[str, DriverSpec]) -> Site:
    """Read and check the whole file (4 MiB at most). No I/O but reading that file.

    Raises SiteFileError with every problem found, each as "table.key: what is wrong; what would be right".
    """
    return _Loader(path, drivers).load(read(path))


class _Loader:
    """Resolves references and the drivers' own keys, collecting problems instead of stopping at the first."""

    def __init__(self, path: Path, drivers: Mapping[str, DriverSpec]) -> None:
        self._path = path
        self._drivers = drivers
        self._problems: list[str] = []

    def load(self, file: SiteFile) -> Site:
        self._check_references(file)
        connections = self._connections(file)
        site = Site(
            path=self._path,
            site=file.site,
            zones=tuple(Zone(**zone.model_dump()) for zone in file.zone),
            devices=tuple(self._entry(file, device) for device in file.device),
            connections=tuple(connections),
            cameras=tuple(self._cameras(file)),
            uplinks=file.uplink,
            journal=file.journal,
            recording=file.recording,
            retention=file.retention,
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
        cameras = {device.id for device in file.device if device.driver in CAMERA_DRIVERS}
        for index, zone in enumerate(file.zone, 1):
            self._known(f"zone[{index}].cameras", "camera", zone.cameras, cameras)
        for index, device in enumerate(file.device, 1):
            self._known(f"device[{index}].zone", "zone", (device.zone,), zones)
            for number, point in enumerate(device.point, 1):
                where = f"device[{index}].point[{number}]"
                self._known(f"{where}.zone", "zone", (point.zone,) if point.zone else (), zones)
                self._known(f"{where}.cameras", "camera", point.cameras or (), cameras)
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

    def _connections(self, file: SiteFile) -> Iterator[Connection[BaseModel, BaseModel, BaseModel]]:
        buses = {bus.id: bus for bus in file.bus}
        for index, bus in enumerate(file.bus, 1):
            members = [(n, device) for n, device in enumerate(file.device, 1) if device.bus == bus.id]
            if not members:
                self._problem(
                    f"bus[{index}]", f"no device is on bus {bus.id!r}; remove it or name it in a [[device]]"
                )
            yield from self._connection(f"bus[{index}]", bus, members, shared=True)
        for index, device in enumerate(file.device, 1):
            where = f"device[{index}]"
            if (device.bus is None) == (device.driver is None):
                both = "both are there" if device.bus is not None else "neither is there"
                self._problem(
                    where, f"needs either `bus` (with its address there) or a `driver` of its own; {both}"
                )
            elif device.bus is not None and device.bus not in buses:
                self._problem(
                    f"{where}.bus", f"there is no [[bus]] {device.bus!r}; {_choices('buses', buses)}"
                )
            elif device.driver is not None and device.driver not in CAMERA_DRIVERS:
                yield from self._connection(where, device, [(index, device)], shared=False)

    def _connection(
        self,
        where: str,
        head: BusSettings | DeviceSettings,
        members: list[tuple[int, DeviceSettings]],
        *,
        shared: bool,
    ) -> Iterator[Connection[BaseModel, BaseModel, BaseModel]]:
        name = head.driver or ""
        spec = self._drivers.get(name)
        if spec is None:
            known = sorted({*self._drivers, *(() if shared else CAMERA_DRIVERS)})
            what = " for a bus" if shared else ""
            self._problem(
                f"{where}.driver", f"there is no driver {name!r}{what}; there are: {', '.join(known)}"
            )
            return
        known_problems = len(self._problems)
        own = dict(head.model_extra or {})
        bus_keys = own if shared else {k: own.pop(k) for k in list(own) if k in spec.bus.model_fields}
        own_keys = (BusSettings,) if shared else (spec.device, DeviceSettings)
        settings = self._validate(spec.bus, bus_keys, where, *own_keys)
        devices: list[ConnectedDevice[BaseModel, BaseModel]] = []
        for number, device in members:
            place = f"device[{number}]"
            keys = device.model_extra or {} if shared else own
            also = (DeviceSettings,) if shared else (spec.bus, DeviceSettings)
            device_settings = self._validate(spec.device, keys, place, *also)
            points = [
                (
                    point,
                    self._validate(spec.point, point.model_extra or {}, f"{place}.point[{i}]", PointSettings),
                )
                for i, point in enumerate(device.point, 1)
            ]
            if device_settings is not None:
                devices.append(
                    ConnectedDevice(
                        id=device.id,
                        settings=device_settings,
                        points=tuple(
                            ConnectedPoint(id=point.id, kind=point.kind, returns=point.returns, settings=keys)
                            for point, keys in points
                            if keys is not None
                        ),
                    )
                )
        if settings is not None:
            connection = Connection(
                id=head.id, driver=name, shared=shared, settings=settings, devices=tuple(devices)
            )
            if len(self._problems) == known_problems:  # else it is not all there
                for problem in spec.problems(connection):
                    self._problem(where, problem)
            yield connection

    def _cameras(self, file: SiteFile) -> Iterator[Camera]:
        for index, device in enumerate(file.device, 1):
            if device.driver not in CAMERA_DRIVERS:
                continue
            if device.point:
                self._problem(
                    f"device[{index}].point", f"driver {device.driver!r} has no inputs; remove its points"
                )
            keys = device.model_extra or {}
            settings = self._validate(CameraSettings, keys, f"device[{index}]", DeviceSettings)
            if settings is not None:
                yield Camera(id=device.id, name=device.name or device.id, zone=device.zone, settings=settings)

    def _entry(self, file: SiteFile, device: DeviceSettings) -> DeviceEntry:
        zone_cameras = {zone.id: zone.cameras for zone in file.zone}

        def entry(point: PointSettings) -> PointEntry:
            zone = point.zone or device.zone
            cameras = point.cameras if point.cameras is not None else zone_cameras.get(zone, ())
            return PointEntry(
                id=point.id,
                device=device.id,
                name=point.name or point.id,
                kind=point.kind,
                zone=zone,
                cameras=cameras,
                returns=point.returns,
            )

        return DeviceEntry(
            id=device.id,
            name=device.name or device.id,
            zone=device.zone,
            connection=device.bus or device.id,
            points=tuple(entry(point) for point in device.point),
            is_camera=device.driver in CAMERA_DRIVERS,
        )

    def _validate(
        self, model: type[M], keys: Mapping[str, object], where: str, *also: type[BaseModel]
    ) -> M | None:
        """The driver's own keys of a table in which those of `also` may stand too."""
        try:
            return validated(model, keys)
        except ValidationError as error:
            self._problems.extend(problems_of(error, where, model, *also))
            return None

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


def _is_root(root: str) -> bool:
    """Whether nothing but the two placeholders stands in braces."""
    try:
        fields = [(name, spec, conversion) for _, name, spec, conversion in Formatter().parse(root)]
    except ValueError:
        return False
    return all(field in {(None, None, None), ("county", "", None), ("site", "", None)} for field in fields)

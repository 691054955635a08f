"""Reads a site file into a `Site`: every problem found, each with its table and key and what would be right."""

import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel, ValidationError

from gateway.driver import ConnectedDevice, ConnectedPoint, Connection, DriverSpec
from gateway.errors import SiteFileError
from gateway.model import Zone
from gateway.site.models import BusSettings, CameraSettings, DeviceSettings, PointSettings, SiteFile
from gateway.site.site import Camera, DeviceEntry, PointEntry, Site

#: Devices with these drivers are cameras: the recorder serves them, not the supervisor of alarm devices.
CAMERA_DRIVERS = frozenset({"rtsp"})

M = TypeVar("M", bound=BaseModel)

_MAX_BYTES = 4 * 1024 * 1024


def load_site(path: Path, drivers: Mapping[str, DriverSpec]) -> Site:
    """Read and check the whole file (4 MiB at most). No I/O but reading that file.

    Raises SiteFileError with every problem found, each as "table.key: what is wrong; what would be right".
    """
    return _Loader(path, drivers).load(_parse(path))


def _parse(path: Path) -> SiteFile:
    try:
        if path.stat().st_size > _MAX_BYTES:
            raise SiteFileError(str(path), [f"is larger than {_MAX_BYTES} bytes; is it a site file?"])
        return SiteFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise SiteFileError(str(path), [f"can't be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise SiteFileError(str(path), [f"is not UTF-8 at byte {error.start}; save it as UTF-8"]) from error
    except tomllib.TOMLDecodeError as error:
        raise SiteFileError(str(path), [f"is not valid TOML: {error}"]) from error
    except ValidationError as error:
        raise SiteFileError(str(path), list(_problems(error, "", SiteFile))) from error


def _problems(error: ValidationError, prefix: str, model: type[BaseModel]) -> Iterator[str]:
    for item in error.errors():
        where = prefix
        for part in item["loc"]:
            where += f"[{part + 1}]" if isinstance(part, int) else f"{'.' if where else ''}{part}"
        if item["type"] == "extra_forbidden":
            yield f"{where}: unknown key; {_known_keys(model, item['loc'])}"
        elif item["type"] == "missing":
            yield f"{where}: is missing; add it"
        else:
            yield f"{where}: {item['msg'].removeprefix('Value error, ')} (it is {item['input']!r})"


def _known_keys(model: type[BaseModel], loc: tuple[int | str, ...]) -> str:
    """The keys that the table of an unknown key does have."""
    table: type[BaseModel] = model
    for part in loc[:-1]:
        if isinstance(part, str) and part in table.model_fields:
            found = list(_models_in(table.model_fields[part].annotation))
            if found:
                table = found[0]
    return f"known here: {', '.join(sorted(table.model_fields))}"


def _models_in(annotation: object) -> Iterator[type[BaseModel]]:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in getattr(annotation, "__args__", ()):
        yield from _models_in(inner)


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
        self._unique("zone", [zone.id for zone in file.zone])
        self._unique("bus or device", [*(bus.id for bus in file.bus), *(device.id for device in file.device)])
        self._unique("point", [point.id for device in file.device for point in device.point])
        self._unique("uplink", [uplink.name for uplink in file.uplink])
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
        for index, uplink in enumerate(file.uplink, 1):
            try:
                uplink.root.format(county="000000", site="x")
            except (KeyError, ValueError, IndexError):
                self._problem(f"uplink[{index}].root", "only {county} and {site} can stand in braces")

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
                self._problem(
                    where, "needs either `bus` (with its address there) or a `driver` of its own, not both"
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
            known = {*self._drivers, *(() if shared else CAMERA_DRIVERS)}
            self._problem(f"{where}.driver", f"there is no driver {name!r}; {_choices('drivers', known)}")
            return
        known_problems = len(self._problems)
        own = dict(head.model_extra or {})
        bus_keys = own if shared else {k: own.pop(k) for k in list(own) if k in spec.bus.model_fields}
        settings = self._validate(spec.bus, bus_keys, where)
        devices: list[ConnectedDevice[BaseModel, BaseModel]] = []
        for number, device in members:
            place = f"device[{number}]"
            keys = device.model_extra or {} if shared else own
            device_settings = self._validate(spec.device, keys, place)
            points = [
                (point, self._validate(spec.point, point.model_extra or {}, f"{place}.point[{i}]"))
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
            settings = self._validate(CameraSettings, device.model_extra or {}, f"device[{index}]")
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

    def _validate(self, model: type[M], keys: Mapping[str, object], where: str) -> M | None:
        try:
            return model.model_validate(dict(keys))
        except ValidationError as error:
            self._problems.extend(_problems(error, where, model))
            return None

    def _unique(self, what: str, names: list[str]) -> None:
        for name in sorted({name for name in names if names.count(name) > 1}):
            self._problem(what, f"the id {name!r} is used {names.count(name)} times; every id is used once")

    def _known(self, where: str, what: str, names: tuple[str, ...], known: set[str]) -> None:
        for name in names:
            if name not in known:
                self._problem(where, f"there is no {what} {name!r}; {_choices(what + 's', known)}")

    def _problem(self, where: str, what: str) -> None:
        self._problems.append(f"{where}: {what}")


def _choices(what: str, names: Mapping[str, object] | set[str]) -> str:
    return f"{what} in this file: {', '.join(sorted(names))}" if names else f"this file has no {what}"

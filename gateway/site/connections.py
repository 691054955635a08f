"""From the tables of buses and devices to connections: each driver's own keys checked by its own models."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from gateway.driver import ConnectedDevice, ConnectedOutput, ConnectedPoint, Connection, DriverSpec
from gateway.model import Kind
from gateway.site.footage import CameraSettings
from gateway.site.models import BusSettings, DeviceSettings, OutputSettings, PointSettings, SiteFile
from gateway.site.read import validated
from gateway.site.secrets import read_secret
from gateway.site.tables import Login
from gateway.site.words import problems_of

#: The driver of a camera that is a stream's address and nothing more: the recorder alone serves it.
BARE_CAMERA = "rtsp"

#: What a camera's table has for its driver and for recording: user and password.
_BOTH = frozenset(Login.model_fields)

#: A panel that calls us hardly ever takes such an alarm back (I5).
_NEVER_RETURNING = frozenset({Kind.PANIC, Kind.DURESS})

AnyConnection = Connection[BaseModel, BaseModel, BaseModel]
AnyDevice = ConnectedDevice[BaseModel, BaseModel]
M = TypeVar("M", bound=BaseModel)


def is_camera(driver: str | None, drivers: Mapping[str, DriverSpec]) -> bool:
    """Whether a device with this driver is a camera."""
    spec = drivers.get(driver or "")
    return driver == BARE_CAMERA or (spec is not None and spec.films)


def returns(point: PointSettings, spec: DriverSpec | None) -> bool:
    """Whether a point reports its return to normal: what the file says, else what is usual for its driver."""
    if point.returns is not None:
        return point.returns
    return spec is None or spec.reports_state or point.kind not in _NEVER_RETURNING


@dataclass(frozen=True, slots=True)
class Connections:
    """Makes the connections of a site file. What is wrong goes into `problems`, which the caller owns."""

    path: Path
    drivers: Mapping[str, DriverSpec]
    problems: list[str]

    def of(self, file: SiteFile) -> Iterator[AnyConnection]:
        """Every bus with its devices, and every device with a connection of its own."""
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
                known = (
                    f"buses in this file: {', '.join(sorted(buses))}" if buses else "this file has no buses"
                )
                self._problem(f"{where}.bus", f"there is no [[bus]] {device.bus!r}; {known}")
            elif device.driver is not None and device.driver != BARE_CAMERA:
                yield from self._connection(where, device, [(index, device)], shared=False)

    def _connection(
        self,
        where: str,
        head: BusSettings | DeviceSettings,
        members: list[tuple[int, DeviceSettings]],
        *,
        shared: bool,
    ) -> Iterator[AnyConnection]:
        name = head.driver or ""
        spec = self.drivers.get(name)
        if spec is None:
            known = sorted({*self.drivers, *(() if shared else (BARE_CAMERA,))})
            what = " for a bus" if shared else ""
            self._problem(
                f"{where}.driver", f"there is no driver {name!r}{what}; there are: {', '.join(known)}"
            )
            return
        known_problems = len(self.problems)
        own = dict(head.model_extra or {})
        if spec.films:
            own = {key: own[key] for key in own if key not in CameraSettings.model_fields or key in _BOTH}
        bus_keys = own if shared else {k: own.pop(k) for k in list(own) if k in spec.bus.model_fields}
        own_keys: list[type[BaseModel]] = [BusSettings] if shared else [spec.device, *_of_a_device(spec)]
        settings = self.validate(spec.bus, bus_keys, where, *own_keys)
        devices = [
            self._device(
                spec, f"device[{n}]", device, device.model_extra or {} if shared else own, shared=shared
            )
            for n, device in members
        ]
        if settings is None:
            return
        connection = Connection(
            id=head.id,
            driver=name,
            shared=shared,
            settings=settings,
            devices=tuple(device for device in devices if device is not None),
            secret=partial(read_secret, self.path),
        )
        if len(self.problems) == known_problems:  # else it is not all there
            for problem in spec.problems(connection):
                self._problem(where, problem)
        yield connection

    def _device(
        self,
        spec: DriverSpec,
        place: str,
        device: DeviceSettings,
        keys: Mapping[str, object],
        *,
        shared: bool,
    ) -> AnyDevice | None:
        settings = self.validate(
            spec.device,
            keys,
            place,
            *([DeviceSettings] if shared else [spec.bus, *_of_a_device(spec)]),
        )
        points = [
            (
                point,
                self.validate(spec.point, point.model_extra or {}, f"{place}.point[{i}]", PointSettings),
            )
            for i, point in enumerate(device.point, 1)
        ]
        outputs = tuple(self._outputs(spec, place, device))
        if settings is None:
            return None
        return ConnectedDevice(
            id=device.id,
            settings=settings,
            points=tuple(
                ConnectedPoint(id=point.id, kind=point.kind, returns=returns(point, spec), settings=own)
                for point, own in points
                if own is not None
            ),
            outputs=outputs,
        )

    def _outputs(self, spec: DriverSpec, place: str, device: DeviceSettings) -> Iterator[ConnectedOutput]:
        for i, output in enumerate(device.output, 1):
            where = f"{place}.output[{i}]"
            if spec.output is None:
                self._problem(where, f"driver {spec.name!r} has no outputs; remove it")
                continue
            settings = self.validate(spec.output, output.model_extra or {}, where, OutputSettings)
            if settings is not None:
                yield ConnectedOutput(id=output.id, settings=settings)

    def validate(
        self, model: type[M], keys: Mapping[str, object], where: str, *also: type[BaseModel]
    ) -> M | None:
        """The driver's own keys of a table in which those of `also` may stand too."""
        try:
            return validated(model, keys)
        except ValidationError as error:
            self.problems.extend(problems_of(error, where, model, *also))
            return None

    def _problem(self, where: str, what: str) -> None:
        self.problems.append(f"{where}: {what}")


def _of_a_device(spec: DriverSpec) -> list[type[BaseModel]]:
    """Whose keys a device's table may have besides its driver's."""
    return [DeviceSettings, CameraSettings] if spec.films else [DeviceSettings]

"""From the keys of the site file and the profiles that they name to devices with nothing left open."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import cast

from pydantic import ValidationError

from drivers.modbus.settings.inputs import InputKeys, PointKeys
from drivers.modbus.settings.keys import BusKeys, DeviceKeys
from drivers.modbus.settings.outputs import OutputKeys, SwitchKeys
from drivers.modbus.settings.profile import MOST_CHARACTERS, Profile, parse_profile, shipped_profile, words_of
from gateway.driver import ConnectedDevice, ConnectedOutput, ConnectedPoint, Connection
from gateway.errors import GatewayError, SiteFileError
from gateway.model import Kind

#: Points on which a life may hang: read fast, and their return is believed only after a while.
VITAL = frozenset({Kind.PANIC, Kind.DURESS, Kind.FIRE})

#: How long a vital point must be at rest before its return is believed, in seconds, unless the site file says it.
VITAL_RETURN_S = 1.0

SiteConnection = Connection[BusKeys, DeviceKeys, PointKeys]
ModbusConnection = Connection[BusKeys, DeviceKeys, InputKeys]
ModbusDevice = ConnectedDevice[DeviceKeys, InputKeys]
ModbusPoint = ConnectedPoint[InputKeys]


class ProfileProblems(GatewayError):  # noqa: N818 - what it is, as in gateway.errors
    """What the site file takes from a profile is not there, or does not fit: a person must put it right."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("; ".join(problems))


@dataclass(frozen=True, slots=True)
class Resolved:
    """The connection with nothing left open, and the profile of each device that has one, by the device's id.

    The outputs' settings are `SwitchKeys`.
    """

    connection: ModbusConnection
    profiles: Mapping[str, Profile]


def resolve(connection: SiteConnection) -> Resolved:
    """Complete every key; blocks for the disk where a device has a `profile_file`. Raises ProfileProblems."""
    problems: list[str] = []
    profiles: dict[str, Profile] = {}
    devices = []
    for device in connection.devices:
        try:
            profile = _profile_of(connection, device.settings)
        except ValueError as error:
            problems.append(f"device {device.id!r}: {error}")
            continue
        if profile is not None:
            profiles[device.id] = profile
        devices.append(
            ConnectedDevice(
                id=device.id,
                settings=_device_keys(device.settings, profile),
                points=tuple(_points(device, profile, problems)),
                outputs=tuple(_outputs(device, profile, problems)),
            )
        )
    if problems:
        raise ProfileProblems(problems)
    whole = cast("ModbusConnection", replace(connection, devices=()))
    return Resolved(replace(whole, devices=tuple(devices)), profiles)


def _profile_of(connection: SiteConnection, keys: DeviceKeys) -> Profile | None:
    if keys.profile is not None:
        return shipped_profile(keys.profile)
    if keys.profile_file is None:
        return None
    try:
        text = connection.secret(
            Path(keys.profile_file)
        )  # no secret, but what reads files beside the site file
    except SiteFileError as error:
        raise ValueError(
            f"profile_file {keys.profile_file!r} can't be read; put it beside the site file, as text of at most "
            f"{MOST_CHARACTERS} characters, and let the gateway's user read it"
        ) from error
    try:
        return parse_profile(text)
    except ValueError as error:
        raise ValueError(f"profile_file {keys.profile_file!r}: {error}") from error


def _device_keys(keys: DeviceKeys, profile: Profile | None) -> DeviceKeys:
    defaults = {} if profile is None else profile.device.given()
    return DeviceKeys.model_validate({**defaults, **keys.given()})


def _points(
    device: ConnectedDevice[DeviceKeys, PointKeys], profile: Profile | None, problems: list[str]
) -> Iterator[ModbusPoint]:
    inputs = {} if profile is None else profile.inputs()
    for point in device.points:
        where = f"point {point.id!r}"
        own = point.settings.given()
        name = own.pop("input", None)
        if name is not None and name not in inputs:
            problems.append(f"{where}: {_not_there('input', name, list(inputs), profile)}")
            continue
        values = own if name is None else {**inputs[str(name)].given(), **own}
        vital = point.kind in VITAL
        if values.get("speed") is None:
            values["speed"] = "fast" if vital else "slow"
        if values.get("return_after_s") is None:
            values["return_after_s"] = VITAL_RETURN_S if vital else 0.0
        try:
            keys = InputKeys.model_validate(values)
        except ValidationError as error:
            problems.extend(f"{where}: {words}" for words in words_of(error))
            continue
        yield ConnectedPoint(id=point.id, kind=point.kind, returns=point.returns, settings=keys)


def _outputs(
    device: ConnectedDevice[DeviceKeys, PointKeys], profile: Profile | None, problems: list[str]
) -> Iterator[ConnectedOutput]:
    outputs = {} if profile is None else profile.outputs()
    for output in device.outputs:
        where = f"output {output.id!r}"
        own = cast("OutputKeys", output.settings).given()
        name = own.pop("output", None)
        if name is not None and name not in outputs:
            problems.append(f"{where}: {_not_there('output', name, list(outputs), profile)}")
            continue
        try:
            keys = SwitchKeys.model_validate(own if name is None else {**outputs[str(name)].given(), **own})
        except ValidationError as error:
            problems.extend(f"{where}: {words}" for words in words_of(error))
            continue
        yield ConnectedOutput(id=output.id, settings=keys)


def _not_there(what: str, name: object, names: list[str], profile: Profile | None) -> str:
    if profile is None:
        return f"{what} {name!r} needs a `profile` or `profile_file` in its [[device]]"
    return f"there is no {what} {name!r} in {profile.name}; there are: {', '.join(names) or 'none'}"

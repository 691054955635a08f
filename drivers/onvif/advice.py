"""Pure: what `check` says about a camera: contradictions, how soon it is heard, and what nothing watches."""

from collections import Counter
from collections.abc import Iterator
from typing import cast

from drivers.onvif.settings import OutputKeys, SiteConnection
from gateway.model import Kind

_VITAL = frozenset({Kind.PANIC, Kind.DURESS, Kind.FIRE})


def problems(connection: SiteConnection) -> list[str]:
    """Errors of the site file."""
    if connection.shared or len(connection.devices) != 1:
        return [
            "a camera has a connection of its own: write `driver` and `host` into its [[device]], not into a [[bus]]"
        ]
    (device,) = connection.devices
    names = [point.settings.input or point.settings.event or "" for point in device.points]
    relays = [cast("OutputKeys", output.settings).relay for output in device.outputs]
    found = [
        f"device {device.id!r}: {count} points are {name!r}; one input or event is one point"
        for name, count in Counter(names).items()
        if count > 1
    ]
    found += [
        f"device {device.id!r}: {count} outputs are relay {name!r}"
        for name, count in Counter(relays).items()
        if count > 1
    ]
    return found


def advice(connection: SiteConnection) -> list[str]:
    """How soon the camera is heard and missed, and what a technician should weigh."""
    return list(_lines(connection))


def _lines(connection: SiteConnection) -> Iterator[str]:
    keys, name = connection.settings, connection.id
    yield (
        f"{name}: a press is heard at once; the loss of the camera within {keys.pull_s + keys.call_timeout_s:g} s; "
        f"a clock that is off by more than {keys.clock_limit_s:g} s is a fault"
    )
    if not keys.username:
        yield f"{name}: no `username`: most cameras tell nothing without one"
    elif keys.password_file is None:
        yield f"{name}: no `password_file`: user {keys.username!r} is tried with an empty password"
    if keys.auth == "wss" and keys.password_file is not None:
        yield f'{name}: auth = "wss" alone: newer firmware takes HTTP Digest only; "auto" tries both'
    if keys.set_clock:
        yield f"{name}: set_clock: the gateway sets this camera's clock; take NTP out of the camera, or the two will fight"
    for point in connection.devices[0].points:
        if point.kind in _VITAL and point.settings.event is not None:
            yield f"{name}: {point.id} is a {point.kind.value} point by event {point.settings.event!r}: is it wired to an input?"
        elif point.kind in _VITAL and point.settings.active == "true":
            yield (
                f"{name}: {point.id}: its alarm is the logical state true (closed, in most cameras): with a normally "
                'open button a cut wire is silent; wire it normally closed and write active = "false"'
            )

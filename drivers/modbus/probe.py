"""Talks to each device of a connection once, and looks for those that are silent: at other speeds, at other numbers."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Literal

from drivers.modbus.codec import OUT_OF_RANGE, level_of, sensor_fault_of
from drivers.modbus.link import Link, NoAnswer, RequestRefused
from drivers.modbus.polling import in_words
from drivers.modbus.schedule import Request, requests_of
from drivers.modbus.settings import (
    BusKeys,
    ModbusConnection,
    ModbusDevice,
    ModbusPoint,
    Parity,
    Profile,
    ProfileProblems,
    SiteConnection,
    resolve,
)
from gateway.clock import Clock
from gateway.driver import PROBE_LIMIT_S, Finding
from gateway.errors import DeviceRefused, DeviceUnavailable
from gateway.model import Level

#: How long one answer is waited for at most, in seconds: in the plain questions, and in the search.
ASK_LIMIT_S = 2.0
SEARCH_LIMIT_S = 0.5

#: The search ends so long before the probe's own limit, in seconds.
_MARGIN_S = 5.0

#: A device is asked so often before it counts as silent.
_ATTEMPTS = 2

#: How lines are usually set, most usual first. What is not here is not searched: 2 stop bits without a reason, odd
#: parity above 9600, speeds that modules for such lines are not delivered with.
USUAL_LINES: tuple[tuple[int, Parity, Literal[1, 2]], ...] = (
    (9600, "N", 1), (9600, "E", 1), (4800, "N", 1), (19200, "N", 1), (19200, "E", 1), (38400, "N", 1),
    (115200, "N", 1), (9600, "N", 2), (9600, "O", 1), (2400, "N", 1), (57600, "N", 1),
)  # fmt: skip

#: Numbers that are tried where somebody is missing.
NUMBERS = range(1, 33)


@dataclass(frozen=True, slots=True)
class _Silent:
    """A device that does not answer, and why; `heard` if there were bytes that nobody can read."""

    device: ModbusDevice
    why: str
    heard: bool


class _Watch:
    """How much of the probe's time is left."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self._until = clock.monotonic() + PROBE_LIMIT_S - _MARGIN_S

    def is_over(self) -> bool:
        """Whether nothing new should be begun."""
        return self.clock.monotonic() >= self._until


async def probe(connection: SiteConnection, clock: Clock) -> AsyncIterator[Finding]:
    """What `campus-gateway probe` says of a connection, as it is found; `PROBE_LIMIT_S` at most. Raises nothing.

    Devices that answer are told with their points' present state; the silent ones after a search at the usual speeds of
    a serial line, and for numbers 1 to 32 that the site file does not know.
    """
    watch = _Watch(clock)
    try:
        resolved = resolve(connection)
    except ProfileProblems as error:
        for problem in error.problems:
            yield Finding(subject=connection.id, ok=False, text=problem)
        return
    whole = resolved.connection
    silent: list[_Silent] = []
    there: list[int] = []
    try:
        with _opened(whole.settings, clock, ASK_LIMIT_S) as link:
            await link.open()
            for device in whole.devices:
                if watch.is_over():
                    yield Finding(subject=device.id, ok=False, text="not asked: the probe's time is over")
                    continue
                found = await _look_at(link, device, watch)
                if isinstance(found, _Silent):
                    silent.append(found)
                else:
                    there.append(device.settings.slave)
                    yield found
        strangers = await _strangers(whole, silent, watch) if silent else []
        lines = await _other_lines(whole, [one.device for one in silent], resolved.profiles, watch)
    except (DeviceUnavailable, DeviceRefused) as error:
        yield Finding(subject=connection.id, ok=False, text=str(error))
        return
    for one in silent:
        yield _finding_of(one, whole.settings, lines.get(one.device.id), strangers, there)


@contextmanager
def _opened(bus: BusKeys, clock: Clock, limit_s: float) -> Iterator[Link]:
    """A link that is let go of whatever happens; it waits for an answer no longer than that."""
    timeout = min(bus.request_timeout_s, limit_s)
    link = Link(bus.model_copy(update={"timeout_s": timeout}), clock)
    try:
        yield link
    finally:
        link.close()


async def _look_at(link: Link, device: ModbusDevice, watch: _Watch) -> Finding | _Silent:
    begun = watch.clock.monotonic()
    said: list[str] = []
    refusals: list[str] = []
    for request in requests_of(device):
        if watch.is_over():
            refusals.append("was not asked for all: the probe's time is over")
            break
        try:
            said += await _asked(link, device, request)
        except NoAnswer as failure:
            return _Silent(device, str(failure), bool(failure.heard))
        except RequestRefused as refusal:
            refusals.append(str(refusal))
    what = f"address {device.settings.slave} answers"
    text = f"{what}: {', '.join(said)}" if said else what
    if refusals:
        text = f"{text}; but it {'; it '.join(refusals)}"
    return Finding(subject=device.id, ok=not refusals, text=text, took_s=watch.clock.monotonic() - begun)


async def _asked(link: Link, device: ModbusDevice, request: Request) -> list[str]:
    """What the points of a request say. A device that minds unused cells is asked without them."""
    slave = device.settings.slave
    try:
        cells = await _read(link, slave, request)
    except RequestRefused as refusal:
        if refusal.code not in OUT_OF_RANGE or not request.points:
            raise
        said = []
        for part in requests_of(device, bridge=False):
            if set(part.points) & set(request.points):
                said += _states(part, await _read(link, slave, part))
        return said
    return _states(request, cells)


async def _read(link: Link, slave: int, request: Request) -> Sequence[int]:
    for _ in range(_ATTEMPTS - 1):
        try:
            return await link.read(slave, request.block)
        except NoAnswer:
            continue
    return await link.read(slave, request.block)


def _states(request: Request, cells: Sequence[int]) -> list[str]:
    return [_state(point, cells[point.settings.address - request.block.address]) for point in request.points]


def _state(point: ModbusPoint, cell: int) -> str:
    keys = point.settings
    if fault := sensor_fault_of(keys, cell):
        return f"{point.id} {fault}"
    level = ""
    if keys.says_level:
        level = "in alarm" if level_of(keys, cell, None) is Level.ACTIVE else "at rest"
    return " ".join(filter(None, [point.id, in_words(point, cell), level]))


async def _strangers(connection: ModbusConnection, silent: Sequence[_Silent], watch: _Watch) -> list[int]:
    """Numbers that answer and that the site file does not have."""
    known = {device.settings.slave for device in connection.devices}
    request = requests_of(silent[0].device)[0]
    found = []
    with _opened(connection.settings, watch.clock, SEARCH_LIMIT_S) as link:
        await link.open()
        for number in NUMBERS:
            if watch.is_over():
                break
            if number not in known and await _answers(link, number, request):
                found.append(number)
    return found


async def _other_lines(
    connection: ModbusConnection,
    devices: Sequence[ModbusDevice],
    profiles: Mapping[str, Profile],
    watch: _Watch,
) -> dict[str, str]:
    """At which other settings of the line silent devices answer, by their ids."""
    found: dict[str, str] = {}
    bus = connection.settings
    if bus.serial is None:
        return found
    for line in _candidates(bus, devices, profiles):
        missing = [device for device in devices if device.id not in found]
        if not missing or watch.is_over():
            break
        with _opened(line, watch.clock, SEARCH_LIMIT_S) as link:
            try:
                await link.open()
            except DeviceRefused:  # the adapter has no such setting
                continue
            for device in missing:
                if not watch.is_over() and await _answers(
                    link, device.settings.slave, requests_of(device)[0]
                ):
                    found[device.id] = line.line_words
    return found


def _candidates(
    bus: BusKeys, devices: Sequence[ModbusDevice], profiles: Mapping[str, Profile]
) -> list[BusKeys]:
    """Settings worth a try, those first that the silent devices are delivered with."""
    delivered = [profile.serial for device in devices if (profile := profiles.get(device.id)) is not None]
    lines = [(one.baudrate, one.parity, one.stopbits) for one in delivered if one is not None]
    lines += [line for line in USUAL_LINES if line not in lines]
    own = (bus.baudrate, bus.parity, bus.stopbits)
    return [
        bus.model_copy(update={"baudrate": baudrate, "parity": parity, "stopbits": stopbits})
        for baudrate, parity, stopbits in dict.fromkeys(lines)
        if (baudrate, parity, stopbits) != own
    ]


async def _answers(link: Link, number: int, request: Request) -> bool:
    """Whether anybody is there: a refusal is an answer, too."""
    try:
        await link.read(number, request.block)
    except NoAnswer:
        return False
    except RequestRefused:
        return True
    return True


def _finding_of(
    silent: _Silent, bus: BusKeys, other_line: str | None, strangers: Sequence[int], there: Sequence[int]
) -> Finding:
    said = "is heard, but not understood," if silent.heard else "does not answer"
    words = [f"address {silent.device.settings.slave} {said} at {bus.line_words}"]
    if other_line is not None:
        words.append(f"it answers at {other_line}: set the device to the bus, or the bus to it")
    elif strangers:
        words.append(f"{_and(strangers)}: check `slave`")
    elif silent.heard:
        pass  # it has power and wires; what it says is the trouble
    elif there:
        words.append(f"{_and(there)}: check its power, its wires and its number")
    else:
        words.append("nobody else does: check the adapter, A and B, the power of the line, and its speed")
    if other_line is None:
        words.append(silent.why)
    return Finding(subject=silent.device.id, ok=False, text="; ".join(words))


def _and(numbers: Sequence[int]) -> str:
    """`5 answers`, `5 and 7 answer`."""
    *most, last = map(str, numbers)
    return f"{', '.join(most)} and {last} answer" if most else f"{last} answers"

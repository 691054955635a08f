"""Pure: how long requests take on a connection, and how long a panic point can wait for its read.

One request is under way at a time (`driver`), whose turn it is says `schedule.Turns`. A request takes its
characters on the wire (8 out, 5 and the data back, 8 back for the echo of a write), two silences, and the time that the
device needs to turn round. R is the round of all quick requests, L the longest of the others, reads and writes. A press
just after a read is seen by the next read of that input: that is due after `poll_ms`, waits for the one request that may
be under way (L), and for the other quick ones that are due before it (with its own: R). So it waits for
poll_ms + L + R at most; a line that is busy all the time makes it no longer, for then each round is R + L. When many
outputs are switched at once, as in an alarm, there is a write before each quick request until all are made: at most
as many more as there are outputs. A slow request that is due waits for one round and its like: S requests of them for
S * (R + L) at most. Gaps of single devices (`own_gap_s`) delay that device alone. Time-outs of silent devices come on
top, and so do the pauses that the computer makes.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from drivers.modbus.codec import Block
from drivers.modbus.schedule import COPY_S, Request, confusable, requests_of
from drivers.modbus.settings import BusKeys, ModbusConnection, ModbusDevice, SwitchKeys

_REQUEST_CHARACTERS = 8
_ANSWER_CHARACTERS = 5  # address, function, length, CRC; the data come on top
_ECHO_CHARACTERS = 8


@dataclass(frozen=True, slots=True, kw_only=True)
class BusTime:
    """What a connection's requests take, in seconds.

    `quick_s` is a round of the quick requests (R), `slow_s` all the slow ones together, `longest_s` the L of the model;
    `quick` and `slow` count the requests, `writes` what may be written, which takes `write_s` each.
    """

    quick_s: float
    slow_s: float
    longest_s: float
    write_s: float
    quick: int
    slow: int
    writes: int

    @property
    def scan_s(self) -> float:
        """Everything asked for once."""
        return self.quick_s + self.slow_s

    def wait_s(self, poll_s: float) -> float:
        """The longest that a quick point waits for its read which is asked for each `poll_s`."""
        return poll_s + self.longest_s + self.quick_s + self.burst_s

    @property
    def burst_s(self) -> float:
        """What all outputs, if they are switched at once, add to a round of the quick requests."""
        return min(self.writes, max(0, self.quick - 1)) * self.write_s

    @property
    def slow_wait_s(self) -> float:
        """The longest that a slow request waits once it is due."""
        return self.slow * (self.quick_s + self.longest_s)


def bus_time(connection: ModbusConnection, turnaround_s: float) -> BusTime:
    """How long a connection's requests take if each answer begins after `turnaround_s`."""
    requests = [request for device in connection.devices for request in requests_of(device)]

    def took(request: Request) -> float:
        return request_s(connection.settings, request.block) + turnaround_s

    quick = [took(request) for request in requests if request.fast]
    slow = [took(request) for request in requests if not request.fast]
    writes = [write_s(connection.settings) + turnaround_s for _ in _writes(connection)]
    return BusTime(
        quick_s=sum(quick),
        slow_s=sum(slow),
        longest_s=max([*slow, *writes], default=0.0),
        write_s=max(writes, default=0.0),
        quick=len(quick),
        slow=len(slow),
        writes=len(writes),
    )


def own_gap_s(bus: BusKeys, device: ModbusDevice) -> float:
    """How long a device's own gaps delay a quick point of it at most, in seconds: one for each of its quick requests.

    Where answers have no numbers, those that look alike are kept apart (`schedule.COPY_S`).
    """
    requests = requests_of(device)
    alike = confusable(requests) and not bus.has_transaction_ids
    gap_s = max(device.settings.gap_ms / 1000, COPY_S if alike else 0.0)
    return gap_s * sum(request.fast for request in requests)


def scan_s(connection: ModbusConnection, turnaround_s: float) -> float:
    """How long it takes to ask every device for everything once, in seconds, if each answer begins after `turnaround_s`.

    On a serial line: characters of 10 to 12 bits, as parity and stop bits make them, and the silence of 3.5
    characters before and after each answer, or `gap_ms` if that is longer. A network is taken to need no time.
    """
    return bus_time(connection, turnaround_s).scan_s


def request_s(bus: BusKeys, block: Block) -> float:
    """What a read takes of the line, in seconds, without the device's own time."""
    return _exchange_s(bus, read_characters(block))


def write_s(bus: BusKeys) -> float:
    """What a write takes of the line, in seconds, without the device's own time."""
    return _exchange_s(bus, write_characters())


def read_characters(block: Block) -> int:
    """How many characters the request for it and the answer have on a serial line."""
    data = (block.count + 7) // 8 if block.function.is_bit else 2 * block.count
    return _REQUEST_CHARACTERS + _ANSWER_CHARACTERS + data


def write_characters() -> int:
    """How many characters a write and its echo have on a serial line."""
    return _REQUEST_CHARACTERS + _ECHO_CHARACTERS


def _exchange_s(bus: BusKeys, characters: int) -> float:
    gap_s = bus.gap_ms / 1000
    if bus.serial is None:
        return gap_s
    return characters * bus.character_s + bus.silence_s + max(bus.silence_s, gap_s)


def _writes(connection: ModbusConnection) -> Iterator[object]:
    """Whatever may be written here, each once."""
    for device in connection.devices:
        yield from (cast("SwitchKeys", output.settings) for output in device.outputs)
        yield from (point.settings.reset for point in device.points if point.settings.reset is not None)

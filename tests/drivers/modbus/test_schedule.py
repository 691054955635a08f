"""drivers.modbus.schedule: which requests read a device, and whose turn it is on a line that is never idle."""

from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drivers.modbus.schedule import Turns, requests_of
from drivers.modbus.settings import (
    DeviceKeys,
    Function,
    InputKeys,
    ModbusPoint,
    SiteConnection,
    resolve,
)
from gateway.driver import ConnectedDevice, ConnectedPoint
from gateway.model import Kind
from tests.drivers.modbus.halls import device, point
from tests.drivers.modbus.subjects import site_of

BUS = '[[bus]]\nid = "hall"\ndriver = "modbus"\nhost = "127.0.0.1"\n'


def planned(folder: Path, points: str) -> list[str]:
    connection: SiteConnection = site_of(folder, BUS + device(1, points)).connections[0]  # type: ignore[assignment] # made with the driver's models
    return [
        f"{'fast' if request.fast else 'slow'} {request.block}"
        for request in requests_of(resolve(connection).connection.devices[0])
    ]


@pytest.mark.parametrize(
    ("points", "requests"),
    [
        (point("b", 3), ["fast discrete 3"]),
        (point("b", 0) + point("d", 7, kind="door"), ["fast discrete 0-7"]),
        (point("b", 0) + point("d", 40, kind="door"), ["fast discrete 0", "slow discrete 40"]),
        (point("d", 7, kind="door"), ["slow discrete 7"]),
        (point("d", 7, 'speed = "fast"', kind="door"), ["fast discrete 7"]),
        (point("b", 7, 'speed = "slow"'), ["slow discrete 7"]),
        (
            point("f", 0, "mask = 1", kind="fire", function="holding")
            + point("t", 1, kind="temperature", function="holding"),
            ["fast holding 0", "slow holding 1"],
        ),
        (
            point("f", 0, "high = 60", kind="fire", function="holding")
            + point("t", 0, kind="temperature", function="holding"),
            ["fast holding 0"],
        ),
    ],
)
def test_slow_registers_are_not_read_with_quick_ones(
    tmp_path: Path, points: str, requests: list[str]
) -> None:
    """Panic, duress and fire points are quick; slow bits nearby ride along, registers only if they are the same."""
    assert planned(tmp_path, points) == requests


def points_of(cells: list[tuple[Function, int, bool]]) -> tuple[ModbusPoint, ...]:
    return tuple(
        ConnectedPoint(
            id=f"p{n}",
            kind=Kind.FAULT,
            returns=True,
            settings=InputKeys.model_construct(
                function=function, address=address, speed="fast" if fast else "slow"
            ),
        )
        for n, (function, address, fast) in enumerate(cells)
    )


@given(
    st.lists(
        st.tuples(st.sampled_from(Function), st.integers(0, 300), st.booleans()), min_size=1, max_size=40
    ),
    st.booleans(),
)
def test_each_point_is_in_one_request(
    cells: list[tuple[Function, int, bool]],
    bridge: bool,  # noqa: FBT001 - hypothesis gives it so
) -> None:
    """No point is read by two requests, none by no one, and a quick one by a quick request."""
    points = points_of(cells)
    requests = requests_of(
        ConnectedDevice(id="m", settings=DeviceKeys(slave=1), points=points), bridge=bridge
    )
    served = [point.id for request in requests for point in request.points]

    assert sorted(served) == sorted(point.id for point in points)
    for request in requests:
        for one in request.points:
            assert (one.settings.function, one.settings.address) in request.block
            assert request.fast or one.settings.speed == "slow"


@dataclass
class Reader:
    """A request in a simulated time."""

    interval: float
    takes: float
    fast: bool
    due: float = 0.0
    worst: float = 0.0


FAST = st.lists(st.tuples(st.floats(0.02, 0.3), st.floats(0.01, 0.1)), min_size=1, max_size=6)
SLOW = st.lists(st.tuples(st.floats(0.2, 2), st.floats(0.01, 0.3)), max_size=4)


@given(FAST, SLOW, st.booleans())
def test_nobody_starves_and_panic_waits_for_one_other(
    fast: list[tuple[float, float]],
    slow: list[tuple[float, float]],
    writing: bool,  # noqa: FBT001 - hypothesis gives it so
) -> None:
    """The bounds of `bus_time`, also on a line that is overloaded.

    From due to done a quick request takes at most the longest other one and a round of the quick; a slow one as many
    such rounds as there are slow ones (and one more that is under way). With writes without end, each round has as many
    more of those as requests.
    """
    quick = [Reader(*times, fast=True) for times in fast]
    others = [Reader(*times, fast=False) for times in slow]
    everyone = quick + others
    write_takes = 0.02 if writing else 0.0
    write = Reader(0.0, write_takes, fast=False)
    turns, now, waited_for_write = Turns(), 0.0, 0.0
    for _ in range(400):
        writes = [(0.0, write)] if writing else []
        due, chosen = turns.choose([(one.due, one) for one in everyone], writes, now, len(quick))
        now = max(now, due) + chosen.takes
        turns.took(fast=chosen.fast)
        if chosen is write:
            waited_for_write += 1
            continue
        chosen.worst = max(chosen.worst, now - due)
        chosen.due = max(due + chosen.interval, now)
    longest = max([one.takes for one in others] + [write_takes])
    round_s = sum(one.takes + write_takes for one in quick) + longest

    if writing:
        assert waited_for_write > 50
        assert max(one.worst for one in quick) <= round_s + longest + 1e-9
        return
    assert max(one.worst for one in quick) <= round_s + 1e-9
    assert max((one.worst for one in others), default=0.0) <= (len(others) + 1) * round_s + 1e-9

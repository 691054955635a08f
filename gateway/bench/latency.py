"""From a button's press to the county's receipt, and where the time goes on the way."""

import asyncio
import json
import random
import time
from dataclasses import dataclass
from pathlib import Path

from gateway.bench.devices import SLAVE, Devices, devices
from gateway.bench.ear import Ear
from gateway.bench.figures import Figure, Percentiles, Result, Target, percentiles
from gateway.bench.harness import Bed, bed, daemon
from gateway.bench.processes import BenchError
from gateway.bench.progress import Advance, progress
from gateway.trace import Stage

#: What is ours, from the driver's sight of it to the broker's acknowledgement, takes at most so long (p99, ms).
DRIVER_TO_BROKER_LIMIT_MS = 20.0

BUTTONS = 8

#: From a release to the next press, in seconds: long enough for the return to be told and receipted, so that presses
#: are measured one at a time. The spread is one poll, so that they fall evenly on its phases.
_REST_S = 0.17
_SPREAD_S = 0.1

_ARRIVAL_LIMIT_S = 30.0
_LOOK_AGAIN_S = 0.1


@dataclass(frozen=True, slots=True)
class _Press:
    event_id: str
    pressed_at: float


async def run(place: Path, *, count: int) -> Result:
    """Press `count` times, one button at a time. Raises BenchError where a press does not arrive."""
    async with bed(place) as made, devices(1, made.directory) as modules:
        trace = made.directory / "trace.jsonl"
        async with daemon(made, made.write_site(_modules(modules)), trace=trace):
            await made.ready(devices=1)
            with progress("presses", count) as advance:
                presses = await _press_all(modules, made, count, advance)
            stages = await _until_confirmed(trace, presses)
        duplicates = made.county.report().duplicates
    return _result(presses, stages, duplicates)


def _modules(modules: Devices) -> str:
    head = f"""
[[device]]
id = "buttons"
zone = "gate"
driver = "modbus"
host = "127.0.0.1"
port = {modules.ports[0]}
slave = {SLAVE}
poll_ms = 100
"""
    return head + "".join(
        f'[[device.point]]\nid = "button-{n}"\nkind = "panic"\nfunction = "discrete"\naddress = {n}\n'
        "return_after_s = 0\n"  # the next press comes at once
        "return_debounce = 1\n"
        for n in range(BUTTONS)
    )


async def _press_all(modules: Devices, made: Bed, count: int, advance: Advance) -> list[_Press]:
    """Each button in turn; it is let go when its press is receipted, and has returned before the next is pressed."""
    ear = Ear(made.county)
    presses = []
    for number in range(count):
        button = number % BUTTONS
        arriving = ear.expect_press(f"button-{button}")
        pressed_ns = await modules.press(0, button)
        try:
            async with asyncio.timeout(_ARRIVAL_LIMIT_S):
                event = await arriving
                await ear.receipted(event)
        except TimeoutError as error:
            words = f"press {number + 1} has no receipt after {_ARRIVAL_LIMIT_S:g} s"
            raise BenchError(f"{words}; the county has {made.county.report()}") from error
        presses.append(_Press(event.id, pressed_ns / 1e9))
        await modules.release(0, button)
        await asyncio.sleep(_REST_S + random.uniform(0, _SPREAD_S))  # noqa: S311 - spreads presses in time
        advance(number + 1)
    return presses


async def _until_confirmed(trace: Path, presses: list[_Press]) -> dict[str, dict[Stage, float]]:
    """The marks once every press has its last one: the county has sent the receipt, the gateway has it to take yet."""
    deadline = time.monotonic() + _ARRIVAL_LIMIT_S
    while True:
        stages = await asyncio.to_thread(_read_trace, trace)
        missing = [press for press in presses if Stage.CONFIRMED not in stages.get(press.event_id, {})]
        if not missing:
            return stages
        if time.monotonic() > deadline:
            raise BenchError(f"{len(missing)} receipts were not taken within {_ARRIVAL_LIMIT_S:g} s")
        await asyncio.sleep(_LOOK_AGAIN_S)


def _read_trace(path: Path) -> dict[str, dict[Stage, float]]:
    """When each event first reached each stage, in seconds of CLOCK_MONOTONIC."""
    stages: dict[str, dict[Stage, float]] = {}
    for line in path.read_text(encoding="utf-8").splitlines(keepends=True):
        if not line.endswith("\n"):
            break  # still being written
        mark = json.loads(line)
        for event_id in mark["ids"]:
            stages.setdefault(event_id, {}).setdefault(Stage(mark["stage"]), mark["monotonic"])
    return stages


def _result(presses: list[_Press], stages: dict[str, dict[Stage, float]], duplicates: int) -> Result:
    at = [stages[press.event_id] for press in presses]
    ours = _between(at, Stage.SEEN, Stage.BROKER)
    figures: dict[str, Figure] = {
        "press_to_receipt_ms": percentiles(
            [(marks[Stage.CONFIRMED] - p.pressed_at) * 1000 for p, marks in zip(presses, at, strict=True)]
        ),
        "driver_to_broker_ms": ours,
        "poll_ms": percentiles(
            [(marks[Stage.SEEN] - p.pressed_at) * 1000 for p, marks in zip(presses, at, strict=True)]
        ),
        "commit_ms": _between(at, Stage.SEEN, Stage.COMMITTED),
        "publish_ms": _between(at, Stage.COMMITTED, Stage.BROKER),
        "receipt_ms": _between(at, Stage.BROKER, Stage.CONFIRMED),
        "presses": len(presses),
        "duplicates": duplicates,
    }
    target = Target(figure="driver_to_broker_ms.p99", value=ours.p99, limit=DRIVER_TO_BROKER_LIMIT_MS)
    return Result(figures=figures, targets=(target,))


def _between(marks: list[dict[Stage, float]], start: Stage, end: Stage) -> Percentiles:
    return percentiles([(one[end] - one[start]) * 1000 for one in marks])

"""From a press to its picture and to its finished clip at the county: one after the other, and ten at once."""

import asyncio
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gateway.bench.clip_camera import Camera, camera
from gateway.bench.figures import Figure, Percentiles, Result, percentiles
from gateway.bench.harness import Bed, bed, daemon
from gateway.bench.processes import BenchError
from gateway.bench.progress import progress
from gateway.bench.record_cameras import PASSWORD
from gateway.evidence.manifest import verify
from gateway.model import EventType
from simulators.county import Event

#: The interval that is held around a press in this benchmark; a site's own is 30 and 60 s.
HOLD_BEFORE_S, HOLD_AFTER_S = 10, 10

#: Pressed in one instant at the end.
AT_ONCE = 10

#: Between two presses, so that the making of one clip is not always in the way of the next picture; seconds.
_REST_S, _SPREAD_S = 2.0, 2.0

#: Where footage goes, below the benchmark's directory.
RECORDINGS = "recordings"

_START_LIMIT_S = 30.0
#: A picture that is not at the county after so long never comes; so a clip after its interval. Seconds.
_ARRIVAL_LIMIT_S = 60.0
_LOOK_AGAIN_S = 0.05


@dataclass(frozen=True, slots=True)
class _Shot:
    """A press, and when its picture and its clip were at the county."""

    pressed: datetime
    snapshot: datetime
    clip: datetime


class _Heard:
    """What the county was told, as it comes; lives on its event loop."""

    def __init__(self) -> None:
        self.alarms: dict[str, str] = {}
        self.told: dict[tuple[str, str], Event] = {}

    def hear(self, event: Event, _at: datetime, _ns: int) -> None:
        """An event."""
        alarm = str(event.data.get("alarm"))
        if event.type == EventType.ALARM_RAISED:
            self.alarms[event.subject] = alarm
        elif event.type in {EventType.SNAPSHOT, EventType.CLIP}:
            self.told.setdefault((event.type, alarm), event)

    def of(self, event_type: EventType, point: str) -> Event | None:
        """The evidence of a point's alarm; None: not yet."""
        return self.told.get((event_type, self.alarms.get(point, "")))


async def run(place: Path, *, count: int) -> Result:
    """Press `count` buttons one by one, then ten in one instant. Raises BenchError where something does not arrive."""
    buttons = count + AT_ONCE
    async with bed(place) as made, camera(buttons, made.directory) as one:
        heard = _Heard()
        made.county.on_event = heard.hear
        (made.directory / "camera.password").write_text(PASSWORD, encoding="utf-8")
        site = made.write_site(_tables(made, one, buttons), zone_keys='cameras = ["cam-gate"]')
        async with daemon(made, site):
            await made.ready(devices=1)
            await _until(lambda: _is_recorded(made), _START_LIMIT_S, "the camera is not recorded")
            await asyncio.sleep(HOLD_BEFORE_S)  # a press finds all the footage that its clip goes back to
            with progress("presses", count) as advance:
                apart: list[tuple[str, datetime]] = []
                for number in range(1, count + 1):
                    apart.append((f"button-{number}", await one.press([number])))
                    advance(number)
                    await asyncio.sleep(_REST_S + random.uniform(0, _SPREAD_S))  # noqa: S311 - spreads presses in time
            shots = await _arrivals(made, heard, apart)
            numbers = range(count + 1, buttons + 1)
            moment = await one.press(numbers)
            burst = await _arrivals(made, heard, [(f"button-{number}", moment) for number in numbers])
        broken = await asyncio.to_thread(_broken, made, heard)
        size = [int(str(event.data["bytes"])) for event in heard.told.values()]
    return _result(shots, burst, broken, sum(size))


def _tables(made: Bed, one: Camera, buttons: int) -> str:
    head = f"""
[retention]
hold_before_s = {HOLD_BEFORE_S}
hold_after_s = {HOLD_AFTER_S}

[recording]
dir = "{made.directory / RECORDINGS}"
min_free_gb = 0

[[device]]
id = "cam-gate"
zone = "gate"
driver = "onvif"
host = "127.0.0.1"
port = {one.port}
username = "admin"
password_file = "camera.password"
"""
    return head + "".join(
        f'[[device.point]]\nid = "button-{n}"\nkind = "panic"\ninput = "DI_{n}"\n'
        for n in range(1, buttons + 1)
    )


def _is_recorded(made: Bed) -> bool:
    """Something is in the file that grows."""
    spool = made.directory / RECORDINGS / "spool" / "cam-gate"
    return any(file.stat().st_size > 0 for file in spool.glob("*.mp4"))


async def _arrivals(made: Bed, heard: _Heard, presses: Sequence[tuple[str, datetime]]) -> list[_Shot]:
    """Once the county has it all. Raises BenchError."""
    points = [point for point, _ in presses]

    def is_there(event_type: EventType) -> bool:
        return all(heard.of(event_type, point) for point in points)

    await _until(lambda: is_there(EventType.SNAPSHOT), _ARRIVAL_LIMIT_S, "not every snapshot is told of")
    await _until(
        lambda: {_id(heard, point) for point in points} <= set(_pictures(made)),
        _ARRIVAL_LIMIT_S,
        "not every snapshot was sent",
    )
    await _until(
        lambda: is_there(EventType.CLIP), HOLD_AFTER_S + _ARRIVAL_LIMIT_S, "not every clip is told of"
    )
    pictures = _pictures(made)
    shots = []
    for point, pressed in presses:
        clip = heard.of(EventType.CLIP, point)
        assert clip is not None
        shots.append(_Shot(pressed, pictures[_id(heard, point)], clip.received_at))
    return shots


def _id(heard: _Heard, point: str) -> str:
    told = heard.of(EventType.SNAPSHOT, point)
    assert told is not None
    return str(told.data["evidence"])


def _pictures(made: Bed) -> dict[str, datetime]:
    """When each picture was first at the county, by its evidence id."""
    return {one.evidence: one.received_at for one in reversed(made.county.report().snapshots)}


async def _until(condition: Callable[[], bool], limit_s: float, words: str) -> None:
    """Raises BenchError."""
    deadline = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline:
            raise BenchError(f"{words} after {limit_s:g} s")
        await asyncio.sleep(_LOOK_AGAIN_S)


def _broken(made: Bed, heard: _Heard) -> list[str]:
    """Files that are not as the county was told, and what broke the contract. Blocking: for a thread."""
    folder = made.directory / RECORDINGS / "evidence"
    found = [f"{rule.rule}: {rule.detail}" for rule in made.county.report().violations]
    for event in heard.told.values():
        manifests = list(folder.glob(f"*/{event.data['evidence']}.json"))
        if len(manifests) != 1:
            found.append(f"{event.type} {event.data['evidence']} has {len(manifests)} manifests")
        found += [words for manifest in manifests for words in verify(manifest)]
    return found


def _result(shots: Sequence[_Shot], burst: Sequence[_Shot], broken: Sequence[str], size: int) -> Result:
    figures: dict[str, Figure] = {
        "snapshot_ms": _snapshots(shots),
        "clip_ms": _clips(shots),
        "clip_after_ms": _clips(shots, less_s=HOLD_AFTER_S),
        "at_once_snapshot_ms": _snapshots(burst),
        "at_once_clip_ms": _clips(burst),
        "at_once_clip_after_ms": _clips(burst, less_s=HOLD_AFTER_S),
        "presses": len(shots),
        "at_once": len(burst),
        "hold_before_s": HOLD_BEFORE_S,
        "hold_after_s": HOLD_AFTER_S,
        "evidence_kb": size // 1000,
    }
    return Result(figures=figures, broken=tuple(broken))


def _snapshots(shots: Sequence[_Shot]) -> Percentiles:
    return percentiles([(one.snapshot - one.pressed).total_seconds() * 1000 for one in shots])


def _clips(shots: Sequence[_Shot], *, less_s: float = 0.0) -> Percentiles:
    return percentiles([((one.clip - one.pressed).total_seconds() - less_s) * 1000 for one in shots])

"""A camera with buttons and the whole daemon: from a press at its input to snapshot and clip at the county, over a real broker."""

import asyncio
import json
import os
import signal
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import cv2
import numpy as np

from drivers import DRIVERS
from gateway.bench.processes import children
from gateway.clock import from_ms
from gateway.evidence.manifest import verify
from gateway.model import EventType
from gateway.site import Site, load_site
from gateway.store.database import connect
from simulators.camera import read_clock
from simulators.county import County, Event
from simulators.county.wire import Snapshot
from simulators.port import ReservedPort
from simulators.school import School
from tests.daemon import DaemonProcess, daemon
from tests.media.film import clocks
from tests.mosquitto import mosquitto
from tests.wait import until

BUTTONS = 10
RECORDER, MEDIA = "gateway.recording.recorder", "gateway.media.worker"
HOLD_BEFORE, HOLD_AFTER = timedelta(seconds=3), timedelta(seconds=3)

#: What must not wait for any picture, on a loaded machine.
AT_ONCE = timedelta(seconds=3)

#: The picture of a press shows the time of the press, as near as this.
PICTURE_WITHIN = timedelta(seconds=2)

#: A killed recorder costs so much film at most: what it had not written, and the next one's start.
MOST_LOST = timedelta(seconds=6)

#: A loaded machine may take so long for anything; seconds.
PATIENCE_S = 40.0

SITE = """
[site]
id = "school-1"
name = "实验小学"
county = "330106"
state_dir = "{folder}/state"
clock = "host"
[journal]
ballast_mb = 0
[recording]
segment_s = 5
min_free_gb = 0
[retention]
hold_before_s = {before:g}
hold_after_s = {after:g}
[picture]
every_s = 1
[console]
port = 0
[metrics]
port = 0
[escalation]
critical_s = 0
[[zone]]
id = "gate"
name = "校门"
cameras = ["cam-gate"]
[[uplink]]
name = "county"
confirm = "platform"
[[uplink.broker]]
host = "127.0.0.1"
port = {broker}
[[device]]
id = "cam-gate"
zone = "gate"
driver = "onvif"
host = "127.0.0.1"
port = {camera}
username = "gateway"
password_file = "camera.password"
"""
POINT = '[[device.point]]\nid = "button-{n}"\nkind = "panic"\ninput = "DI_{n}"\n'


@dataclass
class Whole:
    """A school with a camera, the daemon that serves it, and the county that hears of it."""

    site: Site
    school: School
    gateway: DaemonProcess
    county: County

    def press(self, point: str) -> datetime:
        """The moment of the press."""
        return self.school.press(point).at_utc

    async def heard(self, event_type: EventType, subject: str) -> Event:
        """The first such event of that subject at the county."""
        return await self.county.wait_for_event(
            lambda event: event.type == event_type and event.subject == subject, PATIENCE_S
        )

    async def evidence(self, event_type: EventType, alarm: str) -> Event:
        """The first such evidence of that alarm at the county."""
        return await self.county.wait_for_event(
            lambda event: event.type == event_type and event.data["alarm"] == alarm, PATIENCE_S
        )

    def file(self, event: Event, suffix: str) -> Path:
        """The file that an evidence event tells of."""
        (path,) = (self.site.recording_dir / "evidence").glob(f"????-??-??/{event.data['evidence']}{suffix}")
        return path

    def processes(self, module: str) -> set[int]:
        """The daemon's children that run this module."""
        return {
            child
            for child in children(self.gateway.pid)
            if module.encode() in Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
        }

    def holds(self) -> list[tuple[datetime, datetime]]:
        """What the journal holds of the camera's footage."""
        with closing(connect(self.site.site.state_dir / "journal.db", readonly=True)) as db:
            rows = db.execute("select from_ms, to_ms from hold where camera = 'cam-gate'").fetchall()
        return [(from_ms(start), from_ms(end)) for start, end in rows]

    async def records(self) -> None:
        """Footage of as long before now as a hold reaches back is in the file that grows."""
        spool = self.site.recording_dir / "spool" / "cam-gate"
        await until(lambda: any(_has_footage(path) for path in spool.glob("*")), seconds=PATIENCE_S)
        await asyncio.sleep(HOLD_BEFORE.total_seconds())  # time itself is what the next press needs behind it


def _has_footage(path: Path) -> bool:
    try:
        return path.stat().st_size > 2000  # more than its head
    except FileNotFoundError:
        return False  # placed meanwhile


@asynccontextmanager
async def whole(folder: Path) -> AsyncIterator[Whole]:
    """All of it, at work."""
    async with AsyncExitStack() as ending:
        broker = await ending.enter_async_context(mosquitto(folder))
        port = ReservedPort()
        ending.callback(port.release)
        (folder / "camera.password").write_text("rehearsal", encoding="utf-8")
        text = SITE.format(
            folder=folder,
            broker=broker.port,
            camera=port.number,
            before=HOLD_BEFORE.total_seconds(),
            after=HOLD_AFTER.total_seconds(),
        ) + "".join(POINT.format(n=n) for n in range(1, BUTTONS + 1))
        path = folder / "site.toml"
        path.write_text(text, encoding="utf-8")
        site = load_site(path, DRIVERS)
        county = County("127.0.0.1", broker.port)
        await county.start()
        ending.push_async_callback(county.stop)
        school = School(site)
        await school.start()
        ending.push_async_callback(school.stop)
        running = await ending.enter_async_context(daemon(path))
        made = Whole(site, school, running, county)
        await made.heard(EventType.DEVICE_ONLINE, "cam-gate")
        await made.records()
        yield made


def picture_time(jpeg: Path) -> datetime:
    """What the clock in a JPEG says."""
    picture = cv2.imdecode(np.frombuffer(jpeg.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    assert picture is not None
    shown = read_clock(picture.astype(np.uint8))
    assert shown is not None, "the clock in the picture can't be read"
    return shown


def spans(clip: Path) -> tuple[datetime, datetime]:
    """The times of its first and last picture."""
    shown = [moment for moment in clocks(clip) if moment is not None]
    return shown[0], shown[-1]


def gaps(manifest: Path) -> Sequence[timedelta]:
    """How long each hole is that a manifest tells of."""
    found = json.loads(manifest.read_text(encoding="utf-8"))["gaps"]
    return [datetime.fromisoformat(gap["to"]) - datetime.fromisoformat(gap["from"]) for gap in found]


async def test_a_press_at_a_camera_is_evidence_at_the_county(tmp_path: Path) -> None:
    """Alarm, the JPEG of that moment, and a verified clip of the whole held interval; nothing of the contract is broken."""
    pictures: list[Snapshot] = []
    async with whole(tmp_path) as one:
        one.county.on_snapshot = pictures.append
        pressed = one.press("button-1")
        raised = await one.heard(EventType.ALARM_RAISED, "button-1")
        alarm = str(raised.data["alarm"])
        assert raised.data["durable"] is True
        ((begin, end),) = one.holds()
        assert abs(begin - (pressed - HOLD_BEFORE)) < AT_ONCE
        assert abs(end - (pressed + HOLD_AFTER)) < AT_ONCE
        assert raised.data["cameras"] == ["cam-gate"]
        assert raised.received_at - pressed < AT_ONCE

        told = await one.evidence(EventType.SNAPSHOT, alarm)
        report = await one.county.wait_for(lambda report: bool(report.snapshots), PATIENCE_S)
        (sent,) = report.snapshots
        assert pictures == [sent]
        jpeg = one.file(told, ".jpg")
        assert (sent.evidence, sent.sha256) == (told.data["evidence"], told.data["sha256"])
        assert sent.bytes == jpeg.stat().st_size == told.data["bytes"]
        assert abs(picture_time(jpeg) - pressed) < PICTURE_WITHIN
        assert not await asyncio.to_thread(verify, jpeg.with_suffix(".json"))

        done = await one.evidence(EventType.CLIP, alarm)
        clip = one.file(done, ".mp4")
        assert not await asyncio.to_thread(verify, clip.with_suffix(".json"))
        assert not gaps(clip.with_suffix(".json"))
        first, last = await asyncio.to_thread(spans, clip)
        assert first <= pressed - HOLD_BEFORE + PICTURE_WITHIN
        assert last >= pressed + HOLD_AFTER - PICTURE_WITHIN
        assert not one.county.report().violations
        assert not one.county.report().gaps


async def test_ten_presses_at_once_are_ten_clips(tmp_path: Path) -> None:
    """Ten buttons of a camera in one instant: ten alarms, ten snapshots and ten clips at the county, each whole."""
    points = [f"button-{n}" for n in range(1, BUTTONS + 1)]
    async with whole(tmp_path) as one:
        pressed = [one.press(point) for point in points]
        raised = [await one.heard(EventType.ALARM_RAISED, point) for point in points]
        alarms = [str(event.data["alarm"]) for event in raised]
        assert len(set(alarms)) == BUTTONS

        clips = [one.file(await one.evidence(EventType.CLIP, alarm), ".mp4") for alarm in alarms]
        await one.county.wait_for(lambda report: len(report.snapshots) == BUTTONS, PATIENCE_S)
        assert len(set(clips)) == BUTTONS
        for clip in clips:
            assert not await asyncio.to_thread(verify, clip.with_suffix(".json"))
            assert not gaps(clip.with_suffix(".json"))
        for alarm, moment in zip(alarms, pressed, strict=True):
            jpeg = one.file(await one.evidence(EventType.SNAPSHOT, alarm), ".jpg")
            assert abs(picture_time(jpeg) - moment) < PICTURE_WITHIN


async def test_media_processes_that_die_cost_seconds_of_film_and_no_alarm(tmp_path: Path) -> None:
    """SIGSEGV to recorder and media processes in mid-hold: presses before and after it are alarms at once, evidence follows."""
    async with whole(tmp_path) as one:
        one.press("button-1")  # its clip starts the process that cuts
        first = await one.heard(EventType.ALARM_RAISED, "button-1")
        await one.evidence(EventType.CLIP, str(first.data["alarm"]))
        died = {module: one.processes(module) for module in (RECORDER, MEDIA)}
        assert all(died.values()), one.gateway.text()

        pressed = {"button-2": one.press("button-2")}
        await one.heard(EventType.ALARM_RAISED, "button-2")
        for process in set().union(*died.values()):
            os.kill(process, signal.SIGSEGV)
        pressed["button-3"] = one.press("button-3")
        for point, moment in pressed.items():
            raised = await one.heard(EventType.ALARM_RAISED, point)
            assert raised.received_at - moment < AT_ONCE
            assert raised.data["durable"] is True
            alarm = str(raised.data["alarm"])
            told = await one.evidence(EventType.SNAPSHOT, alarm)
            assert not await asyncio.to_thread(verify, one.file(told, ".json"))
            clip = one.file(await one.evidence(EventType.CLIP, alarm), ".mp4")
            assert not await asyncio.to_thread(verify, clip.with_suffix(".json"))
            begin, end = await asyncio.to_thread(spans, clip)
            assert begin < moment + PICTURE_WITHIN < end
            lost = gaps(clip.with_suffix(".json"))
            assert sum(lost, timedelta()) < MOST_LOST

        await one.county.wait_for(lambda report: len(report.snapshots) == 3, PATIENCE_S)
        for module, processes in died.items():
            assert one.processes(module)
            assert not one.processes(module) & processes
        assert all(state.online for state in one.county.report().states)  # the daemon itself was never away

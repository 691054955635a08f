"""The scripted day: what happens in the school, what must follow from it, and how long that may take."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

from gateway.demo.following import Following, StepFailed
from gateway.demo.footage import MOST_SHOWN, clock_in, in_size, look_at_clip
from gateway.demo.guard import ConsoleRefused
from gateway.demo.process import GatewayDied
from gateway.demo.stage import Stage
from gateway.demo.telling import ROUND_S, Teller
from gateway.demo.words import Words
from gateway.model import GATEWAY, EventType
from simulators.county import Event

STEPS = ("start", "press", "close", "fire", "clip", "cut", "blind", "back", "camera", "kill", "retention")

GATE, OFFICE, SMOKE = "gate-button", "office-button", "hall-smoke"
PANEL, DETECTOR, OPERATOR = "fire-panel", "stage-smoke", 7  # who resets it

_CLOCKS_APART = timedelta(seconds=5)  # a picture takes its time from the lens to the file on a loaded machine


class Day(Following):
    """`run` plays step after step, to the end or to the first that fails. `pause_s` lets a person follow."""

    def __init__(self, stage: Stage, teller: Teller, words: Words, *, pause_s: float = 0.0) -> None:
        super().__init__(stage, words)
        self.done: list[str] = []
        self.failed: tuple[str, str] | None = None
        self._teller = teller
        self._pause_s = pause_s
        self._killed_at = self._clock.now()
        self._first_press: Event | None = None

    async def run(self) -> None:
        """The day."""
        acts: tuple[Callable[[], Awaitable[None]], ...] = (
            self._start,
            self._press,
            self._close,
            self._fire,
            self._clip,
            self._cut,
            self._blind,
            self._back,
            self._camera,
            self._kill,
            self._retention,
        )
        for step, act in zip(STEPS, acts, strict=True):
            self._teller.begin(step)
            began = self._clock.monotonic()
            try:
                await act()
            except (StepFailed, ConsoleRefused, GatewayDied, OSError) as error:
                self.failed = (step, str(error))
                self._teller.failed(step, str(error))
                return
            self.done.append(step)
            seconds = self._clock.monotonic() - began
            await self._clock.sleep(2 * ROUND_S)  # its events are shown first
            self._teller.done(step, seconds)
            await self._clock.sleep(self._pause_s)

    # ---- the steps

    async def _start(self) -> None:
        await self._stage.start_gateway()
        await self._guard.sign_in()
        self._teller.say(
            "console", address=self._guard.address, name=self._guard.name, password=self._guard.password
        )
        await self._heard(EventType.STREAM_STARTED, GATEWAY)
        await self._heard(EventType.GATEWAY_STARTED, GATEWAY)
        for device in self._stage.site.devices:
            if (
                device.id != PANEL
            ):  # it calls us: of its first call there is no event, for it had not been lost
                await self._heard(EventType.DEVICE_ONLINE, device.id)
        await self._until(lambda: self._has_called(PANEL), "why-console", what=PANEL)
        await self._until(self._is_filming, "why-film")

    async def _press(self) -> None:
        """The alarm first; and the county gets to see what the camera saw."""
        self._stage.press(GATE)
        pressed_at = self._clock.monotonic()
        raised = self._first_press = await self._heard(EventType.ALARM_RAISED, GATE)
        await self._receipted(raised)
        told = await self._shot(EventType.SNAPSHOT, raised)
        await self._until(lambda: self._has_picture(told), "why-snapshot")
        seconds = self._clock.monotonic() - pressed_at
        self._teller.say("snapshot-seen", size=in_size(told.data["bytes"]), seconds=f"{seconds:.1f}")

    async def _close(self) -> None:
        await self._answer(GATE, "real")

    async def _fire(self) -> None:
        """The panel's alarm sounds, is silenced without being acknowledged, and returns by the reset at the panel."""
        self._stage.press(DETECTOR)
        raised = await self._heard(EventType.ALARM_RAISED, DETECTOR)
        await self._until(lambda: self._is_sounding(on=True), "why-quiet")
        self._teller.say("sounder-on")
        await self._receipted(raised)
        await self._clock.sleep(self._pause_s)
        await self._guard.silence()
        await self._heard(EventType.ALARM_SILENCED, DETECTOR)
        await self._until(lambda: self._is_sounding(on=False), "why-sounding")
        self._teller.say("sounder-off")
        await self._clock.sleep(self._pause_s)
        self._stage.school.reset(PANEL, OPERATOR)
        await self._heard(EventType.ALARM_RETURNED, DETECTOR)
        await self._answer(DETECTOR, "test", by_hand=False)

    async def _clip(self) -> None:
        """The film of the first press, with some seconds before it and after it, is whole and shows that moment."""
        assert self._first_press is not None
        pressed_at = self._first_press.time
        told = await self._shot(EventType.CLIP, self._first_press)
        await self._receipted(told)
        wrong, shown = await asyncio.to_thread(look_at_clip, self._stage.site.recording_dir, told)
        if wrong:
            raise StepFailed(wrong)
        if shown is None or not shown - _CLOCKS_APART < pressed_at < shown + MOST_SHOWN:
            raise StepFailed(self._words("why-picture", file=told.data["evidence"], shown=shown))
        self._teller.say("clip-seen", size=in_size(told.data["bytes"]), time=f"{shown:%H:%M:%S}")

    async def _cut(self) -> None:
        await self._stage.cut_link()
        await self._until(lambda: self._is_link(up=False), "why-console", what=self._words("link-down"))

    async def _blind(self) -> None:
        """Each waits for the console, which needs no link; the county must not know."""
        self._stage.press(GATE)
        await self._shown(GATE, lambda alarm: True)
        self._stage.school.release(GATE)
        await self._shown(GATE, lambda alarm: alarm["returned_at"] is not None)
        self._stage.press(GATE)
        await self._shown(GATE, lambda alarm: alarm["repeats"] == 1)
        self._stage.press(OFFICE)
        self._stage.press(SMOKE)
        await self._shown(OFFICE, lambda alarm: True)
        await self._shown(SMOKE, lambda alarm: True)
        await self._clock.sleep(self._pause_s)
        for event in await self._stage.county.events():
            if event.type == EventType.ALARM_RAISED and event.id not in self._told:
                raise StepFailed(self._words("why-early", type=event.type))

    async def _back(self) -> None:
        await self._stage.restore_link()
        arrived = [
            await self._heard(EventType.ALARM_RAISED, GATE),
            await self._heard(EventType.ALARM_RETURNED, GATE),
            await self._heard(EventType.ALARM_REPEATED, GATE),
            await self._heard(EventType.ALARM_RAISED, OFFICE),
            await self._heard(EventType.ALARM_RAISED, SMOKE),
        ]
        for event in arrived:
            await self._receipted(event)
        await self._answer(GATE, "real")
        await self._answer(OFFICE, "false")
        await self._answer(SMOKE, "test")

    async def _camera(self) -> None:
        camera = self._stage.camera
        await self._stage.school.power_off(camera)
        await self._heard(EventType.DEVICE_OFFLINE, camera)
        await self._heard(EventType.ALARM_RAISED, camera)
        await self._stage.school.power_on(camera)
        await self._heard(EventType.DEVICE_ONLINE, camera)
        await self._heard(EventType.ALARM_RETURNED, camera)
        await self._answer(camera, None, by_hand=False)

    async def _kill(self) -> None:
        """One alarm is open when it dies and must be the same afterwards; one press finds it dead and must not be lost."""
        self._stage.press(OFFICE)
        before = await self._heard(EventType.ALARM_RAISED, OFFICE)
        await self._receipted(before)
        await self._settled()
        pid = self._stage.gateway.pid
        self._killed_at = self._clock.now()
        await self._stage.gateway.kill()
        self._teller.say("killed", pid=pid)
        await self._until(self._is_gone, "why-state")
        self._stage.press(GATE)
        await self._clock.sleep(self._pause_s)
        await self._stage.start_gateway()
        self._teller.say("restarted", pid=self._stage.gateway.pid)
        await self._heard(EventType.GATEWAY_STARTED, GATEWAY)
        await self._receipted(await self._heard(EventType.ALARM_RAISED, GATE))
        after = await self._shown(OFFICE, lambda alarm: True)
        if after["id"] != before.data["alarm"] or after["repeats"]:
            raise StepFailed(self._words("why-again", point=OFFICE))
        await self._answer(OFFICE, "real")
        await self._answer(GATE, "real")

    async def _retention(self) -> None:
        stage = self._stage
        await self._until(self._is_tidy, "why-expired")
        if not stage.seeded.held.exists():
            raise StepFailed(self._words("miss-held", file=stage.seeded.held.name))
        await self._until(lambda: self._is_recovered(self._killed_at), "why-recovered")
        newest = (await asyncio.to_thread(stage.recorded))[-1]
        shown = await asyncio.to_thread(clock_in, stage.shelf.path(newest.path))
        if shown is None or abs(shown - newest.start) > _CLOCKS_APART:
            raise StepFailed(self._words("why-picture", file=newest.path, shown=shown))
        self._teller.say("picture", time=f"{shown:%H:%M:%S}")
        for alarm in await self._guard.alarms():
            what = f"{alarm['kind']} {alarm['subject']} {alarm['detail']}"
            raise StepFailed(self._words("why-open", name=what))

    # ---- what a guard does

    async def _answer(self, subject: str, verdict: str | None, *, by_hand: bool = True) -> None:
        """Acknowledge, let the cause end, close; the county hears of each."""
        alarm = str((await self._shown(subject, lambda alarm: True))["id"])
        await self._guard.acknowledge(alarm)
        await self._heard(EventType.ALARM_ACKNOWLEDGED, subject)
        if by_hand:
            self._stage.school.release(subject)
            await self._shown(subject, lambda alarm: alarm["returned_at"] is not None)
            await self._heard(EventType.ALARM_RETURNED, subject)
        await self._guard.close(alarm, verdict)
        await self._receipted(await self._heard(EventType.ALARM_CLOSED, subject))

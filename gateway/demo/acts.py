"""What a person can do to the school by single keys."""

import asyncio
from collections.abc import Callable, Coroutine

from gateway.demo.play import DETECTOR, GATE, OFFICE, OPERATOR, PANEL, SMOKE
from gateway.demo.stage import Stage
from gateway.demo.telling import Teller

#: A gateway that was killed is started again after so long, as systemd does; seconds.
_RESTART_S = 2.0
#: The button is kept down so long at least, and until the gateway has seen it; seconds.
_PRESS_S = 0.5
_PRESS_LIMIT_S = 30.0

QUIT = "q"


class Acts:
    """Keys to acts. Each act takes its time without holding up the next key; `close` ends what is under way.

    `fault` is done with the exception of an act that could not be done.
    """

    def __init__(self, stage: Stage, teller: Teller) -> None:
        self.fault: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._stage = stage
        self._teller = teller
        self._camera_is_on = True
        self._smoke = False
        self._fire = False
        self._pressing = False
        self._killing = False
        self._under_way: set[asyncio.Task[None]] = set()
        self._acts: dict[str, Callable[[], Coroutine[None, None, None]]] = {
            "b": self._press,
            "s": self._toggle_smoke,
            "f": self._toggle_fire,
            "l": self._toggle_link,
            "c": self._toggle_camera,
            "k": self._kill,
        }

    def has(self, key: str) -> bool:
        """Whether that key does something."""
        return key in self._acts

    def do(self, key: str) -> None:
        """Begin the key's act."""
        task = asyncio.create_task(self._acts[key]())
        self._under_way.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and (error := task.exception()) and not self.fault.done():
            self.fault.set_exception(error)

    async def tidy(self) -> None:
        """Everything at rest: buttons up, link whole, camera on, gateway running. After a script that was left."""
        for point in (GATE, OFFICE, SMOKE, DETECTOR):
            self._stage.school.release(point)
        await self._stage.restore_link()
        await self._stage.school.power_on(self._stage.camera)
        if self._stage.gateway.pid is None:
            await self._stage.start_gateway()
        await self._stage.clock.sleep(_PRESS_S)  # the gateway has seen that they are up

    async def close(self) -> None:
        """End what is under way."""
        tasks = list(self._under_way)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if self.fault.done():
            self.fault.exception()  # whoever waited for it has told it

    # ---- the acts

    async def _press(self) -> None:
        if self._pressing:
            return
        self._pressing = True
        clock, timeline = self._stage.clock, self._stage.timeline
        self._stage.press(GATE)
        row = timeline.rows[-1]
        try:
            until = clock.monotonic() + _PRESS_LIMIT_S
            await clock.sleep(_PRESS_S)
            while row.id is None and clock.monotonic() < until:
                await clock.sleep(_PRESS_S)
        finally:
            self._stage.school.release(GATE)
            self._pressing = False

    async def _toggle_smoke(self) -> None:
        self._smoke = not self._smoke
        if self._smoke:
            self._stage.press(SMOKE)
        else:
            self._stage.school.release(SMOKE)

    async def _toggle_fire(self) -> None:
        """A detector of the fire panel; then somebody resets the panel."""
        self._fire = not self._fire
        if self._fire:
            self._stage.press(DETECTOR)
        else:
            self._stage.school.reset(PANEL, OPERATOR)

    async def _toggle_link(self) -> None:
        if self._stage.link_is_up:
            await self._stage.cut_link()
        else:
            await self._stage.restore_link()

    async def _toggle_camera(self) -> None:
        self._camera_is_on = not self._camera_is_on
        if self._camera_is_on:
            await self._stage.school.power_on(self._stage.camera)
        else:
            await self._stage.school.power_off(self._stage.camera)

    async def _kill(self) -> None:
        if self._killing:
            return
        self._killing = True
        try:
            pid = self._stage.gateway.pid
            await self._stage.gateway.kill()
            self._teller.say("killed", pid=pid)
            await self._stage.clock.sleep(_RESTART_S)
            await self._stage.start_gateway()
            self._teller.say("restarted", pid=self._stage.gateway.pid)
        finally:
            self._killing = False

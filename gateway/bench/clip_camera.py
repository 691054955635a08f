"""An ONVIF camera with many buttons in a process of its own, pressed from outside: both ends of the pipe."""

import argparse
import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from gateway.bench.processes import Child, child, python
from gateway.bench.record_cameras import BIT_RATE, FPS, GOP_SECONDS, HEIGHT, PASSWORD, WIDTH

_LOOP_SECONDS = 4.0
_RENDER_LIMIT_S = 60.0


@dataclass(frozen=True, slots=True)
class Camera:
    """The camera at that port; its inputs are `DI_1` and so on."""

    port: int
    process: Child

    async def press(self, numbers: Sequence[int]) -> datetime:
        """Close these inputs in one instant; the moment (UTC)."""
        await self.process.tell(json.dumps(list(numbers)))
        return datetime.fromisoformat(json.loads(await self.process.line()))


@contextlib.asynccontextmanager
async def camera(inputs: int, directory: Path) -> AsyncIterator[Camera]:
    """A camera with so many inputs for the length of a `with`. Raises BenchError."""
    command = python("gateway.bench.clip_camera", str(inputs))
    async with child("camera", *command, directory=directory) as process:
        yield Camera(int(json.loads(await process.line(_RENDER_LIMIT_S))), process)


# ---- the other end: the process


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve, pressed by lines of standard input, until SIGTERM or the end of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("inputs", type=int)
    asyncio.run(_serve(parser.parse_args(arguments).inputs))
    return 0


async def _serve(inputs: int) -> None:
    """Until the end of standard input: whoever started us is gone then."""
    from gateway.clock import SystemClock  # noqa: PLC0415 - with those below it
    from simulators.camera import CameraSimulator, EncodedLoop, Video  # noqa: PLC0415 - loads PyAV: here alone
    from simulators.onvif import OnvifSimulator  # noqa: PLC0415
    from simulators.steer import stdin_lines  # noqa: PLC0415

    video = Video(width=WIDTH, height=HEIGHT, fps=FPS, bit_rate=BIT_RATE, gop_seconds=GOP_SECONDS)
    loop = await asyncio.to_thread(EncodedLoop.render, video, seconds=_LOOP_SECONDS)
    simulator = OnvifSimulator(
        CameraSimulator(loop=loop, password=PASSWORD),
        password=PASSWORD,
        inputs=[f"DI_{number}" for number in range(1, inputs + 1)],
    )
    await simulator.start()
    try:
        _say(simulator.port)
        async for line in stdin_lines():
            pressed = SystemClock().now()
            for number in json.loads(line):
                simulator.set_input(f"DI_{number}", active=True)
            _say(pressed.isoformat())
    finally:
        await simulator.stop()


def _say(what: object) -> None:
    sys.stdout.write(f"{json.dumps(what)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

"""Cameras in a process of their own, all of them playing one loop: both ends of the pipe."""

import argparse
import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

from gateway.bench.processes import Child, child, python

PASSWORD = "camera"  # noqa: S105 - the simulators', known to all

#: What each of them films: pixels, pictures a second, bits a second, seconds between key frames.
WIDTH, HEIGHT, FPS, BIT_RATE, GOP_SECONDS = 1280, 720, 25, 2_000_000, 2.0

_RENDER_LIMIT_S = 120.0
_LOOP_SECONDS = 8.0


class Cameras:
    """So many cameras; `urls` with user and password."""

    def __init__(self, process: Child, urls: Sequence[str]) -> None:
        self.urls = tuple(urls)
        self._process = process

    async def sent(self) -> list[int]:
        """How many pictures each has sent so far, to all its viewers."""
        await self._process.tell("sent")
        return list(map(int, json.loads(await self._process.line())))

    async def stop(self) -> list[int]:
        """Switch them off, after what was sent has left; how many pictures each has sent."""
        await self._process.tell("stop")
        return list(map(int, json.loads(await self._process.line())))


@contextlib.asynccontextmanager
async def cameras(count: int, directory: Path) -> AsyncIterator[Cameras]:
    """So many cameras for the length of a `with`. Raises BenchError."""
    command = python("gateway.bench.record_cameras", str(count))
    async with child("cameras", *command, directory=directory) as process:
        yield Cameras(process, json.loads(await process.line(_RENDER_LIMIT_S)))


# ---- the other end: the process


def main(arguments: Sequence[str] | None = None) -> int:
    """Serve, asked by lines of standard input, until SIGTERM or the end of it."""
    parser = argparse.ArgumentParser()
    parser.add_argument("count", type=int)
    asyncio.run(_serve(parser.parse_args(arguments).count))
    return 0


async def _serve(count: int) -> None:
    """Until the end of standard input: whoever started us is gone then."""
    from simulators.camera import CameraSimulator, EncodedLoop, Video  # noqa: PLC0415 - loads PyAV: here alone
    from simulators.steer import stdin_lines  # noqa: PLC0415

    video = Video(width=WIDTH, height=HEIGHT, fps=FPS, bit_rate=BIT_RATE, gop_seconds=GOP_SECONDS)
    loop = await asyncio.to_thread(EncodedLoop.render, video, seconds=_LOOP_SECONDS)
    simulators = [CameraSimulator(loop=loop, password=PASSWORD) for _ in range(count)]
    async with contextlib.AsyncExitStack() as stack:
        for simulator in simulators:
            await simulator.start()
            stack.push_async_callback(simulator.stop)
        _say([simulator.url.replace("://", f"://admin:{PASSWORD}@") for simulator in simulators])
        async for line in stdin_lines():
            if line.strip() == "stop":
                for simulator in simulators:
                    await simulator.stop()
            _say([sum(viewer.frames for viewer in simulator.viewers) for simulator in simulators])


def _say(what: object) -> None:
    sys.stdout.write(f"{json.dumps(what)}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())

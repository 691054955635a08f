"""The recorder process as the gateway sees it: started, listened to, ended, and started again when it died."""

import asyncio
import contextlib
import logging
import os
import random
import sys
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import NoReturn

from gateway.clock import Clock
from gateway.policy.backoff import Backoff
from gateway.recording.protocol import (
    EXIT_FAULT,
    MAX_LINE,
    CameraTask,
    Order,
    ProtocolError,
    Report,
    Task,
    decode_report,
    encode_order,
    encode_task,
)

logger = logging.getLogger(__name__)

#: How long the process may take to close its files at the end, before it is killed; seconds.
END_LIMIT_S = 5.0
#: A process that ran so long before it died is started again at once; seconds.
HEALTHY_S = 60.0

_MODULE = "gateway.recording.recorder"


class RecorderProcess:
    """Keeps one recorder running while it is wanted.

    `on_report` gets each report in order, `on_start` is called before the first, `on_end` after the last, with the exit code (negative:
    the signal), also where the process was told to end because it is not wanted for now.
    """

    def __init__(
        self,
        task: Task,
        *,
        clock: Clock,
        on_report: Callable[[Report], Awaitable[None]],
        on_start: Callable[[], Awaitable[None]],
        on_end: Callable[[int], Awaitable[None]],
    ) -> None:
        self._task = task
        self._clock = clock
        self._on_report = on_report
        self._on_start = on_start
        self._on_end = on_end
        self._input: asyncio.StreamWriter | None = None
        self._wanted = asyncio.Event()
        self._wanted.set()
        self._unwanted = asyncio.Event()
        self.pid: int | None = None
        self.deaths = 0
        self.rubbish = 0

    def want(self, *, running: bool) -> None:
        """Let it record, or let it end until further notice."""
        if running:
            self._unwanted.clear()
            self._wanted.set()
        else:
            self._wanted.clear()
            self._unwanted.set()

    def order(self, order: Order) -> None:
        """Record a camera, or forget it, from now on: the process that runs is told, and so is the next one."""
        others = tuple(camera for camera in self._task.cameras if camera.camera != order.camera)
        cameras = (*others, order) if isinstance(order, CameraTask) else others
        self._task = replace(self._task, cameras=cameras)
        if self._input is not None:
            self._input.write(encode_order(order))  # if it died, its successor knows

    async def run(self) -> NoReturn:
        """Until cancelled; the process has ended then, and its last reports have been passed on."""
        backoff, failures = Backoff(first_s=1.0, longest_s=30.0), 0
        while True:
            await self._wanted.wait()
            began = self._clock.monotonic()
            code = await self._run_once()
            died = self._wanted.is_set()
            if died:
                self.deaths += 1
                logger.warning("the recorder process ended with %d: started again", code)
            await self._on_end(code)
            if not died:
                continue
            failures = 1 if self._clock.monotonic() - began > HEALTHY_S else failures + 1
            await self._clock.sleep(backoff.delay(failures, random.random()))  # noqa: S311 - no secret

    async def _run_once(self) -> int:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-m", _MODULE),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            # Threads that share a few arenas of memory leave less of it lying about than one of each would.
            env={**os.environ, "MALLOC_ARENA_MAX": "4"},
            start_new_session=True,  # a terminal's Ctrl-C is for the gateway, which ends it properly
            limit=MAX_LINE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self.pid = process.pid
        await self._on_start()
        listening = asyncio.create_task(self._listen(process.stdout), name="recorder-reports")
        logging_ = asyncio.create_task(_log(process.stderr), name="recorder-log")
        unwanted = asyncio.create_task(self._unwanted.wait(), name="recorder-unwanted")
        try:
            process.stdin.write(encode_task(self._task))  # if it died already, its output ends, too
            self._input = process.stdin
            await asyncio.wait({listening, unwanted}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._input = None
            unwanted.cancel()
            process.stdin.close()
            await self._end(process, listening)
            # The last words of a process that died are worth reading.
            await asyncio.wait({logging_}, timeout=1.0)
            logging_.cancel()
            await asyncio.gather(unwanted, logging_, return_exceptions=True)
            self.pid = None
        return process.returncode if process.returncode is not None else EXIT_FAULT

    async def _end(self, process: asyncio.subprocess.Process, listening: asyncio.Task[None]) -> None:
        """Its input is closed, so it ends; what it still reports is heard."""
        try:
            async with asyncio.timeout(END_LIMIT_S):
                await listening
                await process.wait()
        except TimeoutError:
            logger.warning("the recorder process does not end: killed")
        finally:
            if process.returncode is None:
                await self._kill(process)

    @staticmethod
    async def _kill(process: asyncio.subprocess.Process) -> None:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        assert process.stdout is not None
        # Not even a kill ends one that waits for a dead disk: it is left to itself.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                while await process.stdout.read(MAX_LINE):
                    pass  # a pipe that is not read to its end is never closed
                await process.wait()

    async def _listen(self, output: asyncio.StreamReader) -> None:
        while True:
            try:
                line = await output.readline()
            except ValueError:
                self._count_rubbish(f"a line of more than {MAX_LINE} bytes")
                continue
            if not line:
                return
            try:
                report = decode_report(line)
            except ProtocolError as error:
                self._count_rubbish(str(error))
                continue
            await self._on_report(report)

    def _count_rubbish(self, what: str) -> None:
        self.rubbish += 1
        if self.rubbish == 1:
            logger.warning("the recorder process said what is no report (told once): %s", what)


async def _log(stderr: asyncio.StreamReader) -> None:
    """What the process has to say goes to our own log."""
    while True:
        try:
            line = await stderr.readline()
        except ValueError:
            continue  # a line too long for anyone to read
        if not line:
            return
        logger.info("recorder: %s", line.decode(errors="replace").rstrip())

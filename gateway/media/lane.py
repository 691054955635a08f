"""A queue of requests and the process that serves it: started when needed, killed when it hangs, started again."""

import asyncio
import logging
import random
from collections import deque
from dataclasses import dataclass
from typing import NoReturn

from gateway.clock import Clock
from gateway.media.process import Ended, WorkerProcess
from gateway.media.protocol import Answer, Fields, ProtocolError, Request, encode_request
from gateway.media.values import MediaDown, MediaRefused
from gateway.policy.backoff import Backoff

logger = logging.getLogger(__name__)

_TRIES = 2


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Job:
    request: Request
    frame: bytes
    limit_s: float
    answer: asyncio.Future[Answer]


class Lane:
    """One request after the other.

    `busy`: its process is at work. `deaths` counts processes that died or had to be killed, `rubbish` what was said on the pipe and is no answer.
    """

    def __init__(self, name: str, clock: Clock, *, waiting: int, idle_s: float) -> None:
        self._name = name
        self._clock = clock
        self._most = waiting
        self._idle_s = idle_s
        self._jobs: deque[_Job] = deque()
        self._wake = asyncio.Event()
        self._worker: WorkerProcess | None = None
        self._backoff = Backoff(first_s=0.2, longest_s=30.0)
        self._failures = 0
        self._number = 0
        self.busy = False
        self.deaths = 0
        self.rubbish = 0

    @property
    def pid(self) -> int | None:
        """Of its process; None while there is none."""
        return self._worker.pid if self._worker is not None else None

    @property
    def waiting(self) -> int:
        """How many requests wait for their turn."""
        return len(self._jobs)

    async def ask(self, operation: str, fields: Fields, *, limit_s: float, turn_s: float) -> Answer:
        """Have it done. `limit_s` is how long one try may take, `turn_s` how long to wait for its answer in all.

        Raises MediaRefused, MediaDown.
        """
        if len(self._jobs) >= self._most:
            raise MediaDown(f"{operation}: {self._most} requests are waiting already")
        self._number += 1
        request = Request(self._number, operation, fields)
        try:
            frame = encode_request(request)
        except ProtocolError as error:
            raise MediaRefused(f"{operation}: {error}") from None
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        job = _Job(request=request, frame=frame, limit_s=limit_s, answer=answer)
        self._jobs.append(job)
        self._wake.set()
        try:
            async with asyncio.timeout(turn_s):
                return await answer
        except TimeoutError:
            raise MediaDown(f"{operation}: not done within {turn_s:g} s") from None
        finally:
            answer.cancel()  # nobody waits for it any more
            if job in self._jobs:
                self._jobs.remove(job)

    def count_rubbish(self, what: str) -> None:
        """Something came from the process that is no answer."""
        self.rubbish += 1
        if self.rubbish == 1:
            logger.warning("the media process (%s) said what is no answer (told once): %s", self._name, what)

    async def run(self) -> NoReturn:
        """Until cancelled; the process has ended then."""
        job: _Job | None = None
        try:
            while True:
                job = await self._next()
                await self._serve(job)
        finally:
            await self._end()
            for left in ([job] if job is not None else []) + list(self._jobs):
                _fail(left, MediaDown("the media process was ended"))

    async def _next(self) -> _Job:
        while not self._jobs:
            self._wake.clear()
            try:
                async with asyncio.timeout(self._idle_s if self._worker is not None else None):
                    await self._wake.wait()
            except TimeoutError:
                await self._end()
        return self._jobs.popleft()

    async def _serve(self, job: _Job) -> None:
        """Answer the request, or fail it; a request in work when two processes died is to blame."""
        why = ""
        for _ in range(_TRIES):
            if job.answer.done():
                return
            try:
                worker = await self._started()
            except Ended as ended:
                await self._died(str(ended))
                _fail(job, MediaDown(f"the media process does not start: {ended}"))
                return
            self.busy = True
            try:
                async with asyncio.timeout(job.limit_s):
                    answer = await worker.ask(job.request.number, job.frame)
            except TimeoutError:
                why = f"took more than {job.limit_s:g} s"
                await self._died(f"{job.request.operation} {why}")
            except Ended as ended:
                why = str(ended)
                await self._died(why)
            else:
                self._failures = 0
                _settle(job, answer)
                return
            finally:
                self.busy = False
        refusal = f"{job.request.operation}: tried {_TRIES} times, the media process {why}"
        logger.warning("%s", refusal)
        _fail(job, MediaRefused(refusal))

    async def _started(self) -> WorkerProcess:
        """The process, ready to be asked. Raises Ended."""
        if self._worker is not None and not self._worker.alive:
            await self._died("ended while it had nothing to do")
        if self._worker is None:
            if self._failures:
                await self._clock.sleep(
                    self._backoff.delay(self._failures, random.random())  # noqa: S311 - no secret
                )
            self._worker = await WorkerProcess.start(self._name, self.count_rubbish)
            await self._worker.ready()
        return self._worker

    async def _died(self, why: str) -> None:
        self.deaths += 1
        self._failures += 1
        logger.warning("the media process (%s): %s; started again when needed", self._name, why)
        worker, self._worker = self._worker, None
        if worker is not None:
            await worker.kill()

    async def _end(self) -> None:
        worker, self._worker = self._worker, None
        if worker is not None:
            await worker.end()


def _settle(job: _Job, answer: Answer) -> None:
    refused, down = answer.fields.get("refused"), answer.fields.get("down")
    if refused is not None:
        _fail(job, MediaRefused(f"{job.request.operation}: {refused}"))
    elif down is not None:
        _fail(job, MediaDown(f"{job.request.operation}: {down}"))
    elif not job.answer.done():
        job.answer.set_result(answer)


def _fail(job: _Job, error: Exception) -> None:
    if not job.answer.done():
        job.answer.set_exception(error)

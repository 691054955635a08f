"""One media process as the gateway holds it: its pipes, its log, its end."""

import asyncio
import contextlib
import logging
import sys
from collections.abc import Callable
from typing import Self

from gateway.errors import GatewayError
from gateway.media.protocol import PREFIX, READY, Answer, ProtocolError, decode, integer, lengths

logger = logging.getLogger(__name__)

#: How long a process may take to load its libraries, and to end when its input closed; seconds.
START_LIMIT_S, END_LIMIT_S = 30.0, 3.0

_MODULE = "gateway.media.worker"
_LONGEST_LINE = 64 * 1024


class Ended(GatewayError):  # noqa: N818 - what happened, in the words of the house
    """The process is gone, or what it says can't be understood any more."""


class WorkerProcess:
    """A running process. `rubbish` is told of each frame that answers nothing."""

    def __init__(
        self, process: asyncio.subprocess.Process, name: str, rubbish: Callable[[str], None]
    ) -> None:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        self._process = process
        self._input, self._output = process.stdin, process.stdout
        self._rubbish = rubbish
        self._log = asyncio.create_task(_log(process.stderr, name), name=f"media-{name}-log")

    @classmethod
    async def start(cls, name: str, rubbish: Callable[[str], None]) -> Self:
        """Start one. Raises Ended if the machine does not let us."""
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable,
                *("-m", _MODULE),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,  # a terminal's Ctrl-C is for the gateway, which ends it properly
                limit=_LONGEST_LINE,
            )
        except OSError as error:
            raise Ended(f"can't be started: {error.strerror}") from None
        return cls(process, name, rubbish)

    @property
    def pid(self) -> int:
        """Of the process."""
        return self._process.pid

    @property
    def alive(self) -> bool:
        """Whether it has not ended, as far as is known."""
        return self._process.returncode is None

    async def ready(self) -> None:
        """Wait until it can be asked. Raises Ended."""
        try:
            async with asyncio.timeout(START_LIMIT_S):
                await self._answer(READY)
        except TimeoutError:
            raise Ended(f"not ready within {START_LIMIT_S:g} s") from None

    async def ask(self, number: int, frame: bytes) -> Answer:
        """Send a request and wait for its answer. Raises Ended; who asks bounds the time."""
        try:
            self._input.write(frame)
            await self._input.drain()
        except OSError as error:
            raise Ended(self._how(f"does not read: {error}")) from None
        return await self._answer(number)

    async def end(self) -> None:
        """Close its input, so that it ends; kill it if it does not."""
        self._input.close()
        try:
            async with asyncio.timeout(END_LIMIT_S):
                await self._drained()
        except TimeoutError:
            logger.info("the media process %d does not end: killed", self.pid)
        finally:
            await self.kill()

    async def kill(self) -> None:
        """End it at once; what it still wrote to its log is read."""
        if self.alive:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
        self._input.close()
        # Not even a kill ends one that waits for a dead disk: it is left to itself.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(1.0):
                await self._drained()
        await asyncio.wait({self._log}, timeout=1.0)
        self._log.cancel()
        await asyncio.gather(self._log, return_exceptions=True)

    async def _drained(self) -> None:
        while await self._output.read(_LONGEST_LINE):
            pass  # a pipe that is not read to its end is never closed
        await self._process.wait()

    async def _answer(self, number: int) -> Answer:
        while True:
            answer = await self._frame()
            if answer.fields.get("number") == number:
                fields = answer.fields.get("fields")
                if isinstance(fields, dict):
                    return Answer(fields, answer.blob)
            self._rubbish(f"an answer to nothing: {str(answer.fields)[:100]}")

    async def _frame(self) -> Answer:
        """The next frame whose header can be read. Raises Ended."""
        while True:
            try:
                header, blob = lengths(await self._output.readexactly(PREFIX))
                data = await self._output.readexactly(header)
                body = await self._output.readexactly(blob)
            except asyncio.IncompleteReadError:
                raise Ended(self._how("closed its output")) from None
            except OSError as error:
                raise Ended(self._how(f"can't be heard: {error}")) from None
            except ProtocolError as error:
                self._rubbish(str(error))
                raise Ended(f"talks nonsense: {error}") from None
            try:
                fields = decode(data)
                integer(fields, "number")
            except ProtocolError as error:
                self._rubbish(str(error))
                continue
            return Answer(fields, body)

    def _how(self, what: str) -> str:
        code = self._process.returncode
        return what if code is None else f"ended with {code}"


async def _log(stderr: asyncio.StreamReader, name: str) -> None:
    """What the process has to say goes to our own log."""
    while True:
        try:
            line = await stderr.readline()
        except ValueError:
            continue  # a line too long for anyone to read
        if not line:
            return
        logger.info("media (%s): %s", name, line.decode(errors="replace").rstrip())

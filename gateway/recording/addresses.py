"""The stream addresses of cameras that are asked for them: what each said last, kept over a restart, asked for again."""

import asyncio
import json
import logging
import os
import random
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Literal, NoReturn

from gateway.clock import Clock
from gateway.driver import Streams
from gateway.errors import DeviceRefused, DeviceUnavailable
from gateway.policy.backoff import Backoff
from gateway.recording.protocol import Cause
from gateway.store.files import FileThread
from gateway.store.side import sync_directory

logger = logging.getLogger(__name__)

#: A camera's driver that has said nothing for so long is asked again; seconds.
ASK_LIMIT_S = 60.0

_SOON = Backoff(first_s=2.0, longest_s=60.0)
_REFUSED_S = 60.0
_AGAIN_S = 60.0  # one that has answered is not asked again before
_MOST_BYTES = 1024 * 1024

Addresses = Callable[[str], Awaitable[Streams]]


async def no_addresses(camera: str) -> Streams:
    """Where there is nobody to ask. Raises DeviceUnavailable."""
    raise DeviceUnavailable(f"nobody here knows the address of {camera}")


class AddressBook:
    """What each camera said last, in a file that is whole at any time; not being able to write it is said once."""

    def __init__(self, path: Path, files: FileThread) -> None:
        self._path = path
        self._files = files
        self._known: dict[str, Streams] = {}
        self._failing = False

    async def load(self) -> Mapping[str, Streams]:
        """What was kept; nothing where that can't be read."""
        try:
            self._known = _parse(await self._files.do(_read, self._path))
        except FileNotFoundError:
            pass
        except (OSError, ValueError, TypeError, AttributeError) as error:
            logger.warning("%s can't be read, cameras are asked: %s", self._path, error)
        return self._known

    async def keep(self, camera: str, streams: Streams) -> None:
        """Remember it, on disk if that takes it."""
        if self._known.get(camera) == streams:
            return
        self._known[camera] = streams
        text = json.dumps({name: asdict(known) for name, known in sorted(self._known.items())}, indent=1)
        try:
            await self._files.do(_replace, self._path, text)
        except OSError as error:
            if not self._failing:
                logger.warning("%s can't be written: %s", self._path, error)
            self._failing = True
        else:
            self._failing = False


class AddressKeeper:
    """Asks for one camera's address until it has it, and again when told to. It is the only one who waits for that camera.

    `on_address` is told each answer, `on_unknown` why there was none.
    """

    def __init__(
        self,
        camera: str,
        stream: Literal["main", "sub"],
        *,
        ask: Addresses,
        book: AddressBook,
        clock: Clock,
        on_address: Callable[[str], Awaitable[None]],
        on_unknown: Callable[[Cause, str], Awaitable[None]],
    ) -> None:
        self._camera = camera
        self._stream = stream
        self._ask = ask
        self._book = book
        self._clock = clock
        self._on_address = on_address
        self._on_unknown = on_unknown
        self._wanted = asyncio.Event()

    def ask_again(self) -> None:
        """It may have another address by now; returns at once."""
        self._wanted.set()

    def choose(self, streams: Streams) -> str:
        """The address of the stream that the site file wants; of a camera without a second one it is the first."""
        return (streams.sub or streams.main) if self._stream == "sub" else streams.main

    async def run(self) -> NoReturn:
        """Until cancelled."""
        while True:
            self._wanted.clear()
            streams = await self._answer()
            await self._book.keep(self._camera, streams)
            await self._on_address(self.choose(streams))
            await self._clock.sleep(_AGAIN_S)
            await self._wanted.wait()

    async def _answer(self) -> Streams:
        failures = 0
        while True:
            failures += 1
            wait_s = _SOON.delay(failures, random.random())  # noqa: S311 - spreads attempts, guards nothing
            try:
                async with asyncio.timeout(ASK_LIMIT_S):
                    return await self._ask(self._camera)
            except DeviceRefused as error:
                wait_s = max(wait_s, _REFUSED_S)
                await self._on_unknown(Cause.CAMERA, f"does not tell its address: {error}")
            except (DeviceUnavailable, TimeoutError) as error:
                words = str(error) or f"no answer within {ASK_LIMIT_S:.0f} s"
                await self._on_unknown(Cause.NETWORK, f"its address is not known: {words}")
            await self._clock.sleep(wait_s)


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(_MOST_BYTES)


def _parse(data: bytes) -> dict[str, Streams]:
    return {camera: Streams(**streams) for camera, streams in json.loads(data).items()}


def _replace(path: Path, text: str) -> None:
    """Atomic and durable: another file, synced, renamed over the old one, its folder synced."""
    fresh = path.with_suffix(".new")
    with fresh.open("w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    fresh.replace(path)
    sync_directory(path.parent)

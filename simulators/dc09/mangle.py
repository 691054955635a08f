"""What can go wrong with one frame on its way: split, joined, doubled, damaged, cut off. Each is for the next one sent, once."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable

from simulators.dc09.frames import frame
from simulators.dc09.link import Link

_Mangle = Callable[[Link, bytes], Awaitable[bool]]


class Mangling(ABC):
    """The faults of a single frame. A later one takes the place of one that is not used yet."""

    def __init__(self) -> None:
        self._next: _Mangle | None = None

    def split_next(self, at: int, pause_s: float = 0.1) -> None:
        """The next frame goes in two writes, the second behind a pause."""

        async def split(link: Link, data: bytes) -> bool:
            link.write(data[:at])
            await asyncio.sleep(pause_s)
            link.write(data[at:])
            return True

        self._next = split

    def join_next(self) -> None:
        """The next two messages, when two wait, go in one write, and each is acknowledged by itself."""

        async def join(link: Link, data: bytes) -> bool:
            second = self._following()
            if second is None:
                self._next = join
                return False
            link.write(data + second)
            return True

        self._next = join

    def duplicate_next(self) -> None:
        """The next frame goes twice in two writes."""

        async def duplicate(link: Link, data: bytes) -> bool:
            link.write(data)
            await asyncio.sleep(0)
            link.write(data)
            return True

        self._next = duplicate

    def damage_next(self) -> None:
        """The next frame has a wrong CRC; its repetition is right."""

        async def damage(link: Link, data: bytes) -> bool:
            link.write(frame(data[9:-1], crc_error=0x0001))
            return True

        self._next = damage

    def cut_next(self, at: int) -> None:
        """The connection ends in the middle of the next frame; it goes whole over the next connection."""

        async def cut(link: Link, data: bytes) -> bool:
            link.write(data[:at])
            await link.end(flush=True)
            raise ConnectionAbortedError(f"cut after {at} bytes of a frame")

        self._next = cut

    async def _mangled(self, link: Link, data: bytes) -> bool:
        """Send it as asked; False if nothing was asked."""
        mangle, self._next = self._next, None
        return mangle is not None and await mangle(link, data)

    @abstractmethod
    def _following(self) -> bytes | None: ...

"""What the TCP and the UDP listener have in common: where they listen, how they end, and why they can't."""

import asyncio
import errno
from abc import ABC, abstractmethod
from collections.abc import Coroutine
from typing import NoReturn

from gateway.clock import Clock
from gateway.errors import DeviceRefused, DeviceUnavailable, first_cause

#: The most bytes that one read gives, and the longest datagram taken.
READ_BYTES = 4096

#: As the socket gives it: host and port, and more for IPv6.
Address = tuple[str | int, ...]


class Listener(ABC):
    """What both have: where they listen, and how they end."""

    def __init__(self, host: str, port: int, clock: Clock, what: str) -> None:
        self._host = host
        self._port = port
        self._clock = clock
        self._what = what
        self._bound: int | None = None
        self._ready = asyncio.Event()

    @property
    def port(self) -> int | None:
        """The port it listens on, while it does."""
        return self._bound

    async def ready(self) -> None:
        """Wait until it listens. Where it can't, `run` says so."""
        await self._ready.wait()

    async def run(self) -> NoReturn:
        """Serve until cancelled.

        Raises DeviceUnavailable or DeviceRefused where the port can't be had, and whatever the handler raises but for
        connection trouble.
        """
        try:
            async with asyncio.TaskGroup() as tasks:
                await self._listen(tasks)
        except BaseExceptionGroup as group:
            raise first_cause(group) from group
        raise AssertionError("a listener ends only by an error")

    @abstractmethod
    async def _listen(self, tasks: asyncio.TaskGroup) -> NoReturn: ...

    def _listens(self, address: Address) -> None:
        self._bound = int(address[1])
        self._ready.set()


def start(tasks: asyncio.TaskGroup, work: Coroutine[None, None, None], name: str) -> None:
    """Begin a piece of work in the group, unless the group is ending."""
    try:
        tasks.create_task(work, name=name)
    except RuntimeError:  # the group is ending: its socket is closed in a moment
        work.close()


def name_of(address: object) -> str:
    """`10.0.0.5:4321`, `[fe80::1]:4321`; a caller that is gone before it is looked at has no address."""
    if not isinstance(address, tuple):
        return "a caller that is gone"
    host, port = address[0], address[1]
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def bind_error(
    error: OSError, what: str, host: str, port: int, protocol: str
) -> DeviceUnavailable | DeviceRefused:
    """Why a port can't be had, in words for a technician."""
    where = f"{what} can't listen on {host} port {port} ({protocol})"
    if error.errno == errno.EADDRINUSE:
        return DeviceUnavailable(
            f"{where}: it is in use, perhaps by a gateway that runs already or by the panel maker's own receiver; "
            f"`ss -lntup` shows by whom; end that one, or choose another `port`"
        )
    if error.errno == errno.EACCES:
        return DeviceRefused(
            f"{where}: no right to it; ports below 1024 need CAP_NET_BIND_SERVICE; choose a `port` from 1024 up"
        )
    if error.errno == errno.EADDRNOTAVAIL:
        return DeviceUnavailable(
            f'{where}: this machine has no such address now; check `host` and the network, or use "0.0.0.0"'
        )
    return DeviceUnavailable(f"{where}: {error.strerror or error}; check `host` and `port`")

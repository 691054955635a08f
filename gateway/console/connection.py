"""One TCP connection of the console: refused when there are too many, cut off when its client is silent or does not read."""

import asyncio
import socket
from typing import ClassVar, cast

from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle

from gateway.console.views import Limits

#: What the kernel takes of an answer before it is on its way: what lies there for a slow line would be old when it comes. Bytes.
_UNSENT = 128 * 1024


class Connection(H11Protocol):
    """An HTTP/1.1 connection of uvicorn's with our limits."""

    limits: ClassVar[Limits] = Limits()
    behind_proxy: ClassVar[bool] = False

    _deadline: asyncio.TimerHandle | None = None
    _stalled: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override] # as uvicorn has it
        """Take the connection, or refuse it."""
        super().connection_made(transport)
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, _UNSENT)
        if self._is_one_too_many():
            transport.abort()
        else:
            self._expect_request()

    def data_received(self, data: bytes) -> None:
        """Take bytes of a request."""
        super().data_received(data)
        self._expect_request()

    def pause_writing(self) -> None:
        """The client reads more slowly than it is written to: for so long, and no longer."""
        super().pause_writing()
        self._stalled = self.loop.call_later(self.limits.stall_s, self.transport.abort)

    def resume_writing(self) -> None:
        """The client has read on."""
        super().resume_writing()
        if self._stalled is not None:
            self._stalled.cancel()

    def connection_lost(self, exc: Exception | None) -> None:
        """Let go of the timers."""
        for timer in (self._deadline, self._stalled):
            if timer is not None:
                timer.cancel()
        super().connection_lost(exc)

    def _is_one_too_many(self) -> bool:
        if len(self.connections) > self.limits.connections:
            return True
        if self.behind_proxy or self.client is None:
            return False
        same = [
            other
            for other in self.connections
            if isinstance(other, Connection) and other.client and other.client[0] == self.client[0]
        ]
        return len(same) > self.limits.connections_an_address

    def _expect_request(self) -> None:
        """While no request is being answered, the next one must be there in time."""
        if not self._is_answering():
            if self._deadline is None:
                self._deadline = self.loop.call_later(self.limits.request_s, self._give_up)
        elif self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        if not self._is_answering():
            self.transport.abort()

    def _is_answering(self) -> bool:
        cycle = cast("RequestResponseCycle | None", self.cycle)  # None before the first request
        return cycle is not None and not cycle.response_complete


def connection_class(limits: Limits, *, behind_proxy: bool) -> type[Connection]:
    """The class of connections for a listener.

    Behind a proxy all connections come from one address, so they are not counted by address there.
    """
    return type("ConsoleConnection", (Connection,), {"limits": limits, "behind_proxy": behind_proxy})

"""What the county has stored and receipted of a benchmark's alarm events, as it happens."""

import asyncio
from datetime import datetime

from gateway.model import EventType
from simulators.county import County, Event, Receipt

_PRESSES = frozenset({EventType.ALARM_RAISED.value, EventType.ALARM_REPEATED.value})


class Ear:
    """Listens to one county; lives on its event loop. `alarms` are the ids of all alarm events, each once."""

    def __init__(self, county: County) -> None:
        self.alarms: set[str] = set()
        self.payload_bytes = 0
        self.last: Event | None = None
        self._press: tuple[str, asyncio.Future[Event]] | None = None
        self._upto: dict[str, int] = {}
        self._receipted_ns: dict[str, int] = {}
        self._receipt = asyncio.Event()
        county.on_event = self._hear
        county.on_receipt = self._hear_receipt

    def expect_press(self, point: str) -> "asyncio.Future[Event]":
        """Done with the next event that says that this point was pressed. Ask before pressing."""
        future: asyncio.Future[Event] = asyncio.get_running_loop().create_future()
        self._press = (point, future)
        return future

    async def receipted(self, event: Event) -> float:
        """Wait until a receipt covers this event and all before it; when it was sent, in seconds of CLOCK_MONOTONIC."""
        while self._upto.get(event.stream, 0) < event.sequence:
            self._receipt.clear()
            await self._receipt.wait()
        return self._receipted_ns[event.stream] / 1e9

    def _hear(self, event: Event, _at: datetime, _ns: int) -> None:
        if event.type.startswith("campus.alarm."):
            self.alarms.add(event.id)
            self.payload_bytes += len(event.payload)
            if self.last is None or event.sequence > self.last.sequence:
                self.last = event
        if self._press is not None and event.type in _PRESSES and event.subject == self._press[0]:
            (_, future), self._press = self._press, None
            if not future.done():
                future.set_result(event)

    def _hear_receipt(self, receipt: Receipt, _at: datetime, ns: int) -> None:
        if receipt.upto > self._upto.get(receipt.stream, 0):
            self._upto[receipt.stream] = receipt.upto
            self._receipted_ns[receipt.stream] = ns
            self._receipt.set()

"""The event memory of a panel: what a person does there, and what became of it."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Sequence

from simulators.dc09 import events
from simulators.dc09.composer import Message
from simulators.dc09.events import Format, PanelEvent
from simulators.dc09.frames import Answer
from simulators.delivery import Delivered, Delivery

#: Answers that answered nothing, remembered at most.
MOST_STRAYS = 1000


class Memory(ABC):
    """Events in the order in which they happened; none is dropped, whatever happens to line and power."""

    def __init__(self, form: Format) -> None:
        self.form = form
        self.delivery: Delivery[Message] = Delivery()
        self.refused: list[Message] = []
        self.strays: deque[Answer] = deque(maxlen=MOST_STRAYS)
        self.on_acknowledged: Callable[[Delivered[Message]], None] = lambda _done: None
        self._kinds: dict[int, str] = {}

    # ---- what happens at the panel

    def press(self, zone: int, kind: str = "panic") -> PanelEvent:
        """Queue an alarm of that zone. Raises ValueError for a kind that is not in `events.KINDS`."""
        event = self.send_data(events.alarm(self.form, kind, zone))
        self._kinds[zone] = kind
        return event

    def restore(self, zone: int) -> PanelEvent:
        """Queue the return of what was pressed there last, panic if nothing was."""
        return self.send_data(events.alarm(self.form, self._kinds.get(zone, "panic"), zone, restored=True))

    def send(self, code: str, zone: int, group: int = 0, xdata: Sequence[str] = ()) -> PanelEvent:
        """Queue any code of the format: `PA`, or `1120`. Raises ValueError."""
        return self.send_data(events.coded(self.form, code, zone, group), xdata)

    def known_code(self, code: str) -> str:
        """The code, if its format can say it. Raises ValueError."""
        return events.known_code(self.form, code)

    def send_data(self, data: str, xdata: Sequence[str] = ()) -> PanelEvent:
        """Queue a message with this data behind account and bar, right or not; xdata fields begin with their letter."""
        event = PanelEvent(data, tuple(xdata))
        self.delivery.put(Message(event))
        self._something_waits()
        return event

    # ---- what became of it

    @property
    def acknowledged(self) -> Sequence[Delivered[Message]]:
        """What was acknowledged, in order."""
        return self.delivery.delivered

    @property
    def waiting(self) -> tuple[PanelEvent, ...]:
        """What is still to be told, the head first."""
        return tuple(message.event for message in self.delivery.waiting)

    async def all_acknowledged(self, within_s: float = 30.0) -> None:
        """Return when nothing waits. Raises TimeoutError."""
        await self.delivery.all(within_s)

    async def acknowledgement(self, number: int, within_s: float = 30.0) -> Delivered[Message]:
        """The `number`-th acknowledgement, from 1, as soon as it is there. Raises TimeoutError."""
        return await self.delivery.count(number, within_s)

    @abstractmethod
    def _something_waits(self) -> None: ...

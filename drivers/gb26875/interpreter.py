"""Pure: reads the frames of one panel, one after the other, and remembers what the next one depends on."""

from collections.abc import Mapping
from datetime import datetime
from itertools import islice

from drivers.gb26875.content import Content
from drivers.gb26875.interpretation import Interpretation
from drivers.gb26875.meaning import Meaning
from drivers.gb26875.memory import Memory
from drivers.gb26875.questions import MAX_SYSTEMS
from drivers.gb26875.settings import FireDevice, FirePoint
from gateway.model import Origin


class Interpreter:
    """Knows the points and systems of one panel, and what of them was active: a rest that is known is no news."""

    def __init__(self, device: FireDevice) -> None:
        self._device = device.id
        self._points: Mapping[tuple[tuple[int, int] | None, int], FirePoint] = {
            (point.settings.system, point.settings.address): point for point in device.points
        }
        self.systems = {point.settings.component.system for point in device.points if point.settings.system}
        self.memory = Memory()

    def read(self, content: Content, origin: Origin, now: datetime, *, clock_trusted: bool) -> Meaning:
        """What this means, as an event or as an answer that tells the present state."""
        reading = Interpretation(
            self._device, self._points, self.systems, self.memory, origin, now, clock_trusted
        )
        for thing in content.objects:
            reading.take(thing)
        return reading.meaning

    def remember(self, meaning: Meaning) -> None:
        """It is on its way to the journal: what comes next comes after it."""
        new = sorted(meaning.systems - self.systems)  # as many are kept as one question holds
        self.systems |= set(islice(new, max(0, MAX_SYSTEMS - len(self.systems))))
        if meaning.reset:
            self.memory.clear()
        self.memory.take(meaning.levels)

    def forget(self, meaning: Meaning) -> None:
        """It is not known any more which of these was last in the journal: the rest of each is told again."""
        self.memory.forget(meaning.levels)

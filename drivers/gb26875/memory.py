"""Pure: what was last said of each condition of one panel, and by which of its systems; bounded."""

from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from drivers.gb26875.content import System

#: So many conditions of a panel are remembered at most; of an older one its return is told once more.
REMEMBERED = 16_384

#: A point, and the kind of its alarm or the word of its notice.
Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Last:
    """Whether it was active, and which system said so, as an event or as an answer; None is the transmission device."""

    active: bool
    system: System | None
    by_event: bool


class Memory:
    """What is on its way to the journal, or there. What is not known is told again."""

    def __init__(self) -> None:
        self._known: OrderedDict[Key, Last] = OrderedDict()

    def __len__(self) -> int:
        return len(self._known)

    def get(self, key: Key) -> Last | None:
        """What was last said of it."""
        return self._known.get(key)

    def active_of(self, system: System | None) -> Iterator[Key]:
        """What this system has said to be active."""
        return (key for key, last in self._known.items() if last.active and last.system == system)

    def take(self, said: Mapping[Key, Last]) -> None:
        """Remember this; the oldest is forgotten for it."""
        for key, last in said.items():
            self._known[key] = last
            self._known.move_to_end(key)
        while len(self._known) > REMEMBERED:
            self._known.popitem(last=False)

    def forget(self, keys: Iterable[Key]) -> None:
        """It is not known any more what the journal has of these."""
        for key in keys:
            self._known.pop(key, None)

    def clear(self) -> None:
        """All of them."""
        self._known.clear()

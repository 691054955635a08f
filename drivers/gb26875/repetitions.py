"""Pure: tells a frame that a panel sends again from one that only has the same bytes (DESIGN I3)."""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime

from drivers.gb26875.meaning import Meaning
from gateway.model import Level, Message

#: The journal knows a repetition among an account's last messages, for so many seconds.
REPETITIONS = 16
REPETITION_S = 600.0

#: Where a frame has its time tag (table of clause 6.3).
_TAG = slice(6, 12)


@dataclass(slots=True)
class _Known:
    at: float
    message: Message
    meaning: Meaning
    answered: bool = False


class Repetitions:
    """The last messages of one panel. All times are monotonic seconds.

    A panel whose clock stands still and that counts from 0 again after a power cut makes the very bytes of an earlier
    fire. A repetition follows what it repeats, so bytes that were confirmed and come again behind other messages with the
    same time tag are a new message if they raise an alarm: it gets a stamp for the journal.
    """

    def __init__(self) -> None:
        self._known: OrderedDict[bytes, _Known] = OrderedDict()
        self._last = b""  # that the panel has sent by itself; answers to us come in between

    def find(self, raw: bytes, now: float) -> tuple[Message, Meaning] | None:
        """What these bytes were, if they were sent again: what has come since does not make it another."""
        known = self._known.get(raw)
        if known is None or now - known.at > REPETITION_S or self._is_new(raw, known):
            return None
        return known.message, known.meaning

    def _is_new(self, raw: bytes, known: _Known) -> bool:
        raises = any(signal.level is Level.ACTIVE for signal in known.message.signals)
        return known.answered and raises and self._last != raw and self._last[_TAG] == raw[_TAG]

    def data_of(self, raw: bytes, now: float, wall: datetime) -> bytes:
        """The bytes for the journal of a frame that repeats nothing; it must not take them for a repetition."""
        known = self._known.get(raw)
        recent = known is not None and now - known.at <= REPETITION_S
        return raw + f" {wall.isoformat()} {now}".encode() if recent else raw

    def add(self, raw: bytes, message: Message, meaning: Meaning, now: float, *, answer: bool) -> None:
        """It is on its way to the journal; `answer` is whether the panel was asked for it."""
        if not answer:
            self._last = raw
        self._known.pop(raw, None)
        self._known[raw] = _Known(now, message, meaning)
        while len(self._known) > REPETITIONS:
            self._known.popitem(last=False)

    def answered(self, raw: bytes) -> None:
        """It was confirmed to the panel."""
        if (known := self._known.get(raw)) is not None:
            known.answered = True

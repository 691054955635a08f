"""How a panel makes its messages: whose account and key it shows, its sequence, its clock."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from simulators.dc09.events import Format, PanelEvent
from simulators.dc09.frames import Answer, Sender, frame

HIGHEST_SEQUENCE = 9999


@dataclass(slots=True, eq=False)
class Message:
    """An event on its way. Its frame is built once and repeated byte for byte, until a NAK, a power cycle or other credentials."""

    event: PanelEvent
    sequence: int | None = None
    data: bytes | None = None
    attempts: int = 0
    ahead: bool = False  # went out in one write with the message before it

    def forget(self) -> None:
        """After a power cut only the event is left."""
        self.sequence = self.data = None
        self.ahead = False


class Composer:
    """Frames of one account. `false` shows a wrong key, or without one a wrong account."""

    def __init__(self, own: Sender, form: Format, *, timestamps: bool) -> None:
        self.own = own
        self.false = False
        self.decimal_length = False
        self.clock_offset = timedelta()
        self._form = form
        self._timestamps = timestamps or own.key is not None  # required in encrypted messages (5.5.1.9)
        self._sequence = 0
        self._dice = random.Random(9)  # the same noise on each run

    def restart(self) -> None:
        """The next message is number 0001."""
        self._sequence = 0

    @property
    def shown(self) -> Sender:
        """The credentials that it presents."""
        own = self.own
        if not self.false:
            return own
        if own.key is not None:
            return replace(own, key=bytes(byte ^ 0xFF for byte in own.key))
        return replace(own, account=("E" if own.account.startswith("F") else "F") * len(own.account))

    def key(self) -> bytes | None:
        """The key that it presents."""
        return self.shown.key

    def frame(self, message: Message) -> bytes:
        """The message's own bytes, made now if it has none."""
        if message.sequence is None:
            self._sequence = message.sequence = self._sequence % HIGHEST_SEQUENCE + 1
        if message.data is None:
            data = f"#{self.shown.account}|{message.event.data}"
            message.data = self._frame(self._form, message.sequence, data, message.event.xdata)
        return message.data

    def null(self) -> bytes:
        """Link supervision, number 0000."""
        return self._frame("NULL", 0, None, ())

    def is_for(self, answer: Answer, sequence: int) -> bool:
        """A NAK has no number and is never encrypted; ACK and DUH are this message's, as secret as it."""
        if answer.word == "NAK":
            return True
        secret = self.shown.key is not None
        return (answer.sequence, answer.account, answer.encrypted) == (sequence, self.shown.account, secret)

    def correct_clock(self, nak: Answer) -> None:
        """Take over the receiver's time."""
        if nak.moment is not None:
            self.clock_offset = nak.moment - datetime.now(UTC)

    def noise(self) -> bytes:
        """Any bytes but LF: a frame begins nowhere in them."""
        return bytes(
            self._dice.choices([byte for byte in range(256) if byte != 0x0A], k=self._dice.randint(5, 24))
        )

    def _frame(self, identifier: str, sequence: int, data: str | None, xdata: Sequence[str]) -> bytes:
        moment = datetime.now(UTC) + self.clock_offset if self._timestamps else None
        sender = self.shown
        pad = sender.pad_for(data, self._dice, xdata=xdata, moment=moment) if sender.key else b""
        body = sender.body(identifier, sequence, data, xdata=xdata, moment=moment, pad=pad)
        return frame(body, decimal_length=self.decimal_length)

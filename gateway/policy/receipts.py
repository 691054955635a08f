"""What a county's receipt says, whether it can be true, and what it confirms (CONTRACT, `receipt`). Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError

from gateway.policy.ranges import Ranges, Run, runs_of

#: Runs of numbers remembered as stored at the county and not taken by the broker yet; past that the highest go.
HELD_RUNS = 1000

#: Larger ones are nonsense by their size alone: a county with so many holes asks in pieces.
RECEIPT_LIMIT_BYTES = 64 * 1024

_Number = Annotated[int, Field(ge=1, le=2**63 - 1)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """Stored without a gap up to `upto`, stored besides (`also`), asked for again (`missing`)."""

    stream: str
    upto: int
    also: tuple[Run, ...] = ()
    missing: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Nonsense:
    """Why a receipt can't be believed; nothing of it counts."""

    reason: str


@dataclass(slots=True, kw_only=True)
class StreamKnowledge:
    """What the gateway knows of one stream: what may have reached the county, and what is stored there.

    `published` are the numbers that may have been handed to a broker, by this process or one before, `numbered` the
    last number given. `taken` are those that a receipt may confirm: the broker took them from this process, or the
    journal knows a receipt of them. An earlier process may have been one of another journal, which gave the same
    numbers to other events before this one was put in its place; what a receipt says of numbers that are not taken is
    `held` until they are. `stored` is what receipts have confirmed so far, `upto` the highest `upto` of any that is
    taken without a gap, `reopened` what is wanted once more and has not been sent since: no receipt can speak of that.
    """

    published: Ranges
    numbered: int
    taken: Ranges = field(default_factory=Ranges)
    held: Ranges = field(default_factory=Ranges)
    stored: Ranges = field(default_factory=Ranges)
    upto: int = 0
    reopened: Ranges = field(default_factory=Ranges)

    def publish(self, sequence: int) -> None:
        """This number was handed to a broker: it waits in the outbox, so a receipt is to confirm it (anew)."""
        self.published.add(sequence, sequence)
        self.numbered = max(self.numbered, sequence)
        self.stored.remove(sequence, sequence)
        self.reopened.remove(sequence, sequence)

    def take(self, sequence: int) -> bool:
        """The broker took this number; whether a receipt has spoken of it already, so that it is confirmed now."""
        self.taken.add(sequence, sequence)
        if not self.held.remove(sequence, sequence):
            return False
        self.stored.add(sequence, sequence)
        stored_from_1 = self.stored.overlap(self.upto + 1, self.numbered)
        if stored_from_1 and stored_from_1[0][0] == self.upto + 1:
            self.upto = stored_from_1[0][1]
        return True

    def learn(self, meaning: "Meaning") -> None:
        """Keep what a receipt said."""
        self.upto = meaning.upto
        for first, last in meaning.confirmed:
            self.stored.add(first, last)
        for first, last in meaning.held:
            self.held.add(first, last)
        for first, last in list(self.held)[HELD_RUNS:]:
            self.held.remove(first, last)

    def reopen(self, first: int, last: int) -> None:
        """The county wants these once more: a receipt is to confirm them anew."""
        self.stored.remove(first, last)
        self.held.remove(first, last)
        self.reopened.add(first, last)


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a believable receipt says that was not known: these runs are stored, those are asked for again.

    `held` are stored too, as the county says, and count once the broker has taken them from this process.
    """

    upto: int
    confirmed: tuple[Run, ...]
    wanted: tuple[Run, ...]
    held: tuple[Run, ...] = ()


class _Body(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")

    stream: Annotated[str, StringConstraints(min_length=1, max_length=64)]
    upto: Annotated[int, Field(ge=0, le=2**63 - 1)]
    also: tuple[tuple[_Number, _Number], ...] = ()
    missing: tuple[_Number, ...] = ()


def parse_receipt(payload: bytes) -> Receipt | Nonsense:
    """The receipt in these bytes: JSON of the contract's form, at most RECEIPT_LIMIT_BYTES long."""
    if len(payload) > RECEIPT_LIMIT_BYTES:
        return Nonsense(f"{len(payload)} bytes long, at most {RECEIPT_LIMIT_BYTES} are read")
    try:
        body = _Body.model_validate_json(payload)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False, include_context=False)[0]
        where = ".".join(str(part) for part in first["loc"])
        return Nonsense(f"{where}: {first['msg']}" if where else first["msg"])
    if backwards := [pair for pair in body.also if pair[0] > pair[1]]:
        return Nonsense(f"also: {list(backwards[0])} runs backwards")
    return Receipt(stream=body.stream, upto=body.upto, also=body.also, missing=body.missing)


def weigh(receipt: Receipt, streams: Mapping[str, StreamKnowledge]) -> Meaning | Nonsense:
    """What the receipt means, by what is known of its stream.

    An `upto` that goes back says nothing new, and takes nothing back. `missing` numbers that were never published
    wait for their turn anyway and are left out.
    """
    known = streams.get(receipt.stream)
    if known is None:
        return Nonsense(f"stream {receipt.stream} is none of this destination")
    if receipt.missing and max(receipt.missing) > known.numbered:
        return Nonsense(f"missing {max(receipt.missing)}, but the last number is {known.numbered}")
    said = Ranges([*receipt.also, *([(1, receipt.upto)] if receipt.upto else [])])
    for first, last in said:
        if not known.published.covers(first, last):
            return Nonsense(f"{first} to {last} can't be stored: not all of it was published")
    fresh = [
        run
        for first, last in said
        for news in known.stored.missing(first, last)
        for run in known.reopened.missing(*news)
    ]
    confirmed = [run for news in fresh for run in known.taken.overlap(*news)]
    held = [run for news in fresh for run in known.taken.missing(*news)]
    wanted = [run for first, last in runs_of(receipt.missing) for run in known.published.overlap(first, last)]
    untaken = known.taken.missing(1, receipt.upto)
    upto = untaken[0][0] - 1 if untaken else receipt.upto
    return Meaning(
        upto=max(upto, known.upto), confirmed=tuple(confirmed), wanted=tuple(wanted), held=tuple(held)
    )

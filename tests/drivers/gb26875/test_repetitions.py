"""What is taken for a repetition, and what only has the same bytes."""

from datetime import UTC, datetime

from drivers.gb26875.meaning import Meaning
from drivers.gb26875.repetitions import REPETITION_S, REPETITIONS, Repetitions
from gateway.model import Kind, Level, Message, Origin, Signal
from tests.drivers.gb26875.panels import SEND, component, frame

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)


def add(
    repetitions: Repetitions, raw: bytes, level: Level, at: float = 0.0, *, answer: bool = False
) -> Message:
    """A message that goes to the journal."""
    signal = Signal(device="panel", point="smoke", kind=Kind.FIRE, level=level, origin=Origin.EVENT)
    message = Message(
        device="panel", account="panel", data=repetitions.data_of(raw, at, NOW), signals=(signal,)
    )
    repetitions.add(raw, message, Meaning(), at, answer=answer)
    return message


def raw(serial: int, second: int = 32) -> bytes:
    """A fire at this second of the panel's clock."""
    whole = frame(serial, SEND, component("10.2", 2))
    return whole[:6] + bytes((second,)) + whole[7:]


def test_sent_again() -> None:
    """The last message is repeated, answered or not; after the journal's time it is a new one."""
    repetitions = Repetitions()
    message = add(repetitions, raw(1), Level.ACTIVE)
    repetitions.answered(raw(1))

    assert repetitions.find(raw(1), REPETITION_S) == (message, Meaning())
    assert repetitions.find(raw(1), REPETITION_S + 1) is None
    assert repetitions.find(raw(2), 1) is None


def test_clock_that_stands_still() -> None:
    """Confirmed, followed by another of the same second, and come again: a fire is new, a rest is not."""
    for level, new in ((Level.ACTIVE, True), (Level.NORMAL, False)):
        repetitions = Repetitions()
        first = add(repetitions, raw(1), level)
        add(repetitions, raw(2), Level.NORMAL)
        assert repetitions.find(raw(1), 1) is not None  # it has not been answered
        repetitions.answered(raw(1))
        assert (repetitions.find(raw(1), 1) is None) is new
        if new:
            second = add(repetitions, raw(1), level, 1)
            assert second.data != first.data
            assert repetitions.find(raw(1), 2) == (second, Meaning())


def test_answer_in_between() -> None:
    """What the panel says when it is asked comes in between, and makes nothing new of what it sends again."""
    repetitions = Repetitions()
    add(repetitions, raw(1), Level.ACTIVE)
    repetitions.answered(raw(1))
    add(repetitions, raw(2), Level.ACTIVE, answer=True)

    assert repetitions.find(raw(1), 1) is not None


def test_clock_that_runs() -> None:
    """A late copy, as UDP may bring it, is no new fire: the panel's clock has gone on."""
    repetitions = Repetitions()
    add(repetitions, raw(1), Level.ACTIVE)
    repetitions.answered(raw(1))
    add(repetitions, raw(2, second=33), Level.NORMAL)

    assert repetitions.find(raw(1), 1) is not None


def test_bound() -> None:
    """As many are remembered as the journal knows."""
    repetitions = Repetitions()
    for n in range(REPETITIONS + 1):
        add(repetitions, raw(n), Level.ACTIVE)

    assert repetitions.find(raw(0), 1) is None
    assert repetitions.find(raw(1), 1) is not None

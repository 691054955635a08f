"""A repetition, or the same thing again: the bytes are the same, what went before is not."""

from itertools import count

from drivers.contact_id.repetitions import ANSWER_LOST_S, JOURNAL_WINDOW_S, REMEMBERED, Repetitions

OPENED = 1000.0
LATER = OPENED + JOURNAL_WINDOW_S + 1


class Line:
    def __init__(self) -> None:
        self._rules = Repetitions(OPENED)
        self._stamps = count()

    def heartbeat(self, at: float) -> None:
        """One is answered."""
        self._rules.heartbeat(at)

    def comes(self, message: bytes, at: float, *, answered: bool = True) -> bytes:
        """What the journal compares."""
        data = self._rules.data_of(message, at, str(next(self._stamps)))
        if answered:
            self._rules.answered(at)
        return data


def test_unanswered_is_repeated() -> None:
    """Without an answer the same bytes are a repetition, however late."""
    line = Line()
    first = line.comes(b"E", LATER, answered=False)

    assert line.comes(b"E", LATER + 300) == first


def test_a_lost_answer() -> None:
    """The same bytes soon after the answer mean that it was lost; later they mean a new press."""
    line = Line()
    first = line.comes(b"E", LATER)

    assert line.comes(b"E", LATER + 10) == first
    assert line.comes(b"E", LATER + 10 + ANSWER_LOST_S + 1) != first


def test_pressed_again_at_once() -> None:
    """A press after a return is a press, within the same second too."""
    line = Line()
    said = [line.comes(message, LATER) for message in (b"E", b"R", b"E", b"R")]

    assert len(set(said)) == 4


def test_usual_messages_go_as_they_are() -> None:
    """What has not been heard for 10 minutes has no stamp: after a crash the journal knows its repetition."""
    line = Line()

    assert line.comes(b"E", LATER) == b"E"
    assert line.comes(b"R", LATER + 1) == b"R"
    assert line.comes(b"E", LATER + JOURNAL_WINDOW_S + 2) == b"E"


def test_first_after_the_line_was_opened() -> None:
    """The first message may be an old one that was never answered, so it goes as it is; the next can't be."""
    line = Line()
    line.heartbeat(OPENED + 30)

    assert line.comes(b"E", OPENED + 31) == b"E"
    assert line.comes(b"F", OPENED + 32) != b"F"


def test_first_long_after_the_first_heartbeat() -> None:
    """Once the receiver has had its answer it would have sent the old one: what comes later is new."""
    line = Line()
    line.heartbeat(OPENED + 1)

    assert line.comes(b"E", OPENED + 60) != b"E"


def test_memory_is_bounded() -> None:
    """However many different messages come, it remembers a fixed number."""
    line = Line()
    for number in range(3 * REMEMBERED):
        line.comes(b"%d" % number, LATER)

    assert len(line._rules._known) == REMEMBERED

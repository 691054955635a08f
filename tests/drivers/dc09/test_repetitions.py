"""What is a repetition, and what only has the same bytes: every reason for it, by itself."""

from drivers.dc09.repetitions import ANSWER_LOST_S, JOURNAL_WINDOW_S, REMEMBERED, Repetitions

PRESS, RETURN = b"press", b"return"


class Account:
    """One account's messages, each answered unless it is said otherwise; stamps count."""

    def __init__(self) -> None:
        self.said = Repetitions(0.0)
        self.now = 0.0
        self._turn = 0

    def says(self, record: bytes, *, dated: bool = False, answered: bool = True) -> bytes | None:
        """What the journal is given."""
        self._turn += 1
        judged = self.said.judge(record, dated=dated, now=self.now, stamp=f"{self._turn}")
        if answered:
            self.said.answered(judged.key, self.now)
        return judged.data


def test_first_word_may_be_of_before() -> None:
    """It goes as it is, so that the journal knows it if it was recorded before a restart."""
    assert Account().says(PRESS) == PRESS


def test_what_follows_is_told_apart_from_before() -> None:
    """Within ten minutes the journal may have the bytes of another message; after that, and with a time, it can't."""
    account = Account()
    account.says(PRESS)
    assert account.says(RETURN) == RETURN + b" 2"
    assert account.says(b"with a time", dated=True) == b"with a time"
    account.now = JOURNAL_WINDOW_S + 1
    assert account.says(b"another") == b"another"


def test_after_a_call_nothing_is_of_before() -> None:
    """A panel that first says that it is there has nothing that waits."""
    account = Account()
    account.said.idle()
    assert account.says(PRESS) == PRESS + b" 1"


def test_what_waits_for_its_answer_is_one_message() -> None:
    """However often it comes, whatever comes between and however late: the journal gets the same bytes."""
    account = Account()
    account.says(b"first")
    data = account.says(PRESS, answered=False)
    account.says(RETURN)
    account.said.idle()
    account.now = 3600.0
    assert account.says(PRESS, answered=False) == data
    assert account.says(PRESS) == data


def test_lost_answer() -> None:
    """The last message again is a repetition for a minute after its first answer; repetitions do not prolong it."""
    account = Account()
    data = account.says(PRESS)
    account.now = ANSWER_LOST_S
    assert account.says(PRESS) == data
    account.now += 1
    assert account.says(PRESS) not in (data, None)


def test_new_ones_differ_from_each_other() -> None:
    """Each press of a panel that always says the same bytes is one of its own."""
    account = Account()
    seen = set()
    for _ in range(10):
        seen.add(account.says(PRESS))
        account.says(RETURN)
    assert len(seen) == 10


def test_number_and_right_time_are_the_same_message_for_good() -> None:
    """What said the right time is known whenever it comes again; the journal is asked only about the last one."""
    account = Account()
    account.says(PRESS, dated=True)
    assert account.says(PRESS, dated=True) == PRESS
    account.says(RETURN, dated=True)
    account.said.idle()
    account.now = 3600.0
    assert account.says(PRESS) is None
    assert account.says(RETURN) == RETURN


def test_memory_is_bounded() -> None:
    """The oldest are forgotten; no more than so many are kept."""
    account = Account()
    for number in range(REMEMBERED + 50):
        account.says(b"%d" % number, dated=True)
    assert len(account.said._known) == REMEMBERED
    assert account.says(b"51", dated=True) is None
    assert account.says(b"49", dated=True) == b"49"

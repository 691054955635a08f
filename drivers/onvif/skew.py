"""Pure: how far a camera's clock is off, and what to say of it."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from drivers.onvif.markup import Element

#: Zones are offset by quarters of an hour, and by 14 hours at most.
_QUARTER_S = 900
_FURTHEST_S = 14 * 3600


@dataclass(frozen=True, slots=True)
class Skew:
    """How many seconds a camera's clock is ahead of ours; `known` is False where it did not tell its time."""

    seconds: float = 0.0
    known: bool = True

    def is_wrong(self, limit_s: float) -> bool:
        """Whether it is off by more."""
        return self.known and abs(self.seconds) > limit_s

    def words(self, limit_s: float) -> str:
        """What to tell a person; `limit_s` also tells how exact a time zone must fit."""
        words = f"clock off by {abs(self.seconds):.0f} s"
        quarters = round(self.seconds / _QUARTER_S)
        off_s = abs(self.seconds - quarters * _QUARTER_S)
        if quarters and abs(self.seconds) <= _FURTHEST_S and off_s <= limit_s:
            hours, minutes = divmod(abs(quarters) * 15, 60)
            sign = "+" if quarters > 0 else "-"
            words += f": it tells local time as UTC ({sign}{hours:02d}:{minutes:02d}); set its time zone"
        return words

    def ours(self, told: datetime) -> datetime:
        """A moment that the camera told, by our clock."""
        return _moved(told, -self.seconds)

    def theirs(self, now: datetime) -> datetime:
        """Now, by the camera's clock."""
        return _moved(now, self.seconds)


def _moved(moment: datetime, seconds: float) -> datetime:
    """Within the years 1 to 9999: a camera may tell either."""
    try:
        return moment + timedelta(seconds=seconds)
    except OverflowError:
        return moment


def skew_of(answer: Element, asked: datetime, answered: datetime) -> Skew:
    """From a GetSystemDateAndTimeResponse and our times around it."""
    told = _utc(answer)
    if told is None:
        return Skew(known=False)
    return Skew((told - (asked + (answered - asked) / 2)).total_seconds())


def _utc(answer: Element) -> datetime | None:
    """UTCDateTime, which is mandatory and yet missing in some: then the local one is better than nothing."""
    stamp = answer.first("UTCDateTime") or answer.first("LocalDateTime")
    if stamp is None:
        return None
    numbers = [stamp.text_of(*path) for path in _FIELDS]
    try:
        year, month, day, hour, minute, second = map(int, numbers)
        # 24:00 and 00:61 are told by some (onvif-zeep-async, ForgivingTime)
        return datetime(year, month, day, tzinfo=UTC) + timedelta(hours=hour, minutes=minute, seconds=second)
    except (ValueError, OverflowError):
        return None


_FIELDS = (
    ("Date", "Year"), ("Date", "Month"), ("Date", "Day"), ("Time", "Hour"), ("Time", "Minute"), ("Time", "Second"),
)  # fmt: skip

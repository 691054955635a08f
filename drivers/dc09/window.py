"""Pure: whether a message says the right time, and what is done with an encrypted one that does not (DC-09 5.5.1.9)."""

from datetime import datetime, timedelta

from drivers.dc09.accounts import Call
from drivers.dc09.settings import BusKeys

#: The time window: how old a message may be, and how far ahead.
OLDEST = timedelta(seconds=-40)
NEWEST = timedelta(seconds=20)


def is_dated(call: Call, now: datetime | None) -> bool:
    """Whether it says the right time; `now` is None while nobody knows what that is."""
    at = call.content.at if call.content else None
    return now is not None and at is not None and OLDEST <= at - now <= NEWEST


def out_of_time(call: Call, settings: BusKeys, now: datetime | None) -> str | None:
    """Why an encrypted message is refused (NAK) for its time; None where it is not. No window without `now`."""
    if now is None or not call.frame.encrypted or not settings.time_window or is_dated(call, now):
        return None
    at = call.content.at if call.content else None
    if at is None:
        return "it is encrypted and says no time: let the panel send it, or say time_window = false"
    seconds = (at - now).total_seconds()
    return (
        f"the panel's clock is {abs(seconds):.0f} s {'ahead' if seconds > 0 else 'behind'}: its messages are refused; "
        "let it take the receiver's time, set it, or say time_window = false"
    )

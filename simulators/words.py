"""Words that a person types, made what they mean; what makes no sense is a ValueError that says what would be right."""

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING

from simulators.alarm_codes import MOST_ZONE
from simulators.fault import Fault

if TYPE_CHECKING:  # loaded by whoever runs that simulator, not by all
    from simulators.modbus import ModbusSlave

LONGEST_SECONDS = 3600


def take(words: Sequence[str], count: int) -> Sequence[str]:
    """Exactly so many words."""
    if len(words) != count:
        raise ValueError(
            f"{count} word{'s' if count > 1 else ''} wanted after the command, {len(words)} given; see `help`"
        )
    return words


def take_some(words: Sequence[str], least: int, most: int) -> Sequence[str]:
    """So many words at least and at most."""
    if not least <= len(words) <= most:
        raise ValueError(f"{least} to {most} words wanted after the command, {len(words)} given; see `help`")
    return words


def as_fault(word: str) -> Fault:
    """The fault of that name."""
    if word not in set(Fault):
        raise ValueError(f"no fault {word!r}; there are: {', '.join(Fault)}")
    return Fault(word)


def as_seconds(word: str) -> float:
    """A time that a person may wait."""
    seconds = as_number(word)
    if not 0 <= seconds <= LONGEST_SECONDS:
        raise ValueError(f"{word} s: give 0 to {LONGEST_SECONDS}")
    return seconds


def as_number(word: str) -> float:
    """A number, with or without a point."""
    try:
        return float(word)
    except ValueError:
        raise ValueError(f"{word!r}: give a number") from None


def as_whole(word: str) -> int:
    """A whole number."""
    try:
        return int(word)
    except ValueError:
        raise ValueError(f"{word!r}: give a whole number") from None


def as_zone(word: str) -> int:
    """The number of a panel's zone."""
    if not word.isdecimal() or int(word) > MOST_ZONE:
        raise ValueError(f"zone {word!r}: give 0 to {MOST_ZONE}")
    return int(word)


def one_of(what: str, names: Callable[[], Sequence[str]]) -> Callable[[str], str]:
    """A test for a word that names something which is there."""

    def known(word: str) -> str:
        if word not in names():
            raise ValueError(f"there is no {what} {word!r}; there are: {', '.join(names())}")
        return word

    return known


def find_input(slaves: "Mapping[int, ModbusSlave]", place: str) -> "tuple[ModbusSlave, int]":
    """`1/0` is address 0 of slave 1. Raises ValueError that says which slaves there are."""
    slave, _, address = place.partition("/")
    if not (slave.isdecimal() and address.isdecimal()):
        raise ValueError(f"{place!r}: give SLAVE/ADDRESS, for example 1/0")
    if int(slave) not in slaves:
        raise ValueError(
            f"no slave {slave}; there are: {', '.join(str(number) for number in sorted(slaves))}"
        )
    return slaves[int(slave)], int(address)


#: What the words of a usage are, whichever simulator they are said to.
MEANINGS: Mapping[str, Callable[[str], object]] = {
    "FAULT": as_fault,
    "SECONDS": as_seconds,
    "NUMBER": as_number,
    "VALUE": as_whole,
    "ZONE": as_zone,
}

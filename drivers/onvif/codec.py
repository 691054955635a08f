"""Pure: what a camera's notifications say, by the local names of topics and the names of items (protocols.md 5.3)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from drivers.onvif.markup import Element
from drivers.onvif.settings import Event

#: Beyond that a notification's XML is not shown.
MOST_XML = 4096

_TRUE = frozenset({"true", "1", "active", "on", "closed"})
_FALSE = frozenset({"false", "0", "inactive", "off", "open"})


@dataclass(frozen=True, slots=True, kw_only=True)
class Notification:
    """One message: its topic by local names, its items by name, what it is (`Initialized`, `Changed`, `Deleted` or nothing).

    `at` is the camera's own time, as it tells it; `xml` its first bytes.
    """

    topic: tuple[str, ...]
    source: Mapping[str, str]
    data: Mapping[str, str]
    operation: str
    at: datetime | None
    xml: bytes

    @property
    def topic_words(self) -> str:
        """For people."""
        return "/".join(self.topic)


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """What a notification means: of which input (by token) or event, from which part of the camera, and whether it is so now."""

    input: str | None = None
    event: Event | None = None
    part: str = ""
    active: bool


@dataclass(frozen=True, slots=True)
class _Row:
    """A topic by some of its levels in a row, and the names of the item that says so."""

    levels: tuple[str, ...]
    event: Event | None
    values: tuple[str, ...]


_INPUT_VALUES = ("LogicalState", "State", "Level")
_STATE = ("State",)

#: ONVIF Imaging, Device IO and Analytics specifications; vendors' own from protocols.md 5.3. The first that fits counts.
_ROWS = (
    _Row(("Trigger", "DigitalInput"), None, _INPUT_VALUES),
    _Row(("Trigger", "AlarmIn"), None, _INPUT_VALUES),
    _Row(("VideoSource", "MotionAlarm"), "motion", ("State", "IsMotion")),
    _Row(("CellMotionDetector", "Motion"), "motion", ("IsMotion", "State")),
    _Row(("MotionRegionDetector", "Motion"), "motion", ("State", "IsMotion")),
    _Row(("ImageTooBlurry",), "blurry", _STATE),
    _Row(("ImageTooDark",), "dark", _STATE),
    _Row(("ImageTooBright",), "bright", _STATE),
    _Row(("GlobalSceneChange",), "scene-change", _STATE),
    _Row(("SignalLoss",), "signal-loss", _STATE),
    _Row(("TamperDetector", "Tamper"), "tamper", ("IsTamper", "State")),
    _Row(("HardwareFailure", "StorageFailure"), "storage-failure", ("Failed", "State")),
)

#: Topics whose state is no matter of ours.
_OF_NO_MATTER = (("Trigger", "Relay"),)

#: How cameras call an input in the source of a message.
_TOKENS = ("InputToken", "AlarmInToken", "Token", "DigitalInputToken")


def notifications(answer: Element, data: bytes) -> Iterator[Notification]:
    """All messages of a PullMessagesResponse, in its order; `data` is the document that `answer` was read from."""
    for holder in answer.all("NotificationMessage"):
        message = holder.first("Message", "Message") or holder.first("Message")
        if message is None:
            continue
        yield Notification(
            topic=local_names(holder.text_of("Topic")),
            source=_items(message.first("Source")),
            data=_items(message.first("Data")),
            operation=message.attributes.get("PropertyOperation", "").strip().capitalize(),
            at=moment(message.attributes.get("UtcTime", "")),
            xml=data[holder.begin : holder.end][:MOST_XML],
        )


def local_names(topic: str) -> tuple[str, ...]:
    """`tns1:Device/Trigger/tnshik:AlarmIn` without its prefixes."""
    return tuple(level.rpartition(":")[2].strip() for level in topic.strip().split("/"))


def happening(told: Notification) -> Happening | None:
    """What it means; None if we don't know, or if it tells no state."""
    row = _row(told)
    if row is None:
        return None
    value = next((told.data[name] for name in row.values if name in told.data), None)
    active = None if value is None else boolean(value)
    if told.operation == "Deleted":  # an event that is no more is over; of an input nothing is known then
        active = None if row.event is None else False
    if active is None:
        return None
    if row.event is not None:
        part = ";".join([told.topic_words, *(f"{k}={v}" for k, v in sorted(told.source.items()))])
        return Happening(event=row.event, part=part, active=active)
    token = next((told.source[name] for name in _TOKENS if name in told.source), None)
    if token is None and len(told.source) == 1:  # whatever it is called
        (token,) = told.source.values()
    return None if token is None else Happening(input=token, active=active)


def is_known(told: Notification) -> bool:
    """Whether it is of an input or an event that we know and should have told its state."""
    return told.operation != "Deleted" and _row(told) is not None


def is_of_no_matter(told: Notification) -> bool:
    """Whether we know it and have no use for it."""
    return told.operation == "Deleted" or any(_has(told.topic, levels) for levels in _OF_NO_MATTER)


def boolean(value: str) -> bool | None:
    """`true`, `1`, `active`, `on`, `closed` and their opposites; None for anything else."""
    word = value.strip().lower()
    return True if word in _TRUE else False if word in _FALSE else None


def moment(text: str) -> datetime | None:
    """An xs:dateTime as UTC, None if it is none; without a zone it is UTC (ONVIF Core, UtcTime)."""
    try:
        found = datetime.fromisoformat(text.strip())
    except ValueError:
        return None
    if found.tzinfo is None:
        return found.replace(tzinfo=UTC)
    try:
        return found.astimezone(UTC)
    except OverflowError:  # in the year 1, or 9999
        return None


def _row(told: Notification) -> _Row | None:
    return next((row for row in _ROWS if _has(told.topic, row.levels)), None)


def _has(topic: tuple[str, ...], levels: tuple[str, ...]) -> bool:
    """Whether the levels stand in the topic in a row: some firmware puts others before them (protocols.md 5.4, Imou)."""
    return any(topic[i : i + len(levels)] == levels for i in range(len(topic) - len(levels) + 1))


def _items(holder: Element | None) -> dict[str, str]:
    if holder is None:
        return {}
    return {
        item.attributes["Name"]: item.attributes.get("Value", "")
        for item in holder.all("SimpleItem")
        if "Name" in item.attributes
    }

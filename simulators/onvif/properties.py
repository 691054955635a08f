"""What a camera tells of itself: topics, their items, and the state of each property (ONVIF Core, event handling)."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from simulators.onvif.quirks import Quirk
from simulators.onvif.soap import Xml, tag, together, utc

DIGITAL_INPUT = "tns1:Device/Trigger/DigitalInput"
RELAY = "tns1:Device/Trigger/Relay"
TAMPER = "tns1:RuleEngine/TamperDetector/Tamper"
SCENE_CHANGE = "tns1:VideoSource/GlobalSceneChange/ImagingService"
SIGNAL_LOSS = "tns1:VideoSource/SignalLoss"
STORAGE_FAILURE = "tns1:Device/HardwareFailure/StorageFailure"
MOTION = "tns1:VideoSource/MotionAlarm"
BLURRY, DARK, BRIGHT = (
    f"tns1:VideoSource/ImageToo{how}/ImagingService" for how in ("Blurry", "Dark", "Bright")
)

CONCRETE_SET = "http://www.onvif.org/ver10/tev/topicExpression/ConcreteSet"
#: What is said of an input by a camera with that quirk: topic, source item, data item.
_HIK_ALARM_IN = ("tns1:Device/Trigger/tnshik:AlarmIn", "AlarmInToken", "State")
_MALFORMED = "tns1:VideoSource/tns1:Device/Trigger/DigitalInput"


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One message. `operation` is Initialized, Changed or Deleted of a property, or empty for a mere event."""

    topic: str
    source: Mapping[str, str]
    data: Mapping[str, str]
    operation: str
    at: datetime

    @property
    def key(self) -> tuple[str, frozenset[tuple[str, str]]]:
        """Which property it is: topic and source."""
        return self.topic, frozenset(self.source.items())


class Properties:
    """The present state of every property. `tell` hears each notice."""

    def __init__(self, now: Callable[[], datetime], tell: Callable[[Notice], None]) -> None:
        self._now = now
        self._tell = tell
        self._states: dict[tuple[str, frozenset[tuple[str, str]]], Notice] = {}

    def set(
        self, topic: str, source: Mapping[str, str], data: Mapping[str, str], operation: str = "Changed"
    ) -> None:
        """Tell it, and remember what is a property."""
        notice = Notice(
            topic=topic, source=dict(source), data=dict(data), operation=operation, at=self._now()
        )
        if operation in {"Initialized", "Changed"}:
            self._states[notice.key] = notice
        elif operation == "Deleted":
            self._states.pop(notice.key, None)
        self._tell(notice)

    def states(self) -> tuple[Notice, ...]:
        """Every property as it is, as SetSynchronizationPoint has it told."""
        return tuple(
            replace(notice, operation="Initialized", at=self._now()) for notice in self._states.values()
        )

    def forget(self) -> None:
        """As after a loss of power: nothing is known until it is set again."""
        self._states.clear()


def write(notice: Notice, quirks: Collection[Quirk]) -> Xml:
    """A wsnt:NotificationMessage, as a camera with such quirks writes it."""
    topic, source, data = _spelled(notice, quirks)
    message = tag(
        "tt:Message",
        _items("tt:Source", source, quirks),
        _items("tt:Data", data, quirks),
        attributes={"UtcTime": utc(notice.at)}
        | ({"PropertyOperation": notice.operation} if notice.operation else {}),
    )
    return tag(
        "wsnt:NotificationMessage",
        tag("wsnt:Topic", topic, attributes={"Dialect": CONCRETE_SET}),
        tag("wsnt:Message", message),
    )


def _spelled(notice: Notice, quirks: Collection[Quirk]) -> tuple[str, Mapping[str, str], Mapping[str, str]]:
    if notice.topic != DIGITAL_INPUT:
        return notice.topic, notice.source, notice.data
    if Quirk.HIK_ALARM_IN in quirks:
        topic, token, state = _HIK_ALARM_IN
        return (
            topic,
            {token: notice.source["InputToken"]},
            {state: notice.data["LogicalState"]},
        )
    topic = _MALFORMED if Quirk.MALFORMED_TOPIC in quirks else notice.topic
    return topic, notice.source, notice.data


def _items(name: str, items: Mapping[str, str], quirks: Collection[Quirk]) -> Xml:
    pairs = list(items.items())
    if Quirk.ITEMS_REORDERED in quirks:
        pairs = [("VendorIndex", "7"), ("VendorFlag", "true"), *reversed(pairs)]
    written = (tag("tt:SimpleItem", attributes={"Name": key, "Value": value}) for key, value in pairs)
    return tag(name, together(*written))


def topic_set(notices: Collection[Notice], quirks: Collection[Quirk]) -> Xml:
    """The wstop:TopicSet of what this camera has as properties."""
    tree: dict[str, _Branch] = {}
    for notice in notices:
        topic, source, data = _spelled(notice, quirks)
        level, branch = tree, None
        for step in topic.split("/"):
            branch = level.setdefault(step, _Branch({}, Xml("")))
            level = branch.below
        if branch is not None:
            branch.description = _description(source, data)
    return tag("wstop:TopicSet", *(_written(name, branch) for name, branch in tree.items()))


@dataclass(slots=True)
class _Branch:
    below: "dict[str, _Branch]"
    description: Xml


def _written(name: str, branch: _Branch) -> Xml:
    below = (_written(step, one) for step, one in branch.below.items())
    attributes = {"wstop:topic": "true"} if branch.description else {}
    return tag(name, branch.description, *below, attributes=attributes)


def _description(source: Mapping[str, str], data: Mapping[str, str]) -> Xml:
    def described(name: str, items: Mapping[str, str], kind: str) -> Xml:
        return tag(
            name,
            *(tag("tt:SimpleItemDescription", attributes={"Name": key, "Type": kind}) for key in items),
        )

    return tag(
        "tt:MessageDescription",
        described("tt:Source", source, "tt:ReferenceToken"),
        described("tt:Data", data, "xs:boolean"),
        attributes={"IsProperty": "true"},
    )

"""From a message on a topic to a value, and to the rules that it breaks: pure."""

from simulators.county.link import Incoming
from simulators.county.parsing import (
    MalformedError,
    breaches,
    parse_event,
    parse_open_alarms,
    parse_presence,
    parse_result,
    parse_snapshot,
    parse_state,
)
from simulators.county.tables import Message
from simulators.county.wire import Cleared, Event, Rule, Snapshot, Violation

#: What the county subscribes to under the root (CONTRACT, MQTT, direction "up"). Readings are not kept.
TOPICS_BELOW_ROOT = ("event/#", "state", "alarms/open", "device/+", "command/result", "snapshot/+")


def read(incoming: Incoming, root_pattern: str) -> tuple[Message | None, tuple[Violation, ...]]:
    """What a message says, None if it can't be understood; and what is wrong with it."""
    levels = incoming.topic.split("/")
    depth = root_pattern.count("/") + 1
    root, below = "/".join(levels[:depth]), "/".join(levels[depth:])

    def violation(rule: Rule, detail: str) -> Violation:
        return Violation(root=root, rule=rule, detail=detail, at=incoming.received_at)

    try:
        message = _message(incoming, root, below)
    except MalformedError as error:
        return None, (violation(Rule.MALFORMED, f"{below}: {error}"),)
    if isinstance(message, Snapshot) and incoming.retained:
        return message, (violation(Rule.RETAINED, below),)
    if not isinstance(message, Event):
        return message, ()
    broken = breaches(message, below_root=below, qos=incoming.qos, retained=incoming.retained)
    return message, tuple(violation(rule, detail) for rule, detail in broken)


def _message(incoming: Incoming, root: str, below: str) -> Message:
    payload, at = incoming.payload, incoming.received_at
    if below.startswith("event/"):
        return parse_event(payload, root=root, received_at=at)
    if below.startswith("snapshot/"):
        return parse_snapshot(payload, root=root, evidence=below.removeprefix("snapshot/"), received_at=at)
    if below.startswith("device/") or below in {"state", "alarms/open"}:
        return _retained(incoming, root, below)
    correlation = getattr(incoming.properties, "CorrelationData", None)  # MQTT 5, if the gateway gave it back
    return parse_result(payload, topic=incoming.topic, correlation=correlation, received_at=at)


def _retained(incoming: Incoming, root: str, below: str) -> Message:
    payload = incoming.payload
    if not payload:
        return Cleared(root=root, below=below)
    if below == "state":
        return parse_state(payload, root=root, received_at=incoming.received_at)
    if below == "alarms/open":
        return parse_open_alarms(payload, root=root)
    return parse_presence(payload, root=root, device=below.removeprefix("device/"))

"""What the status bits of GB/T 26875.3-2011 are here: which are alarms, of which kind, and which are only told."""

from dataclasses import dataclass

from drivers.gb26875.settings import FirePoint
from drivers.gb26875.tables import GAS_DETECTORS, DeviceStatus, Operation, Status
from gateway.model import Kind, Severity
from gateway.policy.severity import severity_of

_SEVERITIES = list(Severity)

#: A detector with one of these can't tell that nothing burns; one that burns up is faulty at last.
_BLIND = Status.FAULT | Status.SHIELDED | Status.POWER


@dataclass(frozen=True, slots=True)
class Condition:
    """One bit that is an alarm. Those with a `suffix` are points of their own, so that one does not return another.

    Its absence returns the alarm, `unless` one of those bits is there.
    """

    bit: int
    kind: Kind
    suffix: str
    words: str
    unless: int = 0


OF_COMPONENT = (
    Condition(Status.FIRE, Kind.FIRE, "", "火警"),
    Condition(Status.FAULT, Kind.FAULT, "", "故障"),
    Condition(Status.SHIELDED, Kind.FAULT, ".shield", "屏蔽 (shielded)"),
    Condition(Status.POWER, Kind.FAULT, ".power", "电源故障"),
)
OF_SYSTEM = (
    *OF_COMPONENT[:3],
    Condition(Status.POWER, Kind.FAULT, ".mains", "主电故障"),
    Condition(Status.BATTERY, Kind.BATTERY, "", "备电故障"),
    Condition(Status.BUS, Kind.FAULT, ".bus", "总线故障"),
)
OF_TRANSMITTER = (
    *OF_COMPONENT[:2],
    Condition(DeviceStatus.MAINS, Kind.FAULT, ".mains", "主电故障"),
    Condition(DeviceStatus.BATTERY, Kind.BATTERY, "", "备电故障"),
    Condition(DeviceStatus.CHANNEL, Kind.FAULT, ".channel", "与监控中心通信信道故障"),
    Condition(DeviceStatus.LINE, Kind.FAULT, ".line", "监测连接线路故障"),
)

#: Bits that are told when they come, and are no alarm.
TOLD = {
    Status.SUPERVISED: "supervised",
    Status.STARTED: "started",
    Status.FEEDBACK: "feedback",
    Status.DELAYED: "delayed",
}
TOLD_OF_SYSTEM = {**TOLD, Status.MANUAL: "manual-mode", Status.CONFIG_CHANGED: "configuration-changed"}

OPERATIONS = {
    Operation.RESET: "reset",
    Operation.MUTE: "mute",
    Operation.MANUAL_ALARM: "manual-alarm",
    Operation.CLEARED: "cleared",
    Operation.SELF_TEST: "self-test",
    Operation.TEST: "test",
}


def fire_of(component: int, named: FirePoint | None) -> Condition:
    """What "fire" of a component of this type is: the point's own kind, unless what the panel says is worse."""
    gas = component in GAS_DETECTORS
    kind = Kind.GAS if gas else Kind.FIRE
    if named is not None and _rank(kind) >= _rank(named.kind):
        kind = named.kind
    return Condition(Status.FIRE, kind, "", "可燃气体报警" if gas else "火警", _BLIND)


def _rank(kind: Kind) -> int:
    return _SEVERITIES.index(severity_of(kind))

"""How bad each kind of alarm is (DESIGN "Severity")."""

from gateway.model import Kind, Severity

_BY_KIND = {
    Kind.PANIC: Severity.CRITICAL,
    Kind.DURESS: Severity.CRITICAL,
    Kind.FIRE: Severity.CRITICAL,
    Kind.SMOKE: Severity.HIGH,
    Kind.HEAT: Severity.HIGH,
    Kind.GAS: Severity.HIGH,
    Kind.INTRUSION: Severity.HIGH,
    Kind.DISK: Severity.HIGH,
    Kind.SITE_FILE: Severity.CRITICAL,
    Kind.TAMPER: Severity.MEDIUM,
    Kind.FAULT: Severity.MEDIUM,
    Kind.TEMPERATURE: Severity.MEDIUM,
    Kind.UNPARSED: Severity.MEDIUM,
    Kind.UNKNOWN_SENDER: Severity.MEDIUM,
    Kind.CERTIFICATE: Severity.MEDIUM,
    Kind.CAMERA_COVERED: Severity.MEDIUM,
    Kind.CAMERA_FROZEN: Severity.MEDIUM,
    Kind.CAMERA_MOVED: Severity.MEDIUM,
    Kind.CAMERA_BLACK: Severity.MEDIUM,
    Kind.CAMERA_BRIGHT: Severity.MEDIUM,
    Kind.CAMERA_BLURRED: Severity.MEDIUM,
    Kind.CAMERA_SIGNAL: Severity.MEDIUM,
    Kind.RETENTION_RISK: Severity.MEDIUM,
    Kind.RECORDING_LOST: Severity.MEDIUM,
    Kind.POINT_UNTESTED: Severity.MEDIUM,
}

#: Severities whose alarms hold footage and overtake a backlog (DESIGN, lanes and holds).
URGENT = frozenset({Severity.CRITICAL, Severity.HIGH})


def severity_of(kind: Kind, *, carries_life_safety: bool = False) -> Severity:
    """The severity of a kind; losing what carries panic, duress or fire is high, other losses are low."""
    if kind in {Kind.DEVICE_LOST, Kind.BUS_LOST}:
        return Severity.HIGH if carries_life_safety else Severity.LOW
    return _BY_KIND.get(kind, Severity.LOW)

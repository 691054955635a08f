"""gateway.policy.severity: how bad each kind is (DESIGN "Severity")."""

import pytest

from gateway.model import POINT_KINDS, Kind, Severity
from gateway.policy.severity import URGENT, severity_of

CRITICAL, HIGH, MEDIUM, LOW = Severity

TABLE = {
    Kind.PANIC: CRITICAL,
    Kind.DURESS: CRITICAL,
    Kind.FIRE: CRITICAL,
    Kind.SITE_FILE: CRITICAL,
    Kind.SMOKE: HIGH,
    Kind.HEAT: HIGH,
    Kind.GAS: HIGH,
    Kind.INTRUSION: HIGH,
    Kind.DISK: HIGH,
    Kind.TAMPER: MEDIUM,
    Kind.FAULT: MEDIUM,
    Kind.TEMPERATURE: MEDIUM,
    Kind.CAMERA_COVERED: MEDIUM,
    Kind.CAMERA_FROZEN: MEDIUM,
    Kind.CAMERA_MOVED: MEDIUM,
    Kind.CAMERA_BLACK: MEDIUM,
    Kind.CAMERA_BRIGHT: MEDIUM,
    Kind.CAMERA_BLURRED: MEDIUM,
    Kind.CAMERA_SIGNAL: MEDIUM,
    Kind.RETENTION_RISK: MEDIUM,
    Kind.RECORDING_LOST: MEDIUM,
    Kind.CERTIFICATE: MEDIUM,
    Kind.UNPARSED: MEDIUM,
    Kind.UNKNOWN_SENDER: MEDIUM,
    Kind.POINT_UNTESTED: MEDIUM,
    Kind.DOOR: LOW,
    Kind.HUMIDITY: LOW,
    Kind.BATTERY: LOW,
    Kind.CLOCK: LOW,
    Kind.DEVICE_LOST: LOW,
    Kind.BUS_LOST: LOW,
}


@pytest.mark.parametrize("kind", Kind)
def test_every_kind_has_its_severity(kind: Kind) -> None:
    """The whole table; a new kind must be thought about here."""
    assert severity_of(kind) is TABLE[kind]


@pytest.mark.parametrize("kind", Kind)
def test_losing_what_carries_panic_duress_or_fire_is_high(kind: Kind) -> None:
    """A lost device or bus is high if such a point hangs on it; no other kind is changed by what it carries."""
    expected = HIGH if kind in {Kind.DEVICE_LOST, Kind.BUS_LOST} else TABLE[kind]

    assert severity_of(kind, carries_life_safety=True) is expected


def test_urgent_is_critical_and_high() -> None:
    """These hold footage, need a verdict and overtake a backlog."""
    assert {CRITICAL, HIGH} == URGENT


def test_what_saves_lives_is_urgent() -> None:
    """Every kind of point that tells of danger to people is critical or high; the rest of them is not."""
    urgent = {kind for kind in POINT_KINDS if severity_of(kind) in URGENT}

    assert urgent == {
        Kind.PANIC, Kind.DURESS, Kind.FIRE, Kind.SMOKE, Kind.HEAT, Kind.GAS, Kind.INTRUSION,
    }  # fmt: skip

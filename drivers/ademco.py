"""The Contact ID event codes (ANSI/SIA DC-05) as data, and what of them is an alarm: for all drivers that carry them.

Codes, names and whether a code numbers zones or users are facts of DC-05-2016, appendix C, as the tables of siadc09 1.0.1
(`dc05.py`) give them; 711 is of Chinese panels (captainwong/ademco_hb). Which kind a code is, is our own decision. Left
out, so unknown: 651-653, 703 and 750-789, which each maker or user fills otherwise.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Literal, Protocol

from gateway.model import Kind, Level, Notice, Origin, Severity, Signal
from gateway.policy.severity import severity_of

Numbers = Literal["zone", "user"]


@dataclass(frozen=True, slots=True)
class CidEvent:
    """One event code. Without a kind it is no alarm, only a notice; `what` is the notice's word.

    `numbers` is what the three digits after it count: zones (also modules, doors), or people.
    """

    code: int
    kind: Kind | None
    what: str
    numbers: Numbers


class KnownPoint(Protocol):
    """What must be known of a point that the site file names: a `ConnectedPoint` will do."""

    @property
    def id(self) -> str:
        """Its id in the site file."""
        ...

    @property
    def kind(self) -> Kind:
        """What it watches for, by the site file."""
        ...


# A silent hold-up and a suspicion are duress: no sounder may give away that somebody has called.
_CODES: tuple[tuple[Kind | None, Numbers, str], ...] = (
    (
        Kind.PANIC,
        "zone",
        (
            "100 medical, 101 personal-emergency, 103 fall-detected, 120 panic, 123 audible-panic, 129 panic-verified, "
            "646 additional-help-needed"
        ),
    ),
    (Kind.DURESS, "zone", "122 silent-panic, 124 duress-access, 125 duress-egress"),
    (Kind.DURESS, "user", "121 duress, 126 hold-up-suspicion"),
    (Kind.FIRE, "zone", "110 fire, 113 water-flow, 115 pull-station, 117 flame"),
    (Kind.SMOKE, "zone", "111 smoke, 112 combustion, 116 duct, 118 fire-near-alarm"),
    (Kind.HEAT, "zone", "114 heat"),
    (Kind.GAS, "zone", "151 gas, 162 carbon-monoxide"),
    (Kind.TEMPERATURE, "zone", "153 loss-of-heat, 158 high-temperature, 159 low-temperature"),
    (Kind.HUMIDITY, "zone", "168 high-humidity, 169 low-humidity"),
    (
        Kind.INTRUSION,
        "zone",
        (
            "130 burglary, 131 perimeter, 132 interior, 133 24-hour, 134 entry-exit, 135 day-night, 136 outdoor, "
            "138 burglary-near-alarm, 139 intrusion-verified, 140 general-alarm, 146 silent-burglary, 155 foil-break, "
            "374 exit-error-alarm, 423 forced-access"
        ),
    ),
    (Kind.DOOR, "zone", "426 door-propped-open, 643 restricted-door"),
    (
        Kind.TAMPER,
        "zone",
        (
            "137 tamper, 144 sensor-tamper, 145 module-tamper, 316 system-tamper, 317 panel-tamper, 341 module-tamper, "
            "383 sensor-tamper"
        ),
    ),
    (
        Kind.BATTERY,
        "zone",
        "302 low-battery, 309 battery-test-failure, 311 battery-missing, 338 module-low-battery, 384 radio-low-battery",
    ),
    (Kind.CLOCK, "zone", "626 time-inaccurate"),
    (
        Kind.FAULT,
        "zone",
        (
            "102 fail-to-report-in, 141 polling-loop-open, 142 polling-loop-short, 143 module-failure, "
            "147 sensor-supervision-failure, 150 24-hour-non-burglary, 152 refrigeration, 154 water-leakage, 156 day-trouble, "
            "157 low-bottled-gas, 161 loss-of-air-flow, 163 tank-level, "
            "200 fire-supervisory, 201 low-water-pressure, 202 low-co2, 203 gate-valve, 204 low-water-level, "
            "205 pump-activated, 206 pump-failure, "
            "300 system-trouble, 301 mains-loss, 303 ram-checksum, 304 rom-checksum, 307 self-test-failure, "
            "308 system-shutdown, 310 ground-fault, 312 power-supply-overcurrent, 314 power-supply-failure, "
            "315 system-trouble, 320 sounder-trouble, 321 bell-1-trouble, 322 bell-2-trouble, 323 alarm-relay-trouble, "
            "324 trouble-relay-trouble, 325 reversing-relay-trouble, 326 notification-circuit-3-trouble, "
            "327 notification-circuit-4-trouble, 330 peripheral-trouble, 331 polling-loop-open, 332 polling-loop-short, "
            "333 module-failure, 334 repeater-failure, 335 printer-out-of-paper, 336 printer-failure, 337 module-dc-loss, "
            "342 module-mains-loss, 343 module-self-test-failure, 344 radio-jamming, 345 encryption-disabled, "
            "350 communication-trouble, 351 telephone-line-1-fault, 352 telephone-line-2-fault, 353 long-range-radio-fault, "
            "354 failure-to-communicate, 355 loss-of-radio-supervision, 356 loss-of-central-polling, "
            "357 long-range-radio-antenna, 358 communication-test-failure, 370 protection-loop, 371 protection-loop-open, "
            "372 protection-loop-short, 373 fire-trouble, 375 panic-zone-trouble, 376 hold-up-zone-trouble, "
            "377 swinger-trouble, 378 cross-zone-trouble, 380 sensor-trouble, 381 loss-of-radio-sensor, "
            "382 loss-of-polled-module, 385 smoke-detector-high-sensitivity, 386 smoke-detector-low-sensitivity, "
            "387 intrusion-detector-high-sensitivity, 388 intrusion-detector-low-sensitivity, 389 sensor-self-test-failure, "
            "391 sensor-watch-trouble, 392 drift-compensation-error, 393 maintenance-alert, 394 co-detector-replacement, "
            "427 door-monitor-trouble, 428 exit-request-trouble, 432 access-relay-failure, 554 fibre-converter-fault, "
            "555 fibre-network-fault, 796 no-signal-output, 798 controller-down, 922 supervisory-alarm, "
            "924 supervisory-trouble, 926 mains-loss-4-hours, 927 output-trouble, 954 centre-connection-failure, "
            "961 receiver-database-failure, 962 receiver-licence-expired"
        ),
    ),
    (
        None,
        "zone",
        (
            "305 reset, 306 programming-changed, 339 module-reset, 416 upload, 433 exit-request-shunt, "
            "434 door-monitor-shunt, 461 wrong-code, 465 panic-alarm-reset, 501 reader-disable, 520 sounder-disable, "
            "521 bell-1-disable, 522 bell-2-disable, 523 alarm-relay-disable, 524 trouble-relay-disable, "
            "525 reversing-relay-disable, 526 notification-circuit-3-disable, 527 notification-circuit-4-disable, "
            "531 module-added, 532 module-removed, 551 dialler-disabled, 552 radio-disabled, 553 remote-access-disabled, "
            "570 bypass, 571 fire-bypass, 572 24-hour-bypass, 573 burglary-bypass, 575 swinger-bypass, 576 shunt, "
            "577 access-point-bypass, 578 vault-bypass, 579 vent-bypass, 601 manual-test, 602 periodic-test, "
            "603 periodic-radio-test, 605 status-report-follows, 606 listen-in-follows, 608 periodic-test-with-trouble, "
            "609 video-active, 611 tested, 612 not-tested, 613 intrusion-walk-tested, 614 fire-walk-tested, "
            "615 panic-walk-tested, 616 service-request, 621 event-log-reset, 622 event-log-half-full, "
            "623 event-log-nearly-full, 624 event-log-overflow, 627 program-mode-entry, 628 program-mode-exit, "
            "629 event-log-marker, 630 schedule-change, 631 exception-schedule-change, 632 access-schedule-change, "
            "641 senior-watch-trouble, 645 help-arrived, 647 additional-help-cancelled, 654 inactivity, 704 installer-test, "
            "900 download-aborted, 901 download, 902 download-interrupted, 903 flash-update, 904 flash-update-failed, "
            "910 auto-close-with-bypass, 911 bypass-closing, 912 fire-alarm-silenced, 917 burglary-diagnostics, "
            "918 fire-diagnostics, 919 diagnostics, 923 supervisory-bypass, 925 hold-up-bypass"
        ),
    ),
    (
        None,
        "user",
        (
            "313 engineer-reset, 400 open-close, 401 open-close-by-user, 402 group-open-close, 403 automatic-open-close, "
            "404 late-to-open-close, 405 deferred-open-close, 406 cancel, 407 remote-open-close, 408 quick-arm, "
            "409 keyswitch-open-close, 411 callback-request, 412 successful-access, 413 unsuccessful-access, "
            "414 shutdown-command, 415 dialler-shutdown-command, 421 access-denied, 422 access, 424 egress-denied, "
            "425 egress, 429 access-program-entry, 430 access-program-exit, 431 threat-level-change, 435 second-person-access, "
            "436 irregular-access, 441 stay-open-close, 442 keyswitch-stay-open-close, 443 trouble-override-open-close, "
            "444 night-stay-open-close, 450 exception-open-close, 451 early-open-close, 452 late-open-close, "
            "453 failed-to-open, 454 failed-to-close, 455 auto-arm-failed, 456 partial-arm, 457 exit-error, "
            "458 user-on-premises, 459 recent-close, 462 code-entry, 463 rearm-after-alarm, 464 auto-arm-extended, "
            "466 service-on-premises, 574 group-bypass, 604 fire-test, 607 walk-test, 625 time-set, 642 latch-key, "
            "655 code-modified, 711 alarm-cleared, 913 supervisory-test, 914 hold-up-test, 915 burglary-test-print, "
            "916 supervisory-test-print, 920 trouble-closing, 921 access-denied-unknown-code, 928 user-of-event, 929 log-off"
        ),
    ),
)


def _events() -> Iterator[CidEvent]:
    for kind, numbers, codes in _CODES:
        for entry in codes.split(", "):
            code, what = entry.split(" ")
            yield CidEvent(int(code), kind, what, numbers)


#: Every code that is known; one that is not here is never guessed.
EVENTS: Mapping[int, CidEvent] = MappingProxyType({event.code: event for event in _events()})

#: What a panel says of its own health. At a point that the site file names it is about its wire or sensor.
TROUBLE = frozenset({Kind.TAMPER, Kind.FAULT, Kind.BATTERY, Kind.CLOCK})

#: Conditions that a sensor was made for and for which there is no kind: a point that the site file names has its own.
_TECHNICAL = frozenset({150, 152, 154, 157, 161, 163, *range(200, 207), 922})

_RESETS = frozenset({305, 313})

_SEVERITIES = list(Severity)

_QUALIFIERS = {
    1: (Level.ACTIVE, Origin.EVENT),
    3: (Level.NORMAL, Origin.EVENT),
    6: (Level.ACTIVE, Origin.STATE),
}


def is_reset(qualifier: int, code: int) -> bool:
    """Whether the panel says that it was reset, so that nothing it reported holds any more (`Message.reset`)."""
    return qualifier == 1 and code in _RESETS


def signal_of(
    device: str,
    points: Mapping[int, KnownPoint],
    *,
    qualifier: int,
    code: int,
    number: int,
    group: int = 0,
    occurred_at: datetime | None = None,
    text: str = "",
) -> Signal | Notice | None:
    """What a Contact ID event says; None for a code or qualifier that is not known: keep its bytes as unparsed.

    `points` are the device's by their zone. `qualifier`: 1 new event or opening, 3 restore or closing, 6 still present
    (DC-05 4.2.1). `number` is the zone or user, `group` the partition, 0 for none; `text` goes behind the detail.
    The point is the one of that zone, else `{device}:{code}.{number}`. Its kind is the site file's, unless the code's is
    worse, or trouble.
    """
    event, meaning = EVENTS.get(code), _QUALIFIERS.get(qualifier)
    if event is None or meaning is None:
        return None
    detail = _detail(event, number, group, text)
    if event.kind is None:
        return Notice(
            device=device,
            what=_word(event, qualifier),
            detail=detail,
            operator=str(number) if event.numbers == "user" and number else "",
            occurred_at=occurred_at,
        )
    point = points.get(number) if event.numbers == "zone" else None
    level, origin = meaning
    return Signal(
        device=device,
        point=f"{device}:{code}.{number:03d}" if point is None else point.id,
        kind=kind_at(point, event.kind, technical=code in _TECHNICAL),
        level=level,
        origin=origin,
        occurred_at=occurred_at,
        detail=detail,
    )


def kind_at(point: KnownPoint | None, kind: Kind, *, technical: bool = False) -> Kind:
    """The kind that a signal has at a point of the site file: the point's own, unless the message's is worse or trouble.

    `technical` says that the message tells what the point watches for, although its kind is one of trouble.
    """
    if point is None or (kind in TROUBLE and not technical):
        return kind
    worse = _SEVERITIES.index(severity_of(kind)) < _SEVERITIES.index(severity_of(point.kind))
    return kind if worse else point.kind


def _word(event: CidEvent, qualifier: int) -> str:
    """An opening (撤防) is qualifier 1 and a closing (布防) 3, not an event and its end."""
    if "open-close" in event.what:
        return event.what.replace("open-close", "closing" if qualifier == 3 else "opening")
    return f"{event.what}-end" if qualifier == 3 else event.what


def _detail(event: CidEvent, number: int, group: int, text: str) -> str:
    parts = [f"{event.what} ({event.code})", f"{event.numbers} {number}" if number else ""]
    parts += [f"partition {group}" if group else "", text]
    return ", ".join(part for part in parts if part)

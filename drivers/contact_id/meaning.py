"""Pure: whose a message is, and what it says: the step from the receiver's fields to the words of the house."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from drivers import ademco
from drivers.contact_id import sia
from drivers.contact_id.codec import ContactId, Heartbeat, Other, Parsed, Sia, account_of
from drivers.contact_id.settings import ContactIdConnection, ContactIdDevice, account_key
from gateway.model import Kind, Level, Notice, Origin, Signal

_QUALIFIERS = {"E": 1, "R": 3, "P": 6}


@dataclass(frozen=True, slots=True)
class Saying:
    """What a message says. Without a device its account is a stranger's, or unknown: then it is the connection's."""

    device: ContactIdDevice | None
    told: tuple[Signal | Notice, ...]
    reset: bool = False

    @property
    def signals(self) -> tuple[Signal, ...]:
        """What of it is about points."""
        return tuple(part for part in self.told if isinstance(part, Signal))

    @property
    def notices(self) -> tuple[Notice, ...]:
        """What of it is no alarm."""
        return tuple(part for part in self.told if isinstance(part, Notice))


class Accounts:
    """The panels of a connection, by what stands in a message."""

    def __init__(self, connection: ContactIdConnection) -> None:
        self._connection = connection
        self._devices: dict[str, list[ContactIdDevice]] = defaultdict(list)
        # who names receiver or line is asked before one who takes all
        for device in sorted(connection.devices, key=_openness):
            self._devices[account_key(device.settings.account)].append(device)
        self._points = {
            device.id: {point.settings.address: point for point in device.points}
            for device in connection.devices
        }

    def device(self, account: str, receiver: str, line: str) -> ContactIdDevice | None:
        """Whose account it is, if the site file has it."""
        at = _number(receiver), _number(line, 16 if len(line) == 1 else 10)
        devices = self._devices.get(account_key(account), ())
        return next((device for device in devices if device.settings.takes(*at)), None)

    def saying(self, data: bytes, parsed: Parsed | None) -> Saying:
        """What a message says; None is one that a receiver sent twice and whose form is not known here."""
        account = account_of(parsed)
        if parsed is None or isinstance(parsed, Heartbeat) or not account:
            return Saying(None, (_unparsed(self._connection.id, "unparsed", data),))
        device = self.device(account, parsed.receiver, parsed.line)
        if device is None:
            return Saying(None, (_unparsed(self._connection.id, "unknown-account", data),))
        told = tuple(self._told(device, parsed))
        reset = isinstance(parsed, ContactId) and parsed.qualifier == "E" and _is_reset(parsed.code)
        return Saying(device, told or (_unparsed(device.id, "unparsed", data),), reset)

    def _told(self, device: ContactIdDevice, parsed: ContactId | Sia | Other) -> Iterable[Signal | Notice]:
        points = self._points[device.id]
        if isinstance(parsed, Sia):
            return sia.meaning_of(device.id, points, code=parsed.code, number=parsed.number)
        if isinstance(parsed, Other) or not (parsed.code.isdecimal() and parsed.number.isdecimal()):
            return ()
        said = ademco.signal_of(
            device.id,
            points,
            qualifier=_QUALIFIERS[parsed.qualifier],
            code=int(parsed.code),
            number=int(parsed.number),
            group=_number(parsed.group) or 0,
            text="earlier event" if parsed.qualifier == "P" else "",
        )
        return () if said is None else (said,)


def _is_reset(code: str) -> bool:
    return code.isdecimal() and ademco.is_reset(1, int(code))


def _unparsed(subject: str, address: str, data: bytes) -> Signal:
    return Signal(
        device=subject,
        point=f"{subject}:{address}",
        kind=Kind.UNPARSED,
        level=Level.ACTIVE,
        origin=Origin.EVENT,
        detail=data.decode("ascii", "backslashreplace"),
    )


def _openness(device: ContactIdDevice) -> int:
    return (device.settings.receiver is None) + (device.settings.line is None)


def _number(digits: str, base: int = 10) -> int | None:
    try:
        return int(digits, base)
    except ValueError:
        return None

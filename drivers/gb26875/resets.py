"""Pure: which conditions a reset of one system concerns, of those that the site file and the tables name."""

from collections.abc import Iterable

from drivers.gb26875.conditions import OF_COMPONENT, OF_SYSTEM, OF_TRANSMITTER, fire_of
from drivers.gb26875.content import System
from drivers.gb26875.memory import Key
from drivers.gb26875.settings import FirePoint
from drivers.gb26875.tables import GAS_DETECTORS
from gateway.model import Kind

#: Component types that have every kind of fire between them: general, and a detector of gas.
_TYPES = (0, min(GAS_DETECTORS))


def point_of(device: str, system: System | None) -> str:
    """The point that stands for a whole system; None is the transmission device itself."""
    return f"{device}:system.{system.type}.{system.address}" if system else f"{device}:transmitter"


def manual_of(device: str, system: System | None) -> str:
    """The point of an alarm that somebody gave by hand there."""
    return f"{point_of(device, system)}.manual"


def conditions_of(device: str, points: Iterable[FirePoint], system: System | None) -> list[Key]:
    """What may be active of a system although nothing is remembered of it, because it was told before our start."""
    own = point_of(device, system)
    keys = [(manual_of(device, system), Kind.FIRE)]
    keys += [(f"{own}{one.suffix}", one.kind) for one in (OF_SYSTEM if system else OF_TRANSMITTER)]
    for point in points:
        if system is not None and point.settings.system == (system.type, system.address):
            base = f"{device}:{point.id}"
            keys += [(point.id, fire_of(kind, point).kind) for kind in _TYPES]
            keys += [
                (f"{base}{one.suffix}" if one.suffix else point.id, one.kind) for one in OF_COMPONENT[1:]
            ]
    return list(dict.fromkeys((point, kind.value) for point, kind in keys))

"""What a frame comes to, as a value: signals, notices, readings, and what is to be remembered for the next one."""

from dataclasses import dataclass, field

from drivers.gb26875.content import System
from drivers.gb26875.memory import Key, Last
from gateway.model import Notice, Reading, Signal


@dataclass(slots=True, kw_only=True)
class Meaning:
    """What a frame's content comes to.

    `levels` and `systems` are to be remembered when it goes to the journal. `reset` withdraws all alarms of the device,
    `resets` is whether anything at it was reset.
    """

    signals: list[Signal] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    readings: list[Reading] = field(default_factory=list)
    identity: dict[str, str] = field(default_factory=dict)
    guards: list[str] = field(default_factory=list)
    systems: set[System] = field(default_factory=set)
    reset: bool = False
    resets: bool = False
    levels: dict[Key, Last] = field(default_factory=dict)

    @property
    def is_record(self) -> bool:
        """Whether there is anything for the journal."""
        return bool(self.signals or self.notices or self.reset)

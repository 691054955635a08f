"""Panels that tell event codes, whatever carries them: which code a point's kind is, and what a panel says of itself."""

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from gateway.model import Kind
from simulators.alarm_codes import KINDS, Codes
from simulators.modbus import Press

#: Kinds of the site file for which a panel has a code (DC-03, DC-05). Zones of 121 are people: duress of a zone is 122.
#: A door over SIA is a zone of burglary, as panels wire it; SIA has no code for humidity.
_BY_KIND: Mapping[Kind, Codes] = {
    **{Kind(name): codes for name, codes in KINDS.items() if name in set(Kind)},
    Kind.DURESS: Codes("HA", "HR", "122"),
    Kind.DOOR: Codes("BA", "BR", "426"),
    Kind.FAULT: Codes("UT", "UJ", "380"),
    Kind.TEMPERATURE: Codes("ZA", "ZR", "158"),
    Kind.HUMIDITY: Codes("", "", "168"),
}
_RESET = Codes("", "", "305")
_PERIODIC_TEST = Codes("RP", "", "602")


class Alphabet(StrEnum):
    """The codes that a panel speaks."""

    CID = "Contact ID"
    SIA = "SIA"

    def code(self, codes: Codes, *, restored: bool = False) -> str:
        """The code as the panel sends it. Raises ValueError where this alphabet has none."""
        if self is Alphabet.CID:
            return f"{3 if restored else 1}{codes.contact_id}"
        code = codes.restore if restored else codes.alarm
        if not code:
            raise ValueError(f"{self} has no code for it")
        return code


class CodePanel(ABC):
    """What a person can do at such a panel."""

    alphabet: Alphabet

    @abstractmethod
    def send(self, code: str, zone: int | str) -> None:
        """Queue it. Raises ValueError for what the format can't say."""

    def mains(self, *, on: bool) -> None:
        """Loss of mains, and their return."""
        self.send(self.alphabet.code(KINDS["mains"], restored=on), 0)

    def battery(self, *, on: bool) -> None:
        """Low battery, and its return."""
        self.send(self.alphabet.code(KINDS["battery"], restored=on), 0)

    def reset(self, operator: int) -> None:
        """Reset (305). Raises ValueError for SIA, which has no such code. Contact ID does not say by whom."""
        del operator
        self.send(self.alphabet.code(_RESET), 0)

    def test(self) -> None:
        """The periodic test by which a panel shows that it is there."""
        self.send(self.alphabet.code(_PERIODIC_TEST), 0)

    def code(self, code: str, zone: int) -> None:
        """Any code."""
        self.send(code, zone)


@dataclass(frozen=True, slots=True)
class Zone:
    """A point that is a zone of such a panel."""

    panel: CodePanel
    id: str
    kind: Kind
    address: int | str
    latched: bool = False

    def press(self) -> Press:
        """Tell its alarm."""
        return self._tell(restored=False)

    def release(self) -> Press:
        """Tell its return."""
        return self._tell(restored=True)

    def set_value(self, value: float) -> Press:
        """A panel's zone measures nothing."""
        raise ValueError(f"{self.id} measures nothing: press or release it, not {value:g}")

    def _tell(self, *, restored: bool) -> Press:
        codes = _BY_KIND.get(self.kind)
        if codes is None:
            raise ValueError(f"{self.id}: no code of a panel says {self.kind}")
        at = moment()
        self.panel.send(self.panel.alphabet.code(codes, restored=restored), self.address)
        return at


def moment() -> Press:
    """Now, by both clocks."""
    return Press(datetime.now(UTC), time.monotonic_ns())

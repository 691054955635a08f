"""What a panel has to tell, as SIA DC-03 and Contact ID write it."""

import re
from dataclasses import dataclass
from enum import StrEnum

from simulators.alarm_codes import MOST_ZONE, known_kind


class Format(StrEnum):
    """The token of the message, and with it the alphabet of its data."""

    SIA = "SIA-DCS"
    CID = "ADM-CID"


_CID = re.compile(r"[136][0-9A-F]{3}")
_DCS = re.compile(r"[A-Z]{2}")


@dataclass(frozen=True, slots=True)
class PanelEvent:
    """One event of the panel's memory: `data` is what stands behind account and bar. `xdata` fields begin with their letter."""

    data: str
    xdata: tuple[str, ...] = ()

    def __str__(self) -> str:
        return self.data


def alarm(form: Format, kind: str, zone: int, *, restored: bool = False) -> str:
    """The data of an alarm of that kind, or its restore. Raises ValueError that says which kinds there are."""
    codes = known_kind(kind)
    if form is Format.SIA:
        return coded(form, codes.restore if restored else codes.alarm, zone)
    return coded(form, f"{3 if restored else 1}{codes.contact_id}", zone)


def coded(form: Format, code: str, zone: int, group: int = 0) -> str:
    """The data with any code of the format: `PA`, or `1120` with its group. Raises ValueError for what does not fit it."""
    if not 0 <= zone <= MOST_ZONE:
        raise ValueError(f"zone {zone}: give 0 to {MOST_ZONE}")
    known_code(form, code)
    if form is Format.SIA:
        return f"N{code}{zone}"
    if not 0 <= group <= 99:
        raise ValueError(f"group {group}: give 0 to 99")
    return f"{code} {group:02d} {zone:03d}"


def known_code(form: Format, code: str) -> str:
    """The code, if the format can say it. Raises ValueError."""
    if form is Format.SIA and not _DCS.fullmatch(code):
        raise ValueError(f"{code!r}: SIA-DCS wants two letters, for example PA")
    if form is Format.CID and not _CID.fullmatch(code):
        raise ValueError(f"{code!r}: ADM-CID wants 1, 3 or 6 and three digits, for example 1120")
    return code

"""Lines of the Sur-Gard automation format, as a receiver writes them (MLR2-E installation manual p. 42)."""

import re
from dataclasses import dataclass
from enum import StrEnum

from simulators.alarm_codes import MOST_ZONE, known_kind

END = b"\x14"  # DC4
ACK, NAK = 0x06, 0x15
#: `1011sssssssssss@ssss<DC4>`, s being a space.
HEARTBEAT = b"1011" + 11 * b" " + b"@" + 4 * b" " + END

_QUALIFIERS = {"1": "E", "3": "R", "6": "P"}
_CODE = re.compile(r"[136][0-9A-F]{3}")
_SIA_CODE = re.compile(r"[A-Z]{2}")


class Form(StrEnum):
    """In which format the panels call the receiver, and it passes them on."""

    CID = "cid"
    SIA = "sia"


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Receiver (two digits) and line (one) by which a call came."""

    receiver: str = "01"
    line: str = "1"


#: What manuals show in their examples.
FIRST = Origin()


def known_code(form: Form, code: str) -> str:
    """The code, if the format can say it. Raises ValueError."""
    if form is Form.CID and not _CODE.fullmatch(code):
        raise ValueError(f"{code!r}: Contact ID wants 1, 3 or 6 and three digits, for example 1120")
    if form is Form.SIA and not _SIA_CODE.fullmatch(code):
        raise ValueError(f"{code!r}: SIA wants two letters, for example PA")
    return code


def alarm_code(form: Form, kind: str, *, restored: bool = False) -> str:
    """The code of an alarm of that kind, or its restore. Raises ValueError that says which kinds there are."""
    codes = known_kind(kind)
    if form is Form.SIA:
        return codes.restore if restored else codes.alarm
    return f"{3 if restored else 1}{codes.contact_id}"


def contact_id_line(origin: Origin, account: str, code: str, group: int, zone: int) -> bytes:
    """`5RRLs18AAAAQXYZGGCCC<DC4>`. Raises ValueError for what does not fit."""
    _limits(account, 4, zone)
    if not 0 <= group <= 99:
        raise ValueError(f"group {group}: give 0 to 99")
    qualifier, event = _QUALIFIERS[known_code(Form.CID, code)[0]], code[1:]
    text = f"5{origin.receiver}{origin.line} 18{account}{qualifier}{event}{group:02d}{zone:03d}"
    return text.encode() + END


def sia_line(origin: Origin, account: str, code: str, zone: int) -> bytes:
    """`3RRLssssAAAAAAXXYYYY<DC4>`; a shorter account has zeros before it (no source says so). Raises ValueError."""
    _limits(account, 6, zone)
    text = f"3{origin.receiver}{origin.line}    {account:0>6}{known_code(Form.SIA, code)}{zone:04d}"
    return text.encode() + END


def _limits(account: str, longest: int, zone: int) -> None:
    if not re.fullmatch(rf"[0-9A-F]{{4,{longest}}}", account):
        raise ValueError(f"account {account!r}: 4 to {longest} digits 0-9 and A-F")
    if not 0 <= zone <= MOST_ZONE:
        raise ValueError(f"zone {zone}: give 0 to {MOST_ZONE}")

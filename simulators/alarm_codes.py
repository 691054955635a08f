"""The kinds of alarm that panels tell, in SIA DC-03 and in Contact ID (ANSI/SIA DC-03, DC-05)."""

from collections.abc import Mapping
from dataclasses import dataclass

MOST_ZONE = 999


@dataclass(frozen=True, slots=True)
class Codes:
    """A kind of event: alarm and restore of DC-03, and the three digits of Contact ID (1 before them, 3 for the restore)."""

    alarm: str
    restore: str
    contact_id: str


KINDS: Mapping[str, Codes] = {
    "panic": Codes("PA", "PR", "120"),
    "duress": Codes("HA", "HR", "121"),
    "fire": Codes("FA", "FR", "110"),
    "smoke": Codes("FA", "FR", "111"),  # DC-03 has one code for both
    "heat": Codes("KA", "KR", "114"),
    "gas": Codes("GA", "GR", "151"),
    "intrusion": Codes("BA", "BR", "130"),
    "tamper": Codes("TA", "TR", "137"),
    "medical": Codes("MA", "MR", "100"),
    "mains": Codes("AT", "AR", "301"),
    "battery": Codes("YT", "YR", "302"),
}


def known_kind(kind: str) -> Codes:
    """The codes of a kind. Raises ValueError that says which there are."""
    if kind not in KINDS:
        raise ValueError(f"no kind {kind!r}; there are: {', '.join(KINDS)}")
    return KINDS[kind]

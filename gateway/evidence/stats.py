"""How evidence does, as figures."""

from dataclasses import dataclass


@dataclass(slots=True, kw_only=True)
class EvidenceStats:
    """Counted since the service began. `full`: `[evidence] max_gb` is taken up by open alarms, and no clips are made.

    `unsent` are snapshots that were given up before a destination had taken them, `refused` why the place of
    `[evidence.upload]` refuses clips.
    """

    snapshots: int = 0
    clips: int = 0
    failed: int = 0
    uploaded: int = 0
    deleted: int = 0
    unsent: int = 0
    bytes: int = 0
    full: bool = False
    refused: str = ""

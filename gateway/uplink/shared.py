"""What the parts of one destination share, and what outlives a connection."""

from dataclasses import dataclass

from gateway.clock import Clock
from gateway.policy.receipts import StreamKnowledge
from gateway.site import UplinkSettings
from gateway.trace import Tracer
from gateway.uplink.complaints import Complaints
from gateway.uplink.confirm import Confirmer
from gateway.uplink.latest import Latest, Results
from gateway.uplink.readings import ReadingStock
from gateway.uplink.snapshots import SnapshotLine


@dataclass(frozen=True, slots=True, kw_only=True)
class Shared:
    """What outlives a connection: one of each for a destination."""

    settings: UplinkSettings
    root: str
    clock: Clock
    tracer: Tracer
    confirmer: Confirmer
    complaints: Complaints
    knowledge: dict[str, StreamKnowledge]
    status: Latest
    presences: Latest
    results: Results
    readings: ReadingStock
    snapshots: SnapshotLine

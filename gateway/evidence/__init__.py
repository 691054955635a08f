"""Evidence for every alarm that cameras see: a snapshot at once, a clip when the footage is there, both told and sent."""

from gateway.evidence.manifest import verify
from gateway.evidence.service import EvidenceService
from gateway.evidence.stats import EvidenceStats

__all__ = ["EvidenceService", "EvidenceStats", "verify"]

"""Evidence over HTTP while the evidence service can't answer."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from gateway.errors import GatewayError
from gateway.store.evidence_rows import EvidenceRow
from gateway.store.library import LibraryUnusable
from tests.console.desk import desk
from tests.console.exhibits import Exhibits


class Broken(Exhibits):
    """The service whose library, or whose disk, does not answer."""

    def __init__(self, error: GatewayError | OSError) -> None:
        super().__init__()
        self.error = error

    async def of_alarm(self, alarm_id: str) -> Sequence[EvidenceRow]:
        """It can't."""
        raise self.error

    async def recent(self, limit: int, before: str | None = None) -> Sequence[EvidenceRow]:
        """It can't."""
        raise self.error

    async def find(self, evidence_id: str) -> EvidenceRow | None:
        """It can't."""
        raise self.error


@pytest.mark.parametrize(
    "error", [LibraryUnusable("it is not open"), OSError(5, "Input/output error"), TimeoutError("no disk")]
)
async def test_a_service_that_cannot_answer_just_now_is_503(
    tmp_path: Path, error: GatewayError | OSError
) -> None:
    """Each route says that it may be asked again soon, and why; an alarm that there is not stays 404."""
    async with desk(tmp_path, evidence=Broken(error)) as running:
        guard = await running.guard()
        alarm = await running.press()
        for path in (
            f"/api/alarms/{alarm}/evidence",
            "/api/evidence",
            "/api/evidence/one",
            "/api/evidence/one/file",
            "/api/evidence/one/manifest",
        ):
            answer = await guard.get(path)
            assert (answer.status_code, answer.json()["error"]["code"]) == (503, "footage-unavailable")
            assert int(answer.headers["Retry-After"]) == 5
        assert (await guard.get("/api/alarms/none/evidence")).status_code == 404

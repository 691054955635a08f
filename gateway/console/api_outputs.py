"""The console's HTTP interface for outputs: silence (消音), how sounders, strobes and relays are, and their tests."""

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter

from gateway.console.models import ErrorAnswer
from gateway.console.models_outputs import OutputsAnswer, OutputTestView, OutputView, SilencedAnswer
from gateway.console.problems import RequestError
from gateway.console.services import Acting, Console, Leading, SignedIn
from gateway.errors import NotFound
from gateway.policy.outputs import OutputState
from gateway.site.site import OutputEntry
from gateway.store import OutputTest

router = APIRouter(
    prefix="/api", responses={status: {"model": ErrorAnswer} for status in (401, 403, 404, 409, 422, 503)}
)

OutputId = Annotated[str, "an output's id"]


@router.post("/silence", summary="Silence 消音")
async def silence(caller: Acting, console: Console) -> SilencedAnswer:
    """No sound any more for what is open now, until the next press. Nothing is acknowledged by it."""
    return SilencedAnswer(silenced=await console.deps.journal.silence(caller.account.name))


@router.get("/outputs", summary="Sounders, strobes and relays 声光输出")
async def outputs(_: SignedIn, console: Console) -> OutputsAnswer:
    """What is wanted of each output, how it is, and when it was last tested."""
    view = console.deps.outputs
    states = {state.id: state for state in (view.outputs() if view is not None else ())}
    tests = await console.deps.journal.output_tests()
    return OutputsAnswer(
        now=console.render.now,
        outputs=tuple(
            _output(entry, states.get(entry.id), tests.get(entry.id)) for entry in console.deps.site.outputs
        ),
    )


@router.post("/outputs/{output_id}/test", summary="Test an output 输出测试")
async def test(output_id: OutputId, caller: Leading, console: Console) -> OutputView:
    """On for its `test_s`, then off. Answered once it is on or could not be: `reason` says why. Not for `guard`."""
    entry = next((entry for entry in console.deps.site.outputs if entry.id == output_id), None)
    if entry is None:
        raise NotFound(f"there is no output {output_id!r}")
    if console.deps.outputs is None:
        raise RequestError(409, "outputs-down")
    state = await console.deps.outputs.test_output(output_id, caller.account.name)
    tests: Mapping[str, OutputTest] = await console.deps.journal.output_tests()
    return _output(entry, state, tests.get(output_id))


def _output(entry: OutputEntry, state: OutputState | None, last: OutputTest | None) -> OutputView:
    settings = entry.settings
    return OutputView(
        id=entry.id,
        name=entry.name,
        kind=settings.kind,
        device=entry.device,
        severities=settings.severities,
        zones=settings.zones,
        until=settings.until,
        wanted=state.wanted if state else None,
        actual=state.actual if state else None,
        testing=state.testing if state else False,
        reason=state.reason if state else "",
        test_day=settings.test_day,
        last_test=OutputTestView(at=last.at, ok=last.ok) if last else None,
    )

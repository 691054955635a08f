"""Brokers for the county's tests."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from tests.mosquitto import mosquitto
from tests.simulators.county_scene import Scene, embedded


@pytest.fixture
async def real(tmp_path: Path) -> AsyncIterator[Scene]:
    """Mosquitto and MQTT 5."""
    async with mosquitto(tmp_path, extra=["max_queued_messages 0"]) as broker:
        scene = Scene(broker.port, "5")
        async with scene.stack:
            yield scene


@pytest.fixture(params=["mosquitto", "embedded"])
async def scene(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Scene]:
    """Both brokers, one after the other."""
    async with AsyncExitStack() as stack:
        if request.param == "embedded":
            scene = Scene((await stack.enter_async_context(embedded())).port, "3.1.1")
        else:
            scene = Scene((await stack.enter_async_context(mosquitto(tmp_path))).port, "5")
        async with scene.stack:
            yield scene

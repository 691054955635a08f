from collections.abc import AsyncIterator

import pytest

from tests.drivers.onvif.cameras import STANDING


@pytest.fixture(autouse=True)
async def _put_away() -> AsyncIterator[None]:
    """Whatever a test ends with, its cameras are stopped."""
    yield
    while STANDING:
        await STANDING.pop().stop()

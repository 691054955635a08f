"""drivers.onvif keeps the driver contract."""

from pathlib import Path

import pytest

from tests.drivers.contract import DriverContract
from tests.drivers.onvif.cameras import OnvifUnderTest


class TestOnvif(DriverContract):
    """A camera with a button at its input."""

    @pytest.fixture
    def subject(self, tmp_path: Path) -> OnvifUnderTest:
        """A camera at a port of its own."""
        return OnvifUnderTest(tmp_path)

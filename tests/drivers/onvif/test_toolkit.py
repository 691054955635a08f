"""The SOAP libraries and their habits, kept from the daemon."""

import subprocess
import sys
from pathlib import Path

ALONE = """
import asyncio, logging, sys
import drivers
assert not {"onvif", "zeep", "httpx"} & sys.modules.keys(), "loaded without need"
from drivers.onvif.toolkit import DEVICE, EVENTS, new_soap, prepare

async def main():
    soap = await new_soap("u", "p", lambda: None)
    await prepare(DEVICE)
    await asyncio.gather(*(prepare(EVENTS) for _ in range(16)))
    await soap.close()

asyncio.run(main())
root = logging.getLogger()
assert root.handlers == [] and root.level == logging.WARNING, "the log was changed"
assert "onvif" in sys.modules
"""


def test_they_are_loaded_late_and_change_nothing(tmp_path: Path) -> None:
    """Not for sites without such cameras; the log stays as it was; nothing is written into the user's directories."""
    done = subprocess.run(
        [sys.executable, "-c", ALONE],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=Path(__file__).parents[3],
        env={
            "HOME": str(tmp_path),
            "XDG_CACHE_HOME": str(tmp_path / "cache"),
            "PYTHONDONTWRITEBYTECODE": "1",
        },
    )

    assert done.returncode == 0, done.stderr
    assert list(tmp_path.iterdir()) == []

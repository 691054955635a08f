"""The two pictures that show why an alarm of the picture watch was raised, as files, the last ten pairs of a camera."""

import re
import shutil
from datetime import UTC, datetime
from pathlib import Path

from gateway.media.look import Look, Pair
from gateway.model import Kind

#: Pairs of a camera that are kept.
MOST = 10

_TIME = "%Y%m%dT%H%M%SZ"
_NAME = re.compile(r"(?P<kind>camera-[a-z]+)-(?P<time>\d{8}T\d{6}Z)-now\.jpg")


class Evidence:
    """`{directory}/{camera}/{kind}-{time}-before.jpg` and `-now.jpg`. Everything here blocks: call it in a thread."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def keep(self, camera: str, kind: Kind, look: Look) -> None:
        """Copy a look's pictures, and remove what is beyond the bound. Raises OSError."""
        if look.now is None:
            return
        folder = self._directory / camera
        folder.mkdir(parents=True, exist_ok=True)
        stem = f"{kind.value}-{look.at.astimezone(UTC):{_TIME}}"
        if look.before is not None:
            shutil.copyfile(look.before, folder / f"{stem}-before.jpg")
        shutil.copyfile(look.now, folder / f"{stem}-now.jpg")
        for pair in self.pairs(camera)[MOST:]:
            for path in (pair.before, pair.now):
                if path is not None:
                    path.unlink(missing_ok=True)

    def pairs(self, camera: str) -> tuple[Pair, ...]:
        """What there is of a camera, the newest first. Raises OSError."""
        folder = self._directory / camera
        if not folder.is_dir():
            return ()
        found = (_pair(path) for path in folder.iterdir())
        return tuple(
            sorted((pair for pair in found if pair is not None), key=lambda pair: pair.at, reverse=True)
        )


def _pair(now: Path) -> Pair | None:
    match = _NAME.fullmatch(now.name)
    if match is None or match["kind"] not in {kind.value for kind in Kind}:
        return None
    before = now.with_name(now.name.replace("-now.", "-before."))
    return Pair(
        kind=Kind(match["kind"]),
        at=datetime.strptime(match["time"], _TIME).replace(tzinfo=UTC),
        before=before if before.exists() else None,
        now=now,
    )

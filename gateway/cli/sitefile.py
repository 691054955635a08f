"""Which site file the daemon runs on: the named one, or the last good one if that has gone bad (DESIGN "A bad site file")."""

import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from gateway.driver import DriverSpec
from gateway.errors import SiteFileError
from gateway.site import Site, load_site
from gateway.store.side import write

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Chosen:
    """A site to run, and what is wrong with the file that was named (empty: nothing)."""

    site: Site
    problem: str


def choose(path: Path, drivers: Mapping[str, DriverSpec]) -> Chosen:
    """The named site file, kept as the last good one; or, if it is bad, the last good one with the problem.

    Raises SiteFileError where there is no last good one either.
    """
    kept = last_good_path(path)
    try:
        site = load_site(path, drivers)
    except SiteFileError as bad:
        try:
            last = load_site(kept, drivers)
        except SiteFileError:
            raise bad from None
        return Chosen(replace(last, path=path), str(bad))
    _keep(path, kept)
    return Chosen(site, "")


def last_good_path(path: Path) -> Path:
    """Where the last good one is kept: in systemd's state directory, else beside the site file."""
    if state := os.environ.get("STATE_DIRECTORY"):
        return Path(state.split(":", maxsplit=1)[0]) / f"last-good-{path.name}"
    return path.with_name(f".last-good-{path.name}")


def _keep(path: Path, kept: Path) -> None:
    try:
        content = path.read_bytes()
        if not kept.exists() or kept.read_bytes() != content:
            write(kept, content)
    except OSError as error:
        logger.warning("this site file can't be kept as the last good one in %s: %s", kept, error)

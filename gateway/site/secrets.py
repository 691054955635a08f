"""Files beside the site file, secrets above all: where they are looked for, and what is said if one can't be read."""

import os
import stat
from pathlib import Path

from gateway.errors import SiteFileError

#: A secret is short; whatever is longer is some other file.
_MOST_BYTES = 64 * 1024


def read_secret(site_file: Path, file: Path | None) -> str:
    """The content of a file that holds a secret, stripped; empty where none is named. Blocks for the disk.

    A relative name is looked for among systemd's credentials (`$CREDENTIALS_DIRECTORY`), then beside the site file.
    Raises SiteFileError, naming the places, if it can't be read.
    """
    if file is None:
        return ""
    places = [site_file.parent / file]
    if credentials := os.environ.get("CREDENTIALS_DIRECTORY"):
        places.insert(0, Path(credentials) / file)
    for place in places:
        try:
            if not stat.S_ISREG(place.stat().st_mode):
                continue  # a directory, or a pipe that nobody writes to
            with place.open("rb") as opened:
                content = opened.read(_MOST_BYTES + 1)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise _unreadable(site_file, place, f"{error.strerror}; let the gateway read it") from error
        if len(content) > _MOST_BYTES:
            raise _unreadable(site_file, place, f"it is longer than {_MOST_BYTES} bytes; name the right file")
        try:
            return content.decode().strip()
        except UnicodeDecodeError as error:
            raise _unreadable(site_file, place, "it is not UTF-8; name the right file") from error
    where = ", ".join(str(place) for place in places)
    raise SiteFileError(
        str(site_file), [f"secret file {file} is missing; write the secret into one of: {where}"]
    )


def _unreadable(site_file: Path, place: Path, why: str) -> SiteFileError:
    return SiteFileError(str(site_file), [f"secret file {place} can't be read: {why}"])

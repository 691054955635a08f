"""The operation `look`: the newest key frame of a growing file, measured. A Watcher is kept for each camera."""

from datetime import timedelta
from pathlib import Path

from gateway.media.frames import newest_key_frame
from gateway.media.look import fields_of_look
from gateway.media.measure import Watcher
from gateway.media.protocol import Answer, ProtocolError, Request

#: What remembers the pictures before this one, by folder and camera: as many as the site has cameras.
_watchers: dict[tuple[Path, str], Watcher] = {}


def look(request: Request) -> Answer:
    """Measure it. Raises like `newest_key_frame`, ProtocolError, and OSError if the disk fails."""
    pieces = request.pieces()
    if len(pieces) != 1:
        raise ProtocolError(f"a look at {len(pieces)} pieces: give the growing one")
    (piece,) = pieces
    directory, camera = request.path("memory_dir"), request.text("camera")
    picture, offset_s = newest_key_frame(piece)
    watcher = _watchers.get((directory, camera))
    if watcher is None:
        watcher = _watchers[directory, camera] = Watcher(camera, directory)
    found = watcher.look(picture, piece.start + timedelta(seconds=offset_s))
    return Answer(fields_of_look(found))

"""The side copy: open alarms, levels, arming, bypasses and accounts in a small file, better on another medium than the journal.

A box whose journal is lost still knows its alarms, what is armed and its guards from it (DESIGN "A dying disk").
"""

import hashlib
import json
import logging
import os
from collections.abc import Callable
from pathlib import Path

from gateway.model import Kind, Level
from gateway.store.mirror import Mirror
from gateway.store.rows import Account, StreamHead, alarm_of, alarm_row
from gateway.store.standing import (
    arming_of,
    arming_row,
    bypass_of,
    bypass_row,
    silence_of,
    silence_row,
)

logger = logging.getLogger(__name__)

_VERSION = 1
_MAX_BYTES = 64 * 1024 * 1024


def encode(mirror: Mirror) -> bytes:
    """The file's bytes: a line of checksum, a line of JSON."""
    content = json.dumps(
        {
            "version": _VERSION,
            "in_memory": mirror.in_memory,
            "alarms": [alarm_row(alarm) for alarm in mirror.open_alarms.values()],
            "levels": [[point, kind, level] for (point, kind), level in mirror.levels.items()],
            "accounts": [
                [account.name, account.display, account.hash, account.role, account.disabled]
                for account in mirror.accounts.values()
            ],
            "silences": [silence_row(silence) for silence in mirror.silences.values()],
            "armings": [arming_row(arming) for arming in mirror.armings.values()],
            "bypasses": [bypass_row(bypass) for bypass in mirror.bypasses.values()],
            "heads": [[head.destination, head.stream] for head in mirror.heads.values()],
        },
        ensure_ascii=False,
        separators=(",", ":"),
    ).encode()
    return hashlib.sha256(content).hexdigest().encode() + b"\n" + content


def decode(data: bytes) -> Mirror:
    """What `encode` wrote. Raises ValueError for a damaged or foreign file.

    One of before there was arming has none: then every zone is armed and nothing is bypassed.
    """
    digest, _, content = data.partition(b"\n")
    if hashlib.sha256(content).hexdigest().encode() != digest:
        raise ValueError("the side copy's checksum is wrong")
    kept = json.loads(content)
    if kept.get("version") != _VERSION:
        raise ValueError(f"the side copy has version {kept.get('version')}, this program knows {_VERSION}")
    alarms = [alarm_of(tuple(row)) for row in kept["alarms"]]
    return Mirror(
        in_memory=kept["in_memory"],
        open_alarms={alarm.id: alarm for alarm in alarms},
        levels={(point, Kind(kind)): Level(level) for point, kind, level in kept["levels"]},
        accounts={
            name: Account(name=name, display=display, hash=digest, role=role, disabled=disabled)
            for name, display, digest, role, disabled in kept["accounts"]
        },
        silences={row[0]: silence_of(tuple(row)) for row in kept.get("silences", ())},
        armings={row[0]: arming_of(tuple(row)) for row in kept.get("armings", ())},
        bypasses={row[0]: bypass_of(tuple(row)) for row in kept.get("bypasses", ())},
        heads={
            destination: StreamHead(
                destination=destination,
                stream=stream,
                last_sequence=0,
                reason="",
                previous_stream=None,
                previous_sequence=None,
            )
            for destination, stream in kept["heads"]
        },
    )


def read(path: Path) -> Mirror | None:
    """The side copy, or None where there is none that can be used (said in the log)."""
    try:
        if path.stat().st_size > _MAX_BYTES:
            logger.warning("side copy %s is larger than %d bytes: not used", path, _MAX_BYTES)
            return None
        return decode(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError) as error:
        logger.warning("side copy %s can't be used: %s", path, error)
        return None


def write(path: Path, data: bytes) -> None:
    """Replace the side copy, all or nothing. Raises OSError. Blocks for the disk: call it in a thread."""
    replace_file(path, lambda descriptor: _write_all(descriptor, data))


def replace_file(path: Path, fill: Callable[[int], None]) -> None:
    """Fill a file beside `path`, fsync, rename over it, fsync the directory. Raises OSError."""
    beside = path.with_name(path.name + ".new")
    descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        fill(descriptor)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    beside.replace(path)
    sync_directory(path.parent)


def sync_directory(directory: Path) -> None:
    """Fsync a directory, so that a rename in it survives a power cut. Raises OSError."""
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]

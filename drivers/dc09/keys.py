"""Owns the keys: read from their files, again each minute, and never shown in words."""

import asyncio
from collections.abc import Mapping
from types import MappingProxyType

from drivers.dc09.codec import parse_key
from drivers.dc09.settings import Dc09Connection, Dc09Device
from gateway.errors import SiteFileError

#: The files are read again so often, in seconds: who mends one needs no restart.
AGAIN_S = 60.0

#: All files together are waited for so long, in seconds: a disk that hangs must not keep the others from being served.
_READ_LIMIT_S = 5.0

_MENDED = "it is read again each minute, without a restart"


class Keyring:
    """The devices' keys. One that was read stays until another is in its file."""

    def __init__(self, connection: Dc09Connection) -> None:
        self._connection = connection
        self._devices = [device for device in connection.devices if device.settings.key_file is not None]
        self._keys: dict[str, bytes] = {}
        self._troubles: dict[str, str] = {}

    def __bool__(self) -> bool:
        """Whether any device has a key file."""
        return bool(self._devices)

    @property
    def troubles(self) -> Mapping[str, str]:
        """Why a device has no key although it should, by device, in words for a technician."""
        return MappingProxyType(self._troubles)

    def key_of(self, device: str) -> bytes | None:
        """Its key, if it has one that could be read."""
        return self._keys.get(device)

    async def read(self) -> None:
        """Read all files. What is wrong with one is among the troubles; it raises nothing."""
        try:
            async with asyncio.timeout(_READ_LIMIT_S):
                found = await asyncio.to_thread(
                    lambda: [(one.id, read_key(self._connection, one)) for one in self._devices]
                )
        except TimeoutError:
            words = f"its key file could not be read within {_READ_LIMIT_S:g} s; look at the disk"
            found = [(device.id, words) for device in self._devices]
        for device, key in found:
            if isinstance(key, bytes):
                self._keys[device] = key
                self._troubles.pop(device, None)
            elif device not in self._keys:
                self._troubles[device] = f"{key}; {_MENDED}"


def read_key(connection: Dc09Connection, device: Dc09Device) -> bytes | str:
    """The key, or why there is none, without any of it. Blocks for the disk."""
    file = device.settings.key_file
    try:
        return parse_key(connection.secret(file))
    except SiteFileError as error:
        return f"its key can't be read: {'; '.join(error.problems)}"
    except ValueError:
        return f"key_file {file} holds no key: write 32, 48 or 64 hex digits into it"

"""Pure: what `check` says about a receiver: contradictions, panels in clear, and panels whose loss nobody would notice."""

from collections import Counter
from collections.abc import Iterator

from drivers.dc09.keys import read_key
from drivers.dc09.settings import Dc09Connection, Dc09Device, same_address


def problems(connection: Dc09Connection) -> list[str]:
    """What in the site file contradicts itself across keys of different tables: errors."""
    found = list(_shared_accounts(connection))
    for device in connection.devices:
        found.extend(_problems_of(device))
    return found


def advice(connection: Dc09Connection) -> list[str]:
    """Where it listens, and warnings that a technician should weigh. No contradictions: see `problems`.

    Reads the key files: blocks for the disk.
    """
    bus = connection.settings
    ways = "TCP and UDP" if bus.transport == "both" else bus.transport.upper()
    lines = [
        f"{connection.id}: {len(connection.devices)} panel(s) call {bus.host} port {bus.port} over {ways}"
    ]
    for device in connection.devices:
        if device.settings.key_file and isinstance(trouble := read_key(connection, device), str):
            lines.append(f"device {device.id!r}: {trouble}; until then nothing of it is taken")
        lines.extend(_warnings_of(device))
    return lines


def _shared_accounts(connection: Dc09Connection) -> Iterator[str]:
    for account, count in Counter(device.settings.account for device in connection.devices).items():
        if count > 1:
            names = [device.id for device in connection.devices if device.settings.account == account]
            yield (
                f"devices {', '.join(map(repr, names))}: all have account {account!r} on this receiver; "
                "an account belongs to one panel"
            )


def _problems_of(device: Dc09Device) -> Iterator[str]:
    keys = device.settings
    if keys.key_file is not None and keys.encrypts == "never":
        yield f'device {device.id!r}: has a key_file and encryption = "never"; remove one of them'
    if keys.key_file is None and keys.encrypts != "never":
        yield f"device {device.id!r}: encryption = {keys.encryption!r} needs a `key_file` with the panel's key"
    for address, count in Counter(same_address(point.settings.address) for point in device.points).items():
        if count > 1:
            names = [point.id for point in device.points if same_address(point.settings.address) == address]
            yield f"points {', '.join(map(repr, names))}: all have address {address!r}; a zone is one point"


def _warnings_of(device: Dc09Device) -> Iterator[str]:
    keys = device.settings
    if keys.encrypts == "never":
        yield (
            f"device {device.id!r}: sends in clear: whoever reaches the port can read and forge its alarms; "
            "give it a `key_file` if the panel can encrypt"
        )
    elif keys.encrypts == "optional":
        yield (
            f'device {device.id!r}: encryption = "optional" takes forged messages in clear, too; say "required" '
            "once the panel encrypts"
        )
    if not keys.lost_after_s:
        yield (
            f"device {device.id!r}: nothing supervises it: a panel without power or line is silent; "
            "let it call regularly (NULL) and give `lost_after_s`"
        )

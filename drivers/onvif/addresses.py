"""Pure: what a camera says of its own addresses, made into addresses that lead to it."""

from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit, urlunsplit

#: Queries in which cameras put the password into an address.
_CREDENTIALS = frozenset({"username", "password", "user", "pass", "pwd", "usr"})

_RTSP_PORT = 554


def rewritten(address: str, host: str, port: int) -> str:
    """An address of a service, at the configured host and port: cameras behind NAT tell their own, some double the port.

    Raises ValueError for what is no address.
    """
    parts = _split(address)
    return _joined(parts, "http", f"{_bracketed(host)}:{port}")


def rewritten_stream(address: str, host: str) -> str:
    """An address of a stream at the configured host, with its own port, without user and password. Raises ValueError."""
    parts = _split(address)
    port = _port(parts, _RTSP_PORT)
    netloc = _bracketed(host) if port == _RTSP_PORT else f"{_bracketed(host)}:{port}"
    return _joined(parts, "rtsp", netloc)


def rewritten_picture(address: str, host: str, port: int, told_port: int) -> str:
    """An address of a snapshot at the configured host. Raises ValueError.

    `told_port` is what the camera believes to be its services' port: pictures at that one are at ours, others at theirs.
    """
    parts = _split(address)
    own = _port(parts, 80)
    return _joined(parts, "http", f"{_bracketed(host)}:{port if own == told_port else own}")


def port_of(address: str) -> int:
    """The port in a service's address. Raises ValueError."""
    return _port(_split(address), 80)


def _split(address: str) -> SplitResult:
    parts = urlsplit(address.strip())
    if not parts.scheme or not parts.netloc:
        raise ValueError(f"{address[:100]!r} is no address")
    return parts


def _port(parts: SplitResult, otherwise: int) -> int:
    """The first number after the host: `ip:8106:8106` is a doubled port (protocols.md 5.4)."""
    place = parts.netloc.rpartition("@")[2]
    behind = place.rpartition("]")[2] if "[" in place else place.partition(":")[2]
    digits = behind.strip(":").split(":")[0]
    return int(digits) if digits.isdigit() and 0 < int(digits) < 65536 else otherwise


def _joined(parts: SplitResult, scheme: str, netloc: str) -> str:
    query = parts.query
    if any(key.lower() in _CREDENTIALS for key, _ in parse_qsl(query, keep_blank_values=True)):
        query = urlencode(
            [
                (key, value)
                for key, value in parse_qsl(query, keep_blank_values=True)
                if key.lower() not in _CREDENTIALS
            ]
        )
    return urlunsplit((scheme, netloc, parts.path, query, ""))


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host and not host.startswith("[") else host

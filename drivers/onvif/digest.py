"""Pure: HTTP Digest (RFC 7616): which challenge of a camera is taken, and what proves the password."""

import hashlib
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

_ALGORITHMS = {"MD5": "md5", "SHA-256": "sha256", "MD5-SESS": "md5", "SHA-256-SESS": "sha256"}

#: A scheme's beginning in a header that may hold several of them, and one of its parameters.
_SCHEME = re.compile(r"(?:^|,)\s*Digest\s+(?=[\w-]+\s*=)", re.IGNORECASE)
_PARAMETER = re.compile(r'([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')

#: More of a header is not looked at.
_MOST_HEADER = 4096


@dataclass(slots=True)
class _Challenge:
    """What an origin asked last, and how often it was answered."""

    given: Mapping[str, str]
    count: int = field(default=0)


class Digest:
    """The answers of one user to the challenges of each origin (scheme, host and port): none is told to another."""

    def __init__(self, username: str, password: str) -> None:
        self._username = username
        self._password = password
        self._known: dict[str, _Challenge] = {}

    def learn(self, origin: str, headers: Iterable[str]) -> bool:
        """Take the first challenge that we can answer from the `WWW-Authenticate` headers; False if there is none."""
        for given in challenges(headers):
            self._known[origin] = _Challenge(given)
            return True
        self._known.pop(origin, None)
        return False

    def proof(self, origin: str, method: str, target: str) -> str | None:
        """An `Authorization` header, None while that origin has not asked (RFC 7616, sections 3.4 and 3.5)."""
        challenge = self._known.get(origin)
        if challenge is None:
            return None
        challenge.count += 1
        given, number, own = challenge.given, f"{challenge.count:08x}", secrets.token_hex(8)
        told = given.get("algorithm", "MD5")
        name = _ALGORITHMS[told.upper()]

        def hashed(*parts: str) -> str:
            return hashlib.new(name, ":".join(parts).encode(), usedforsecurity=False).hexdigest()

        secret = hashed(self._username, given["realm"], self._password)
        if told.upper().endswith("-SESS"):
            secret = hashed(secret, given["nonce"], own)
        asked = hashed(method, target)
        fields = {"username": self._username, "realm": given["realm"], "nonce": given["nonce"], "uri": target}
        plain = {"algorithm": told} if "algorithm" in given else {}
        if "qop" in given:
            fields |= {"cnonce": own, "response": hashed(secret, given["nonce"], number, own, "auth", asked)}
            plain |= {"qop": "auth", "nc": number}
        else:  # RFC 2069
            fields["response"] = hashed(secret, given["nonce"], asked)
        if "opaque" in given:
            fields["opaque"] = given["opaque"]
        quoted = [f'{key}="{_escaped(value)}"' for key, value in fields.items()]
        return "Digest " + ", ".join([*quoted, *(f"{key}={value}" for key, value in plain.items())])


def challenges(headers: Iterable[str]) -> list[Mapping[str, str]]:
    """The parameters of each Digest challenge that we can answer, in the order of the camera's wish.

    Some cameras offer Basic first, in a header of its own or in the same one.
    """
    found: list[Mapping[str, str]] = []
    for header in headers:
        text = header[:_MOST_HEADER]
        starts = [match.end() for match in _SCHEME.finditer(text)]
        for start, end in zip(starts, [*starts[1:], len(text)], strict=False):
            given: dict[str, str] = {}
            for name, quoted, plain in _PARAMETER.findall(text[start:end]):
                given.setdefault(name.lower(), re.sub(r"\\(.)", r"\1", quoted) or plain)
            if _can_be_answered(given):
                found.append(given)
    return found


def wants_basic(headers: Iterable[str]) -> bool:
    """Whether it asks for Basic, and for no Digest that we can answer."""
    given = list(headers)
    return any("basic " in f"{header} ".lower() for header in given) and not challenges(given)


def is_stale(headers: Iterable[str]) -> bool:
    """Whether it says that the password is right and its number too old (RFC 7616, section 3.3, `stale`)."""
    return any(given.get("stale", "").lower() == "true" for given in challenges(headers))


def _can_be_answered(given: Mapping[str, str]) -> bool:
    protections = {one.strip().lower() for one in given.get("qop", "auth").split(",")}
    return (
        "realm" in given
        and bool(given.get("nonce"))
        and given.get("algorithm", "MD5").upper() in _ALGORITHMS
        and "auth" in protections
        and all(value.isprintable() for value in given.values())
    )


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"')

"""Who may call: HTTP Digest (RFC 7616) and WS-UsernameToken, checked as cameras check them, with their locks."""

import base64
import binascii
import hashlib
import hmac
import re
import secrets
import time
import xml.etree.ElementTree as ET
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import TypeVar

from simulators.onvif.quirks import Auth
from simulators.onvif.soap import local

#: How far Created may be from the camera's own clock (refusals are known from 5 s on).
CREATED_TOLERANCE = timedelta(seconds=5)
#: Failed logins in a row after which an account is locked.
FAILURES_BEFORE_LOCK = 5
#: Nonces that are remembered, ours and those of tokens; the oldest are forgotten.
MOST_NONCES = 1000

_PASSWORD_DIGEST = (
    "http://docs.oasis-open.org/wss/2004/01/oasis-200401-wss-username-token-profile-1.0#PasswordDigest"  # noqa: S105 - a type's name
)
_K = TypeVar("_K")
_V = TypeVar("_V")

_PARAMETER = re.compile(r'([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')
_STRICT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")


class Algorithm(StrEnum):
    """What a digest is made with."""

    MD5 = "MD5"
    SHA_256 = "SHA-256"


class Verdict(StrEnum):
    """What the gate says of a request."""

    ACCEPTED = "accepted"
    ASKED = "asked"  # it brought nothing: it is told how
    STALE = "stale"  # right, but for a nonce that is not known or was used: once more, please
    REFUSED = "refused"  # a wrong password, or a locked account


@dataclass(frozen=True, slots=True)
class Lock:
    """After `failures` logins in a row that failed every login is refused for so many seconds."""

    seconds: float
    failures: int = FAILURES_BEFORE_LOCK


class Gate:
    """The account of one camera. `now` is the camera's own clock, with its error; `realm` is what is asked for."""

    def __init__(
        self,
        *,
        auth: Auth,
        username: str,
        password: str,
        now: Callable[[], datetime],
        algorithms: tuple[Algorithm, ...] = (Algorithm.MD5,),
        realm: str = "campus camera",
    ) -> None:
        self.auth = auth
        self.username = username
        self.password = password
        self.failed = 0
        self.closed = False
        self.was_late = False  # the last token was refused for its time
        self.strict_created = False
        self.lock: Lock | None = None
        self._now = now
        self._algorithms = algorithms
        self._realm = realm
        self._in_a_row = 0
        self._locked_until = 0.0
        self._issued: OrderedDict[str, set[str]] = OrderedDict()
        self._seen: OrderedDict[tuple[str, str], None] = OrderedDict()

    @property
    def locked(self) -> bool:
        """Whether every login is refused just now."""
        return self.lock is not None and time.monotonic() < self._locked_until

    def challenges(self, *, stale: bool) -> list[str]:
        """The WWW-Authenticate headers (RFC 7616 section 3.3), one for each algorithm; none where no digest is taken."""
        if not self.auth.takes_digest:
            return []
        nonce = secrets.token_hex(16)
        _remember(self._issued, nonce, set())
        end = ", stale=true" if stale else ""
        return [
            f'Digest realm="{self._realm}", qop="auth", algorithm={algorithm}, nonce="{nonce}"{end}'
            for algorithm in self._algorithms
        ]

    def judge(self, *, authorization: str, method: str, target: str, security: ET.Element | None) -> Verdict:
        """Look at what a request brought; failures are counted."""
        if self.auth is Auth.NONE:
            return Verdict.ACCEPTED
        if self.auth.takes_digest and authorization.lower().startswith("digest "):
            verdict = self._digest(parameters(authorization), method, target)
        elif self.auth.takes_wss and security is not None:
            verdict = self._token({local(one): one for one in security.iter()})
        else:
            return Verdict.ASKED
        return self._counted(verdict)

    def judge_basic(self, authorization: str) -> bool:
        """Whether it is name and password in clear (RFC 7617); nothing else is counted as a failure."""
        if not authorization.lower().startswith("basic "):
            return False
        wanted = base64.b64encode(f"{self.username}:{self.password}".encode())
        is_right = hmac.compare_digest(authorization[6:].strip().encode(), wanted)
        return self._counted(Verdict.ACCEPTED if is_right else Verdict.REFUSED) is Verdict.ACCEPTED

    def refuse(self, authorization: str) -> Verdict:
        """Of what no password opens: whoever brings one is refused and counted, whoever brings none is asked."""
        return self._counted(Verdict.REFUSED) if authorization else Verdict.ASKED

    def _counted(self, verdict: Verdict) -> Verdict:
        if self.closed or self.locked:
            verdict = Verdict.REFUSED
        if verdict is Verdict.ACCEPTED:
            self._in_a_row = 0
        if verdict is Verdict.REFUSED:
            self.failed += 1
            self._in_a_row += 1
            if self.lock is not None and self._in_a_row >= self.lock.failures and not self.locked:
                self._locked_until = time.monotonic() + self.lock.seconds
                self._in_a_row = 0
        return verdict

    def _digest(self, given: Mapping[str, str], method: str, target: str) -> Verdict:
        needed = {"username", "realm", "nonce", "uri", "response", "qop", "nc", "cnonce"}
        algorithm = given.get("algorithm", Algorithm.MD5)
        if needed - given.keys() or algorithm not in self._algorithms or given["qop"] != "auth":
            return Verdict.REFUSED
        if (given["username"], given["realm"]) != (self.username, self._realm):
            return Verdict.REFUSED
        expected = digest_response(
            given, password=self.password, method=method, algorithm=Algorithm(algorithm)
        )
        if not given["uri"].endswith(target) or not hmac.compare_digest(
            expected.encode(), given["response"].encode()
        ):
            return Verdict.REFUSED
        used = self._issued.get(given["nonce"])
        if used is None or given["nc"] in used or len(used) >= MOST_NONCES:
            return Verdict.STALE
        used.add(given["nc"])
        return Verdict.ACCEPTED

    def _token(self, parts: Mapping[str, ET.Element]) -> Verdict:
        texts = {name: (part.text or "").strip() for name, part in parts.items()}
        if {"Username", "Password", "Nonce", "Created"} - texts.keys():
            return Verdict.REFUSED
        created = _moment(texts["Created"], strict=self.strict_created)
        self.was_late = created is None or abs(created - self._now()) > CREATED_TOLERANCE
        if self.was_late:
            return Verdict.REFUSED
        try:
            nonce = base64.b64decode(texts["Nonce"], validate=True)
        except binascii.Error:
            return Verdict.REFUSED
        expected = password_digest(nonce, texts["Created"], self.password)
        once = (texts["Nonce"], texts["Created"])
        proven = parts["Password"].get("Type") == _PASSWORD_DIGEST and hmac.compare_digest(
            expected.encode(), texts["Password"].encode()
        )
        if texts["Username"] != self.username or not proven or once in self._seen:
            return Verdict.REFUSED
        _remember(self._seen, once, None)
        return Verdict.ACCEPTED


def parameters(authorization: str) -> dict[str, str]:
    """The parameters of a Digest header, their quotes taken off."""
    return {
        name.lower(): re.sub(r"\\(.)", r"\1", quoted) or plain
        for name, quoted, plain in _PARAMETER.findall(authorization.partition(" ")[2])
    }


def digest_response(given: Mapping[str, str], *, password: str, method: str, algorithm: Algorithm) -> str:
    """The response that proves the password, with qop=auth (RFC 7616 sections 3.4.1 to 3.4.3)."""

    def hashed(text: str) -> str:
        name = "md5" if algorithm is Algorithm.MD5 else "sha256"
        return hashlib.new(name, text.encode(), usedforsecurity=False).hexdigest()

    secret = hashed(f"{given['username']}:{given['realm']}:{password}")
    asked = hashed(f"{method}:{given['uri']}")
    return hashed(":".join([secret, given["nonce"], given["nc"], given["cnonce"], given["qop"], asked]))


def password_digest(nonce: bytes, created: str, password: str) -> str:
    """Base64 of SHA-1 of nonce, Created and password (WSS UsernameToken Profile 1.0 section 3.1)."""
    hashed = hashlib.sha1(nonce + created.encode() + password.encode(), usedforsecurity=False)
    return base64.b64encode(hashed.digest()).decode()


def _moment(text: str, *, strict: bool) -> datetime | None:
    if strict and not _STRICT.fullmatch(text):
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)


def _remember(known: OrderedDict[_K, _V], key: _K, value: _V) -> None:
    known[key] = value
    while len(known) > MOST_NONCES:
        known.popitem(last=False)

"""Digest access authentication, the camera's side (RFC 2617, MD5, with `qop="auth"` or without)."""

import hashlib
import hmac
import re
from collections.abc import Mapping
from dataclasses import dataclass

_PARAMETER = re.compile(r'(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))')


@dataclass(frozen=True, slots=True, kw_only=True)
class Authenticator:
    """Who may look. A nonce belongs to one connection, so it never goes stale; `nc` is not checked for replay."""

    realm: str
    username: str
    password: str

    def challenge(self, nonce: str) -> str:
        """The WWW-Authenticate header (RFC 2617 section 3.2.1)."""
        return f'Digest realm="{self.realm}", nonce="{nonce}", algorithm=MD5, qop="auth"'

    def accepts(self, authorization: str, method: str, nonce: str) -> bool:
        """Whether that Authorization header proves the password for this method and this connection's nonce.

        The digest covers the header's own `uri`. Whether that names the right thing is not asked: some clients
        put the stream's address there in every request, others that of the track.
        """
        given = parse(authorization)
        needed = {"username", "nonce", "uri", "response"} | ({"nc", "cnonce"} if "qop" in given else set())
        if needed - given.keys() or (given["username"], given["nonce"]) != (self.username, nonce):
            return False
        secret = f"{self.username}:{self.realm}:{self.password}"
        expected = response(secret=secret, method=method, given=given)
        return hmac.compare_digest(expected.encode(), given["response"].encode())


def parse(authorization: str) -> dict[str, str]:
    """The parameters of a Digest header, their quotes taken off; empty if it is of another scheme."""
    scheme, _, rest = authorization.strip().partition(" ")
    if scheme.lower() != "digest":
        return {}
    return {
        name.lower(): re.sub(r"\\(.)", r"\1", quoted) or plain
        for name, quoted, plain in _PARAMETER.findall(rest)
    }


def response(*, secret: str, method: str, given: Mapping[str, str]) -> str:
    """The request-digest (RFC 2617 sections 3.2.2.1 to 3.2.2.3).

    `secret` is `username:realm:password`; nonce, uri and, with `qop`, nc and cnonce are those of the header.
    """
    protected = [given["nc"], given["cnonce"], given["qop"]] if "qop" in given else []
    return _md5(":".join([_md5(secret), given["nonce"], *protected, _md5(f"{method}:{given['uri']}")]))


def _md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()

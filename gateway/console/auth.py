"""Who is at the console: signing in and out, sessions kept by the digest of their token, and the proof of each request."""

import asyncio
import hashlib
import logging
import secrets
import sqlite3
from collections import OrderedDict
from dataclasses import dataclass
from datetime import datetime, timedelta

from gateway.clock import Clock
from gateway.console.attempts import Attempts
from gateway.console.passwords import PasswordCheck
from gateway.console.problems import RequestError
from gateway.errors import JournalUnwritable
from gateway.store import Account, Journal, Session

log = logging.getLogger(__name__)

_TOKEN_BYTES = 32

#: Sessions remembered beside the journal's rows at most; the least recently used is looked up again.
SESSIONS_REMEMBERED = 256

#: Lines of the access log that are read for who has signed in from where before a restart.
SIGN_INS_RECALLED = 10_000

_RECALL_LIMIT_S = 3.0

#: Clocks that differ by less have not stepped.
_NO_STEP = timedelta(seconds=2)


@dataclass(frozen=True, slots=True)
class Caller:
    """The account that a request comes from, and its session."""

    account: Account
    session: Session


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A new session with its token, which only the browser keeps."""

    caller: Caller
    token: str


@dataclass(frozen=True, slots=True)
class _Remembered:
    """A session in use, and the monotonic second at which it ends."""

    caller: Caller
    deadline: float


class Authenticator:
    """Opens, finds and ends sessions.

    They are rows of the journal, so they outlive a restart, and those in use are remembered here, so that a failing
    disk signs no guard out. A remembered session's age is monotonic: a step of the wall clock signs nobody out and
    lengthens nothing; the wall clock decides only over a restart. A change of the account (password, role, disabled)
    ends its sessions.
    """

    def __init__(self, journal: Journal, clock: Clock, *, session_hours: int) -> None:
        self._journal = journal
        self._clock = clock
        self._lifetime = timedelta(hours=session_hours)
        self._attempts = Attempts(clock)
        self._recalled = False
        self._passwords = PasswordCheck()
        self._remembered: OrderedDict[bytes, _Remembered] = OrderedDict()

    # ---- signing in and out

    async def sign_in(self, name: str, password: str, address: str) -> SignedIn:
        """Open a session. Raises RequestError 401 or 429; the access log has it before the answer."""
        await self._recall()
        wait = self._attempts.wait_s(name, address)
        if wait:
            raise RequestError(429, "too-many-attempts", retry_after_s=wait, seconds=wait)
        account = self._journal.account(name)
        usable = account if account is not None and not account.disabled else None
        right = await self._passwords.matches(usable.hash if usable else None, password)
        if not right or usable is None:
            log.warning("sign-in of %r from %s refused", name, address)
            await self._journal.log_access(name, "sign-in-refused", reason=address)
            raise RequestError(401, "sign-in-refused")
        self._attempts.succeeded(name, address)
        signed_in = await self._open(usable)
        await self._journal.log_access(name, "sign-in", reason=address)
        return signed_in

    async def _recall(self) -> None:
        """Once: who has signed in from where before the restart, so that nobody's failures lock them out now."""
        if self._recalled:
            return
        try:
            async with asyncio.timeout(_RECALL_LIMIT_S):
                rows = await self._journal.access_log(SIGN_INS_RECALLED)
        except (TimeoutError, JournalUnwritable, sqlite3.Error) as error:  # the next sign-in tries again
            log.warning("can't read who has signed in before: %s", error)
            return
        self._recalled = True
        for row in reversed(rows):
            if row.action == "sign-in":
                self._attempts.know(row.actor, row.reason)

    async def _open(self, account: Account) -> SignedIn:
        token = secrets.token_urlsafe(_TOKEN_BYTES)
        now = self._clock.now()
        session = Session(
            token_sha256=_digest(token),
            account=account.name,
            csrf=secrets.token_urlsafe(_TOKEN_BYTES),
            created=now,
            expires=now + self._lifetime,
        )
        await self._journal.put_session(session)
        caller = Caller(account, session)
        self._remember(_Remembered(caller, self._clock.monotonic() + self._lifetime.total_seconds()))
        return SignedIn(caller, token)

    async def sign_out(self, caller: Caller) -> None:
        """End the session."""
        self._remembered.pop(caller.session.token_sha256, None)
        await self._journal.drop_session(caller.session.token_sha256)

    # ---- who is it

    async def caller(self, token: str | None) -> Caller:
        """Whose token this is. Raises RequestError 401."""
        caller = await self._find(_digest(token)) if token else None
        if caller is None:
            raise RequestError(401, "not-signed-in")
        return caller

    async def still_signed_in(self, caller: Caller) -> bool:
        """Whether the session has neither ended nor expired, and its account has not changed."""
        return await self._find(caller.session.token_sha256) is not None

    def expires(self, caller: Caller) -> datetime:
        """When the session ends, by the wall clock as it goes now; as it was said at first unless that has stepped."""
        known = self._remembered.get(caller.session.token_sha256)
        if known is None:
            return caller.session.expires
        ends = self._clock.now() + timedelta(seconds=known.deadline - self._clock.monotonic())
        stepped = abs(ends - caller.session.expires) > _NO_STEP
        return ends if stepped else caller.session.expires

    async def _find(self, digest: bytes) -> Caller | None:
        found = self._remembered.get(digest) or await self._look_up(digest)
        if found is None:
            return None
        if not self._usable(found):
            self._remembered.pop(digest, None)
            return None
        self._remember(found)
        return found.caller

    async def _look_up(self, digest: bytes) -> _Remembered | None:
        """A session of before the restart, or one not used for long: how old it is, only the wall clock knows."""
        session = await self._journal.session(digest)
        account = self._journal.account(session.account) if session else None
        if session is None or account is None:
            return None
        left = min(session.expires - self._clock.now(), self._lifetime)
        return _Remembered(Caller(account, session), self._clock.monotonic() + left.total_seconds())

    def _usable(self, found: _Remembered) -> bool:
        account = self._journal.account(found.caller.account.name)
        if account != found.caller.account or account.disabled:
            return False
        return found.deadline > self._clock.monotonic()

    def _remember(self, found: _Remembered) -> None:
        token = found.caller.session.token_sha256
        self._remembered[token] = found
        self._remembered.move_to_end(token)
        if len(self._remembered) > SESSIONS_REMEMBERED:
            self._remembered.popitem(last=False)


def same_csrf(caller: Caller, given: str | None) -> bool:
    """Whether the request carries the session's CSRF token; takes the same time for all wrong ones."""
    return given is not None and secrets.compare_digest(given.encode(), caller.session.csrf.encode())


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()

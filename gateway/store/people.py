"""Accounts and sessions of the console, and the log of who looked at what (I11)."""

from datetime import datetime
from typing import Any

from gateway.clock import from_ms, ms_or_none, to_ms
from gateway.model import Durability
from gateway.store.mirror import account_of
from gateway.store.outbox import Outbox
from gateway.store.rows import AccessRow, Account, Session
from gateway.store.transaction import Transaction


class People(Outbox):
    """Accounts are few and kept in memory too, so that a box whose disk is lost still knows its guards."""

    async def follow_accounts(self) -> None:
        """See what `users` wrote beside the daemon."""
        rows = await self._rows("select name, display, hash, role, disabled from account order by name")
        accounts = {row[0]: account_of(row) for row in rows}
        if accounts != self._mirror.accounts and self._disk.durability is Durability.DISK:
            self._mirror.accounts = accounts
            self._side_dirty.set()

    def account(self, name: str) -> Account | None:
        """An account by name."""
        return self._mirror.accounts.get(name)

    async def accounts(self) -> list[Account]:
        """All accounts by name."""
        return sorted(self._mirror.accounts.values(), key=lambda account: account.name)

    async def put_session(self, session: Session) -> None:
        """Keep a signed-in browser; sessions that are over are forgotten."""

        def work(tx: Transaction) -> None:
            tx.db.execute("delete from session where expires_ms <= ?", (to_ms(tx.now),))
            tx.db.execute(
                "insert into session (token_sha256, account, csrf, created_ms, expires_ms) values (?,?,?,?,?)",
                (
                    session.token_sha256,
                    session.account,
                    session.csrf,
                    to_ms(session.created),
                    to_ms(session.expires),
                ),
            )

        await self._write(work)

    async def session(self, token_sha256: bytes) -> Session | None:
        """A session that is not over, of an account that is not disabled."""
        rows = await self._rows(
            "select token_sha256, account, csrf, created_ms, expires_ms from session"
            " where token_sha256 = ? and expires_ms > ?",
            (token_sha256, to_ms(self._now())),
        )
        if not rows:
            return None
        token, name, csrf, created, expires = rows[0]
        account = self.account(name)
        if account is None or account.disabled:
            return None
        return Session(
            token_sha256=token, account=name, csrf=csrf, created=from_ms(created), expires=from_ms(expires)
        )

    async def drop_session(self, token_sha256: bytes) -> None:
        """Sign a browser out."""
        await self._write(
            lambda tx: tx.db.execute("delete from session where token_sha256 = ?", (token_sha256,))
        )

    async def log_access(
        self,
        actor: str,
        action: str,
        *,
        camera: str | None = None,
        start: datetime | None = None,
        end: datetime | None = None,
        reason: str = "",
    ) -> None:
        """Write down that someone looked at or took away footage, or signed in (Order 799 Art 16)."""
        await self._write(
            lambda tx: tx.db.execute(
                "insert into access_log (at_ms, actor, action, camera, from_ms, to_ms, reason)"
                " values (?,?,?,?,?,?,?)",
                (to_ms(tx.now), actor, action, camera, ms_or_none(start), ms_or_none(end), reason),
            )
        )

    async def access_log(
        self,
        limit: int = 200,
        *,
        actor: str | None = None,
        camera: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        before: int | None = None,
    ) -> list[AccessRow]:
        """The newest lines of the access log, newest first.

        Of one actor, of one camera, written in [since, until), older than the line `before`: what is given counts.
        """
        wanted = {
            "actor = ?": actor,
            "camera = ?": camera,
            "at_ms >= ?": ms_or_none(since),
            "at_ms < ?": ms_or_none(until),
            "id < ?": before,
        }
        given = {condition: value for condition, value in wanted.items() if value is not None}
        where = f" where {' and '.join(given)}" if given else ""
        return [
            _access(row)
            for row in await self._rows(
                "select id, at_ms, actor, action, camera, from_ms, to_ms, reason from access_log"  # noqa: S608 - our own words
                f"{where} order by id desc limit ?",
                (*given.values(), limit),
            )
        ]


def _access(row: tuple[Any, ...]) -> AccessRow:  # Any: SQLite's values
    number, at, actor, action, camera, start, end, reason = row
    return AccessRow(
        id=number,
        at=from_ms(at),
        actor=actor,
        action=action,
        camera=camera,
        start=None if start is None else from_ms(start),
        end=None if end is None else from_ms(end),
        reason=reason,
    )

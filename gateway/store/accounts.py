"""Console accounts from outside the daemon: `users` writes them beside it, and the daemon follows within seconds."""

from pathlib import Path

from gateway.store.database import connect, prepare_journal
from gateway.store.mirror import accounts_of
from gateway.store.rows import Account


def read_accounts(path: Path) -> list[Account]:
    """All accounts of a journal; none where there is no journal yet. Raises sqlite3.Error."""
    if not path.exists():
        return []
    db = connect(path, readonly=True)
    try:
        return accounts_of(db)
    finally:
        db.close()


def write_account(path: Path, account: Account, now_ms: int) -> None:
    """Add or change an account; its sessions end. Creates the journal for a box that has not started yet.

    Raises OSError, sqlite3.Error.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    db = connect(path)
    try:
        prepare_journal(db)
        db.execute("begin immediate")
        db.execute(
            "insert into account (name, display, hash, role, disabled, created_ms) values (?,?,?,?,?,?)"
            " on conflict (name) do update set display = excluded.display, hash = excluded.hash,"
            " role = excluded.role, disabled = excluded.disabled",
            (account.name, account.display, account.hash, account.role, int(account.disabled), now_ms),
        )
        db.execute("delete from session where account = ?", (account.name,))
        db.execute("commit")
    finally:
        db.close()

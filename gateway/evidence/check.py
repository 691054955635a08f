"""`fsck` for evidence: is each file owned by one row and whole (I6), and is it still what its manifest says."""

import sqlite3
from collections.abc import Callable, Iterator
from itertools import chain, islice
from pathlib import Path

from gateway.evidence.folder import Folder
from gateway.evidence.manifest import read_manifest, verify
from gateway.store.check import LISTED, Finding
from gateway.store.database import connect
from gateway.store.evidence_rows import EvidenceRow, EvidenceState
from gateway.store.library_evidence_statements import COLUMNS, row_of

#: The library has evidence from this version on.
_FIRST_VERSION = 2


def check_evidence(
    recording_dir: Path, *, contents: bool = False, advance: Callable[[float, float], None] = lambda *_: None
) -> list[Finding]:
    """Everything that is wrong with the files of evidence and their rows; empty if nothing. Changes nothing.

    `contents`: read every file and compare its SHA-256 with its manifest's; `advance` is told how many bytes of how
    many are done. LISTED findings are listed, the rest is counted. A running daemon makes and deletes meanwhile.
    """
    library = recording_dir / "library.db"
    folder = Folder(recording_dir)
    try:
        rows = _rows(library, folder.root)
        findings = chain(_ownership(folder, rows), _contents(rows, advance) if contents else ())
        listed = list(islice(findings, LISTED))
        left = sum(1 for _ in findings)
    except (sqlite3.Error, OSError, ValueError) as error:
        return [Finding(0, f"evidence can't be checked: {error}")]
    return [*listed, Finding(6, f"and {left} more about evidence")] if left else listed


def _rows(library: Path, folder: Path) -> dict[str, EvidenceRow]:
    """Each row by its id. Raises ValueError for values that are none of ours."""
    if not library.exists():
        return {}
    db = connect(library, readonly=True)
    try:
        if db.execute("pragma user_version").fetchone()[0] < _FIRST_VERSION:
            return {}
        found = db.execute(f"select {COLUMNS} from evidence order by number")  # noqa: S608 - our own column list
        return {row[0]: row_of(row, folder) for row in found}
    finally:
        db.close()


def _ownership(folder: Folder, rows: dict[str, EvidenceRow]) -> Iterator[Finding]:
    for path in folder.files():
        name = f"{path.parent.name}/{path.name}"
        owner = rows.get(path.stem)
        if owner is None:
            yield Finding(
                6, f"evidence {name} is owned by no row; the gateway adopts or removes it at its start"
            )
        elif path not in {owner.path, owner.manifest}:
            yield Finding(6, f"evidence {name} is not where its row says")
    for row in rows.values():
        if row.state is EvidenceState.DONE:
            yield from _of_row(row)


def _of_row(row: EvidenceRow) -> Iterator[Finding]:
    name = f"evidence {row.path.parent.name}/{row.path.name}"
    if not row.path.is_file() or not row.manifest.is_file():
        yield Finding(6, f"{name} or its manifest is gone; the gateway makes it again at its start")
        return
    if (size := row.path.stat().st_size) != row.bytes:
        yield Finding(6, f"{name} has {size} bytes, its row says {row.bytes}")
        return
    told = read_manifest(row.manifest)
    if told is None or (told.sha256, told.alarm, told.camera) != (row.sha256, row.alarm, row.camera):
        yield Finding(6, f"{name}: its manifest is of something else than its row")


def _contents(rows: dict[str, EvidenceRow], advance: Callable[[float, float], None]) -> Iterator[Finding]:
    done = [row for row in rows.values() if row.state is EvidenceState.DONE and row.manifest.is_file()]
    total, so_far = sum(row.bytes or 0 for row in done), 0
    for row in done:
        yield from (Finding(0, f"evidence {row.path.parent.name}: {text}") for text in verify(row.manifest))
        so_far += row.bytes or 0
        advance(so_far, total)

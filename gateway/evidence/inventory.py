"""Files of evidence and rows of the library held against each other, at each start and for each new library (I6)."""

import logging
from collections.abc import Sequence
from pathlib import Path

from gateway.evidence.folder import Folder
from gateway.evidence.manifest import read_manifest
from gateway.store.evidence_rows import EvidenceRow, EvidenceState
from gateway.store.files import FileThread
from gateway.store.library import Library

logger = logging.getLogger(__name__)


class Inventory:
    """To be taken while nothing is made or unlinked. Raises OSError, LibraryUnusable."""

    def __init__(self, folder: Folder, files: FileThread, destinations: Sequence[str]) -> None:
        self._folder = folder
        self._files = files
        self._destinations = destinations

    async def take(self, library: Library) -> None:
        """Rows without their file are made again; whole files without a row get one; what is in pieces goes."""
        await self._files.do(self._folder.prepare)
        known: dict[str, EvidenceRow] = {}
        after = 0
        while True:
            rows, last = await library.evidence_rows(after)
            if not rows:
                break
            known.update((row.id, row) for row in rows)
            after = last
        lost = await self._files.do(self._lost, list(known.values()))
        if lost:
            logger.warning("evidence: the files of %d rows are gone; they are made again", len(lost))
            await library.make_evidence_again(lost)
        adopted, broken = await self._files.do(self._orphans, set(known))
        if adopted:
            logger.warning("evidence: %d files without a row have one again", len(adopted))
            await library.adopt_evidence(adopted, self._destinations)
        if broken:
            logger.warning("evidence: %d files that no row owns are removed", len(broken))
            await self._files.do(self._folder.remove, broken)

    def _lost(self, rows: Sequence[EvidenceRow]) -> list[EvidenceRow]:
        return [row for row in rows if row.state is EvidenceState.DONE and not self._folder.is_whole(row)]

    def _orphans(self, known: set[str]) -> tuple[list[EvidenceRow], list[Path]]:
        orphans: dict[str, list[Path]] = {}
        for path in self._folder.files():
            if path.stem not in known:
                orphans.setdefault(path.stem, []).append(path)
        adopted: list[EvidenceRow] = []
        broken: list[Path] = []
        for paths in orphans.values():
            manifest = next((path for path in paths if path.suffix == ".json"), None)
            row = read_manifest(manifest) if manifest is not None else None
            if row is None:
                broken += paths
            else:
                adopted.append(row)
        return sorted(adopted, key=lambda row: row.id), broken

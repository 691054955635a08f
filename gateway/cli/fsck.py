"""`fsck`: the numbered invariants of a site's store and files, each by its query."""

import argparse
import json
import sqlite3
import sys
from collections.abc import Mapping
from pathlib import Path

from gateway.bench.progress import progress
from gateway.cli.words import say
from gateway.clock import SystemClock, to_ms
from gateway.driver import DriverSpec
from gateway.evidence.check import check_evidence
from gateway.recording.check import check_footage
from gateway.site import load_site
from gateway.store.check import Finding, check_journal
from gateway.store.database import connect


def fsck(arguments: argparse.Namespace, drivers: Mapping[str, DriverSpec]) -> int:
    """0 if nothing is wrong, 1 with the findings on stdout."""
    site = load_site(arguments.site, drivers)
    journal = site.site.state_dir / "journal.db"
    if arguments.repair:
        for text in _repair(journal):
            sys.stderr.write(
                say("fsck-repaired", text=text) + "\n"
            )  # stdout has the findings, perhaps as JSON
    findings = [
        *(check_journal(journal) if journal.exists() else [_no_journal(journal, arguments.site)]),
        *check_footage(site.recording_dir, journal, to_ms(SystemClock().now())),
        *_evidence(site.recording_dir, contents=arguments.evidence),
    ]
    if arguments.json:
        lines = [{"invariant": finding.invariant, "text": finding.text} for finding in findings]
        sys.stdout.write(json.dumps(lines, ensure_ascii=False) + "\n")
    else:
        sys.stdout.write("".join(f"{finding}\n" for finding in findings))
        sys.stdout.write((say("fsck-found", count=len(findings)) if findings else say("fsck-clean")) + "\n")
    return 1 if findings else 0


def _evidence(recording_dir: Path, *, contents: bool) -> list[Finding]:
    with progress("evidence", 1.0) as advance:
        return check_evidence(
            recording_dir, contents=contents, advance=lambda done, total: advance(done / max(total, 1))
        )


def _no_journal(journal: Path, site: Path) -> Finding:
    return Finding(0, say("fsck-no-journal", journal=journal, path=site))


def _repair(journal: Path) -> list[str]:
    """What can be mended without guessing: indexes are built anew. Footage mends itself at the gateway's start (I6)."""
    if not journal.exists():
        return []
    try:
        db = connect(journal)
        try:
            db.execute("reindex")
        finally:
            db.close()
    except sqlite3.Error as error:
        sys.stderr.write(f"{journal}: {error}\n")
        return []
    return ["the journal's indexes"]

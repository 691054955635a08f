"""`fsck` finds each way in which evidence, rows and manifests can disagree (I6), and nothing where they agree."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.evidence.check import check_evidence
from gateway.policy.evidence import EvidenceKind
from gateway.store.evidence_rows import EvidenceRow
from tests.evidence.test_service import only
from tests.evidence.world import world

BOTH = (EvidenceKind.SNAPSHOT, EvidenceKind.CLIP)


def _change_a_byte(clip: EvidenceRow) -> None:
    content = bytearray(clip.path.read_bytes())
    content[len(content) // 2] ^= 1
    clip.path.write_bytes(content)


def _name_another_alarm(clip: EvidenceRow) -> None:
    document = json.loads(clip.manifest.read_bytes())
    document["alarm"]["id"] = "another"
    clip.manifest.write_text(json.dumps(document))


#: What is done to a clip, what is found, and whether that takes reading the contents.
HARM: list[tuple[Callable[[EvidenceRow], object], str, bool]] = [
    (lambda clip: clip.path.unlink(), "is gone", False),
    (lambda clip: clip.manifest.unlink(), "is gone", False),
    (lambda clip: clip.path.write_bytes(b"short"), "has 5 bytes", False),
    (lambda clip: clip.manifest.write_text("{}"), "something else", False),
    (_name_another_alarm, "something else", False),
    (lambda clip: clip.path.with_stem("0" * 8 + clip.id[8:]).write_bytes(b"x"), "owned by no row", False),
    (_change_a_byte, "SHA-256 is another", True),
]


@pytest.mark.parametrize("number", range(len(HARM)))
async def test_every_harm_is_found(tmp_path: Path, number: int) -> None:
    """Clean before; afterwards exactly this finding. The whole of the contents is gone through, and told of."""
    harm, words, in_contents = HARM[number]
    async with world(tmp_path) as gateway:
        await gateway.film(0, 40)
        clip = only(await gateway.done(await gateway.press(), *BOTH), EvidenceKind.CLIP)
        directory = gateway.site.recording_dir
        steps: list[tuple[float, float]] = []
        assert check_evidence(directory, contents=True, advance=lambda *step: steps.append(step)) == []
        assert steps[-1][0] == steps[-1][1] > 0
        harm(clip)
        assert len(check_evidence(directory)) == (0 if in_contents else 1)
        texts = [str(finding) for finding in check_evidence(directory, contents=True)]
        assert any(words in text for text in texts), texts


def test_where_there_is_no_library_there_is_nothing_to_find(tmp_path: Path) -> None:
    """A site without cameras, or before its first run."""
    assert check_evidence(tmp_path) == []

"""What guards are told: the language that is asked for, and that every refusal of the policy has Chinese words."""

import re
from pathlib import Path

import pytest

from gateway.console.words import _MESSAGES, language_of, message
from gateway.model import POINT_KINDS, AlarmState, EventType, Kind, Severity, Verdict
from gateway.policy import alarms
from gateway.policy.coverage import BEFORE, UNKNOWN
from gateway.recording.protocol import Cause

STATIC = Path(alarms.__file__).parents[1] / "console" / "static"


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh"),
        ("en-GB,en;q=0.9,zh;q=0.1", "en"),
        ("zh;q=0.2, en;q=0.7", "en"),
        ("fr, zh;q=0.5", "zh"),
        ("en;q=0, zh", "zh"),
        (";;;,q=,en;q=x", "zh"),
        ("fr", "zh"),
        (None, "zh"),
    ],
)
def test_the_language_is_the_readers(
    header: str | None, language: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By preference; Chinese where nothing else is said."""
    monkeypatch.delenv("LANG", raising=False)
    assert language_of(header) == language


def test_without_a_header_the_machines_language_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """`LANG`, as the contract has it."""
    monkeypatch.setenv("LANG", "en_GB.UTF-8")
    assert language_of(None) == "en"
    assert language_of("zh") == "zh"


def test_every_refusal_of_the_policy_has_words_in_both_languages() -> None:
    """A code that policy, journal or console use is in the catalogue; its places can be filled."""
    gateway = STATIC.parents[1]
    used: set[str] = set()
    for source in [
        gateway / "policy" / "alarms.py",
        gateway / "store" / "intake.py",
        *(gateway / "outputs").glob("*.py"),
        *STATIC.parent.glob("*.py"),
    ]:
        text = source.read_text(encoding="utf-8")
        used |= set(re.findall(r'code="([a-z-]+)"', text))
        used |= set(re.findall(r'RequestError\(\s*\d+,\s*"([a-z-]+)"', text))
    assert len(used) > 15
    facts = {"detail": "x", "seconds": 3}
    for code in used:
        assert code in _MESSAGES
        assert message(code, "zh", facts) != message(code, "en", facts)


def test_the_page_has_words_for_everything_the_house_can_say() -> None:
    """Both languages name every kind (of a point at rest, too), severity, verdict and step, and have the same words."""
    text = (STATIC / "words.js").read_text(encoding="utf-8")
    chinese, english = text.split("  en: {", 1)
    for half in (chinese, english):
        for kind in Kind:
            assert f'"{kind.value}": "' in half
        for word in [*Severity, *Verdict]:
            assert re.search(rf"\b{word.value}: \"", half), word
        (steps,) = re.findall(r"\bsteps: \{(.+?)\}", half, re.DOTALL)
        for event in EventType:
            assert re.search(rf'(?<![\w-])"?{event.value.split(".")[2]}"?: "', steps), event
        (points,) = re.findall(r"\bpointKinds: \{(.+?)\}", half, re.DOTALL)
        for kind in POINT_KINDS:
            assert f'"{kind.value}": "' in points, kind
    keys = [
        re.findall(r"\b(\w+): [\"{]", half)
        for half in (chinese.split("zh: {", 1)[1], english.split("\n};")[0])
    ]
    assert sorted(keys[0]) == sorted(keys[1])
    assert len(AlarmState) == 5  # alarm.js derives its words from the times, as the model does


def test_the_page_has_words_for_every_cause_of_a_gap() -> None:
    """In both languages, and the time line knows them."""
    causes = {*(cause.value for cause in Cause), UNKNOWN, BEFORE}
    halves = (STATIC / "words.js").read_text(encoding="utf-8").split("  en: {", 1)
    timeline = (STATIC / "timeline.js").read_text(encoding="utf-8")
    (known,) = re.findall(r"CAUSES = new Set\(\[(.+?)\]", timeline)
    assert {*re.findall(r'"([a-z-]+)"', known), UNKNOWN} == causes
    for half in halves:
        (words,) = re.findall(r"\bcauses: \{(.+?)\}", half)
        assert set(re.findall(r'"([a-z-]+)": ', words)) == causes


def test_there_is_plain_advice_for_every_kind_and_every_code_of_health() -> None:
    """In both languages: what it is and what to do, for all that the daemon can raise or find wrong with itself."""
    gateway = STATIC.parents[1]
    codes = {
        code
        for source in gateway.rglob("*.py")
        if "demo" not in source.parts
        for code in re.findall(r'\bProblem\(\s*"([a-z-]+)"', source.read_text(encoding="utf-8"))
    }
    assert len(codes) >= 5
    chinese, english = (STATIC / "advice.js").read_text(encoding="utf-8").split("  en: {", 1)
    for name in [*(kind.value for kind in Kind), *sorted(codes)]:
        (zh,) = re.findall(rf'"{name}": "(.+)"', chinese)
        (en,) = re.findall(rf'"{name}": "(.+)"', english.split("\n};")[0])
        assert re.search("[\u4e00-\u9fff]", zh), name
        assert not re.search("[\u4e00-\u9fff]", en), name

"""The broker's password, and the disk that it lies on."""

import threading
from pathlib import Path

import pytest

from gateway.errors import SiteFileError
from gateway.uplink import password
from gateway.uplink.messages import LinkDown
from gateway.uplink.password import Password


def _reader(file: Path) -> Password:
    def read() -> str:
        try:
            return file.read_text(encoding="utf-8")
        except OSError as error:
            raise SiteFileError("site.toml", [f"{file}: {error.strerror}"]) from error

    return Password(read)


async def test_a_changed_password_is_taken(tmp_path: Path) -> None:
    """Each connection has what the file says then."""
    file = tmp_path / "secret"
    file.write_text("one")
    taken = _reader(file)
    assert await taken.take() == "one"
    file.write_text("two")
    assert await taken.take() == "two"


async def test_a_file_that_can_no_longer_be_read_does_not_end_the_uplink(tmp_path: Path) -> None:
    """A disk that dies under memory mode: the line goes on with the password it had, and says why."""
    file = tmp_path / "secret"
    file.write_text("one")
    taken = _reader(file)
    await taken.take()
    file.unlink()
    assert await taken.take() == "one"
    assert "No such file" in taken.problem
    file.write_text("two")
    assert await taken.take() == "two"
    assert taken.problem == ""


async def test_a_password_never_read_is_an_error(tmp_path: Path) -> None:
    """The first connection needs the file."""
    with pytest.raises(SiteFileError):
        await _reader(tmp_path / "none").take()


async def test_a_disk_that_hangs_keeps_one_thread_and_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """A read that does not come back is waited for no longer than its limit, and not begun a second time."""
    monkeypatch.setattr(password, "READ_LIMIT_S", 0.05)
    hangs = threading.Event()
    calls: list[None] = []

    def read() -> str:
        calls.append(None)
        if len(calls) > 1:
            hangs.wait(30)
        return f"answer {len(calls)}"

    taken = Password(read)
    assert await taken.take() == "answer 1"
    try:
        for _ in range(3):
            assert await taken.take() == "answer 1"
        assert len(calls) == 2
        assert "does not give" in taken.problem
    finally:
        hangs.set()


async def test_a_disk_that_hangs_from_the_start_is_no_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing was read before: the attempt fails in time, to be made again."""
    monkeypatch.setattr(password, "READ_LIMIT_S", 0.05)
    hangs = threading.Event()
    taken = Password(lambda: "late" if hangs.wait(30) else "")
    try:
        with pytest.raises(LinkDown):
            await taken.take()
    finally:
        hangs.set()
    monkeypatch.setattr(password, "READ_LIMIT_S", 5.0)
    assert await taken.take() == "late"

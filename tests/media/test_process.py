"""What becomes of requests when the process dies, hangs, talks rubbish or has too much to do."""

import asyncio
import os
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from gateway.footage import Piece
from gateway.media import process as process_module
from gateway.media.client import Limits
from gateway.media.protocol import PREFIX, Request, encode_request, fields_of
from gateway.media.values import MediaDown, MediaRefused
from tests.media.film import at, clocks, film, media, shown
from tests.wait import until


async def test_a_killed_process_costs_one_more_try(tmp_path: Path) -> None:
    """SIGSEGV in the middle of a clip: the clip is made by the next process, the other lane does not notice."""
    piece = film(tmp_path / "a.mp4", 0, 12)
    async with media() as process:
        await process.still([piece], at(0))
        await process.clip([piece], at(0), at(1), tmp_path / "first.mp4")
        quick, clips = process.quick.pid, process.clips.pid
        assert quick is not None
        assert clips is not None
        os.kill(clips, signal.SIGSTOP)  # so that the clip is surely in work when it is killed
        asked = asyncio.create_task(process.clip([piece], at(2), at(8), tmp_path / "clip.mp4"))
        await until(lambda: process.clips.busy)
        os.kill(clips, signal.SIGSEGV)
        os.kill(clips, signal.SIGCONT)
        clip = await asked
        assert len(clocks(clip.path)) == 60
        assert process.clips.deaths == 1
        assert process.clips.pid not in {None, clips}
        assert (process.quick.deaths, process.quick.pid) == (0, quick)


async def test_a_request_that_hangs_is_tried_once_more_and_then_refused(tmp_path: Path) -> None:
    """A pipe with no writer hangs who opens it, as a dead disk does: killed twice, refused, and the next is served."""
    piece = film(tmp_path / "a.mp4", 0, 2)
    pipe = tmp_path / "pipe.mp4"
    os.mkfifo(pipe)
    hanging = Piece(path=pipe, start=piece.start, end=piece.end)
    async with media(Limits(still_s=3)) as process:
        poison = asyncio.create_task(process.still([hanging], at(0)))
        behind = asyncio.create_task(process.still([piece], at(1)))
        with pytest.raises(MediaRefused, match="tried 2 times"):
            await poison
        assert shown((await behind).jpeg) == at(1)
        assert process.quick.deaths == 2


async def test_a_clip_that_hangs_leaves_nothing_behind(tmp_path: Path) -> None:
    """What its process had written when it was killed is removed."""
    os.mkfifo(tmp_path / "pipe.mp4")
    hanging = Piece(path=tmp_path / "pipe.mp4", start=at(0), end=at(2))
    (tmp_path / ".clip.mp4.part").write_bytes(b"half a clip")
    async with media(Limits(clip_s=0.2)) as process:
        with pytest.raises(MediaRefused, match="tried 2 times"):
            await process.clip([hanging], at(0), at(2), tmp_path / "clip.mp4")
    assert [path.name for path in tmp_path.iterdir()] == ["pipe.mp4"]


async def test_the_process_keeps_to_itself(tmp_path: Path) -> None:
    """Ten steps nicer than the gateway, in a session of its own, without core dumps."""
    piece = film(tmp_path / "a.mp4", 0, 1)
    async with media() as process:
        await process.still([piece], at(0))
        pid = process.quick.pid
        assert pid is not None
        own = os.getpriority(os.PRIO_PROCESS, 0)
        assert os.getpriority(os.PRIO_PROCESS, pid) == min(19, own + 10)
        assert os.getsid(pid) == pid
        assert resource.prlimit(pid, resource.RLIMIT_CORE) == (0, 0)


def test_it_ends_with_the_gateway_even_in_the_middle_of_work(tmp_path: Path) -> None:
    """Its input closes while it hangs on a dead disk: it is gone at once."""
    os.mkfifo(tmp_path / "pipe.mp4")
    hanging = Piece(path=tmp_path / "pipe.mp4", start=at(0), end=at(2))
    request = Request(1, "still", {"pieces": [fields_of(hanging)], "at": at(0).isoformat()})
    with subprocess.Popen(
        [sys.executable, "-m", "gateway.media.worker"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as worker:
        assert worker.stdin is not None
        assert worker.stdout is not None
        worker.stdout.read(PREFIX)
        worker.stdin.write(encode_request(request))
        worker.stdin.close()
        assert worker.wait(10) == 0


async def test_one_that_dies_with_nothing_to_do_is_replaced(tmp_path: Path) -> None:
    """Nobody notices but the count."""
    piece = film(tmp_path / "a.mp4", 0, 2)
    async with media() as process:
        await process.still([piece], at(0))
        first = process.quick.pid
        assert first is not None
        os.kill(first, signal.SIGKILL)
        await process.still([piece], at(1))
        assert process.quick.pid != first
        assert process.quick.deaths == 1


async def test_an_idle_process_ends_and_comes_back(tmp_path: Path) -> None:
    """None before the first request, none after a while without; a new one with the next."""
    piece = film(tmp_path / "a.mp4", 0, 2)
    async with media(Limits(idle_s=0.2)) as process:
        assert process.quick.pid is None
        await process.still([piece], at(0))
        await until(lambda: process.quick.pid is None)
        assert process.quick.deaths == 0
        await process.still([piece], at(0))


async def test_too_many_are_turned_away(tmp_path: Path) -> None:
    """What does not find room is told so at once; what found room is answered."""
    piece = film(tmp_path / "a.mp4", 0, 2)
    async with media(Limits(waiting=3)) as process:
        asked = [asyncio.create_task(process.still([piece], at(0))) for _ in range(10)]
        done = await asyncio.gather(*asked, return_exceptions=True)
    assert sum(isinstance(one, MediaDown) for one in done) in {6, 7}
    assert all(isinstance(one, MediaDown) or shown(one.jpeg) == at(0) for one in done)  # type: ignore[union-attr]  # checked


async def test_who_waits_when_it_ends_is_told(tmp_path: Path) -> None:
    """At the end of the gateway no one is left waiting, and no process is left running."""
    piece = film(tmp_path / "a.mp4", 0, 2)
    async with media() as process:
        await process.still([piece], at(0))
        pid = process.quick.pid
        asked = [asyncio.create_task(process.still([piece], at(0))) for _ in range(5)]
        await until(lambda: process.quick.waiting > 0)
    done = await asyncio.gather(*asked, return_exceptions=True)
    assert any(isinstance(one, MediaDown) for one in done)
    assert pid is not None
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize(
    "script",
    [
        "print('hello')",
        "import sys; sys.stdout.write('x' * 100_000)",
        "import sys; sys.exit(3)",
    ],
)
async def test_one_that_talks_rubbish_is_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str
) -> None:
    """What does not begin as agreed is ended, and the request fails with MediaDown: the footage is not to blame."""
    (tmp_path / "rubbish_worker.py").write_text(script)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(process_module, "_MODULE", "rubbish_worker")
    piece = film(tmp_path / "a.mp4", 0, 1)
    async with media() as process:
        with pytest.raises(MediaDown, match="does not start"):
            await process.still([piece], at(0))
        assert process.quick.deaths == 1


async def test_answers_that_are_none_are_counted_and_not_believed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No JSON, an answer to nobody, a still without a time: three times rubbish, and the caller may ask again."""
    (tmp_path / "rubbish_worker.py").write_text(
        "import struct, sys\n"
        "from gateway.media.protocol import *\n"
        "out = sys.stdout.buffer\n"
        "out.write(encode({'number': READY, 'fields': {}})); out.flush()\n"
        "sys.stdin.buffer.read(PREFIX)\n"
        "out.write(struct.pack('>4sII', b'CGm1', 5, 0) + b'hello')\n"
        "out.write(encode({'number': 99, 'fields': {}}, b'blob'))\n"
        "out.write(encode({'number': 1, 'fields': {'at': 'never'}}, b'\\xff\\xd8')); out.flush()\n"
        "sys.stdin.buffer.read()\n"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr(process_module, "_MODULE", "rubbish_worker")
    piece = film(tmp_path / "a.mp4", 0, 1)
    async with media() as process:
        with pytest.raises(MediaDown, match="rubbish"):
            await process.still([piece], at(0))
        assert process.quick.rubbish == 3
        assert process.quick.deaths == 0


async def test_a_caller_that_gives_up_holds_up_nobody(tmp_path: Path) -> None:
    """A request whose caller was cancelled is not done at all, or its answer is dropped; the next is answered."""
    piece = film(tmp_path / "a.mp4", 0, 2)
    async with media() as process:
        asked = [asyncio.create_task(process.still([piece], at(0))) for _ in range(5)]
        await until(lambda: process.quick.busy)
        for task in asked:
            task.cancel()
        await asyncio.gather(*asked, return_exceptions=True)
        assert process.quick.waiting == 0
        assert shown((await process.still([piece], at(1))).jpeg) == at(1)
        assert process.quick.rubbish == 0


@pytest.mark.parametrize(
    ("modules", "never"),
    [
        (("gateway.media.client",), {"av", "cv2", "numpy"}),
        (("gateway.media.worker", "gateway.media.clips"), {"cv2", "numpy"}),
    ],
)
def test_what_is_not_needed_is_not_loaded(modules: tuple[str, ...], never: set[str]) -> None:
    """The gateway's own process has no media library (I9), and who cuts clips none that decodes: that one stays small."""
    code = f"import sys, {', '.join(modules)}; sys.exit(', '.join(sys.modules.keys() & {never!r}) or 0)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=30, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")

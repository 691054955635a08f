"""Signing in: passwords, sessions, CSRF, and that a lock-out hits nobody else."""

import asyncio
import time
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from gateway.console import hash_password
from gateway.errors import ActRefused
from tests.clocks import ManualClock
from tests.console.desk import LI, PASSWORD, WANG, ShiftedClock, desk, listening
from tests.sites import put_account
from tests.wait import until


async def test_a_guard_signs_in_and_the_cookie_is_out_of_reach_of_scripts(tmp_path: Path) -> None:
    """The cookie is HttpOnly and SameSite=Strict; the answer names the guard and carries the CSRF token."""
    async with desk(tmp_path) as running:
        browser = await running.browser()
        assert (await browser.get("/api/alarms")).status_code == 401
        answer = await browser.post("/api/session", json={"name": "wang", "password": PASSWORD})
        assert answer.status_code == 200
        assert answer.json()["display"] == "王强"
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "samesite=strict" in cookie.lower()
        assert "secure" not in cookie.lower()
        assert answer.json()["csrf"] not in cookie
        assert (await browser.get("/api/alarms")).status_code == 200
        assert (await browser.get("/api/session")).json() == answer.json()


async def test_behind_tls_the_cookie_is_secure_and_bound_to_the_host(tmp_path: Path) -> None:
    """With `secure` the cookie has the Secure mark and the __Host- prefix, which browsers hold to."""
    async with desk(tmp_path, console_keys="secure = true") as running:
        browser = await running.browser()
        answer = await browser.post("/api/session", json={"name": "wang", "password": PASSWORD})
        cookie = answer.headers["set-cookie"]
        assert cookie.startswith("__Host-")
        assert "Secure" in cookie
        assert "Path=/" in cookie


@pytest.mark.parametrize(
    ("name", "password"), [("wang", "wrong"), ("nobody", PASSWORD), ("disabled", PASSWORD)]
)
async def test_a_wrong_password_an_unknown_name_and_a_disabled_account_look_alike(
    tmp_path: Path, name: str, password: str
) -> None:
    """Same status, same words, in Chinese by default and in English on demand; and each is on the access log."""
    async with desk(tmp_path) as running:
        await put_account(running.journal, replace(WANG, name="disabled", disabled=True))
        browser = await running.browser()
        body = {"name": name, "password": password}
        answer = await browser.post("/api/session", json=body)
        assert answer.status_code == 401
        assert answer.json() == {"error": {"code": "sign-in-refused", "message": "用户名或密码不正确"}}
        english = await browser.post("/api/session", json=body, headers={"Accept-Language": "en"})
        assert english.json()["error"]["message"] == "The name or the password is wrong."
        logged = [(row.actor, row.action) for row in await running.journal.access_log()]
        assert logged == [(name, "sign-in-refused")] * 2


async def test_an_unknown_name_takes_as_long_as_a_wrong_password(tmp_path: Path) -> None:
    """Nobody learns from the time whether an account exists: both cost one argon2id hash."""
    async with desk(tmp_path) as running:
        browser = await running.browser()

        async def took(name: str) -> float:
            begun = time.perf_counter()
            await browser.post("/api/session", json={"name": name, "password": "wrong"})
            return time.perf_counter() - begun

        known = min([await took("wang") for _ in range(4)])
        unknown = min([await took("nobody") for _ in range(4)])
        assert unknown > 0.01
        assert 0.4 < unknown / known < 2.5


async def test_repeated_failures_lock_the_pair_out_and_nobody_else(tmp_path: Path) -> None:
    """After five failures the same name waits, even with the right password; another guard at the same desk does not."""
    clock = ShiftedClock()
    async with desk(tmp_path, clock=clock) as running:
        browser = await running.browser()
        for _ in range(5):
            refused = await browser.post("/api/session", json={"name": "wang", "password": "wrong"})
            assert refused.status_code == 401
        locked = await browser.post("/api/session", json={"name": "wang", "password": PASSWORD})
        assert locked.status_code == 429
        assert 1 <= int(locked.headers["retry-after"]) <= 60
        assert locked.json()["error"]["code"] == "too-many-attempts"
        await running.guard("li")
        clock.shift += timedelta(seconds=61)
        await running.guard("wang")


async def test_attempts_at_once_do_not_slip_through(tmp_path: Path) -> None:
    """Forty attempts in parallel are as many failures as forty in turn: five are checked, the rest wait."""
    async with desk(tmp_path) as running:
        browser = await running.browser()
        body = {"name": "wang", "password": "wrong"}
        answers = await asyncio.gather(*(browser.post("/api/session", json=body) for _ in range(40)))
        assert sorted(answer.status_code for answer in answers) == [401] * 5 + [429] * 35


async def test_a_session_ends_by_time_and_so_does_its_event_stream(tmp_path: Path) -> None:
    """An expired session is refused, and an open stream of it ends at the next sign of life."""
    clock = ShiftedClock()
    async with desk(tmp_path, clock=clock, console_keys="session_hours = 1") as running:
        guard = await running.guard()
        async with listening(guard) as stream:
            clock.shift += timedelta(minutes=59)
            assert (await guard.get("/api/alarms")).status_code == 200
            clock.shift += timedelta(minutes=2)
            refused = await guard.get("/api/alarms")
            assert refused.status_code == 401
            assert refused.json()["error"]["code"] == "not-signed-in"
            await until(lambda: stream.ended)


async def test_signing_out_ends_the_session_everywhere(tmp_path: Path) -> None:
    """After signing out the cookie is worth nothing, and the open stream of that session has ended; others go on."""
    async with desk(tmp_path) as running:
        one, other = await running.guard(), await running.guard("li")
        cookies = dict(one.cookies)
        async with listening(one) as first, listening(other) as second:
            assert (await one.delete("/api/session")).status_code == 204
            await until(lambda: first.ended)
            assert not second.ended
        assert not one.cookies
        one.cookies.update(cookies)
        assert (await one.get("/api/alarms")).status_code == 401
        assert (await other.get("/api/alarms")).status_code == 200


async def test_a_changed_account_loses_its_sessions(tmp_path: Path) -> None:
    """A new password, or a disabled account, ends what was signed in with the old one."""
    async with desk(tmp_path) as running:
        guard, admin = await running.guard(), await running.guard("li")
        await put_account(running.journal, replace(WANG, hash=hash_password("another password")))
        assert (await guard.get("/api/alarms")).status_code == 401
        await put_account(running.journal, replace(LI, disabled=True))
        assert (await admin.get("/api/alarms")).status_code == 401


async def test_sessions_outlive_a_restart_of_the_daemon(tmp_path: Path) -> None:
    """A guard stays signed in when the gateway starts again, CSRF token and all."""
    async with desk(tmp_path) as running:
        guard = await running.guard()
        cookies, token = dict(guard.cookies), guard.headers["x-csrf-token"]
    async with desk(tmp_path) as running:
        alarm = await running.press()
        browser = await running.browser()
        browser.cookies.update(cookies)
        answer = await browser.post(f"/api/alarms/{alarm}/acknowledge", headers={"X-CSRF-Token": token})
        assert answer.status_code == 200


async def test_every_change_needs_the_csrf_token(tmp_path: Path) -> None:
    """Without the token, or with another's, nothing changes and the answer is 403."""
    async with desk(tmp_path) as running:
        alarm = await running.press()
        guard, other = await running.guard(), await running.guard("li")
        stolen = other.headers["x-csrf-token"]
        del guard.headers["x-csrf-token"]
        for token in (None, stolen, "", "ü"):
            raw = [(b"X-CSRF-Token", token.encode())] if token is not None else []
            for method, path in (
                ("POST", f"/api/alarms/{alarm}/acknowledge"),
                ("POST", f"/api/alarms/{alarm}/close"),
                ("POST", f"/api/alarms/{alarm}/shelve"),
                ("POST", f"/api/alarms/{alarm}/unshelve"),
                ("POST", "/api/drills"),
                ("DELETE", "/api/session"),
            ):
                answer = await guard.request(method, path, headers=raw)
                assert answer.status_code == 403, (method, path)
                assert answer.json()["error"]["code"] == "csrf"
        assert running.journal.open_alarms[alarm].acknowledged_at is None


async def test_sign_in_needs_json_so_that_no_other_site_can_send_it(tmp_path: Path) -> None:
    """A form or a text body, which a foreign page could post without asking, does not sign in."""
    async with desk(tmp_path) as running:
        browser = await running.browser()
        body = b'{"name": "wang", "password": "correct horse"}'
        for kind in ("text/plain", "application/x-www-form-urlencoded", None):
            headers = {"Content-Type": kind} if kind else {}
            answer = await browser.post("/api/session", content=body, headers=headers)
            assert answer.status_code == 422
            assert not browser.cookies


async def test_the_token_itself_is_nowhere_on_the_disk(tmp_path: Path) -> None:
    """Who reads the journal's files can't take over a session: only the token's digest is kept."""
    async with desk(tmp_path) as running:
        guard = await running.guard()
        token = next(iter(guard.cookies.jar)).value
        assert token is not None
    for file in (tmp_path / "state").iterdir():
        assert token.encode() not in file.read_bytes()


def test_a_short_password_is_not_taken() -> None:
    """Eight characters at least."""
    with pytest.raises(ActRefused):
        hash_password("1234567")


async def test_a_step_of_the_wall_clock_signs_nobody_out_and_lengthens_nothing(tmp_path: Path) -> None:
    """A session lives its hours by the monotonic clock; its end is told by the wall clock as that goes now."""
    clock = ManualClock()
    async with desk(tmp_path, clock=clock, console_keys="session_hours = 12") as running:
        guard = await running.guard()
        for step in (13 * 3600, -48 * 3600, 365 * 86400):
            clock.step(step)
            told = await guard.get("/api/session")
            assert told.status_code == 200
            expires = datetime.fromisoformat(told.json()["expires"])
            assert expires == clock.now() + timedelta(hours=12)
        clock.advance(12 * 3600 - 1)
        assert (await guard.get("/api/alarms")).status_code == 200
        clock.step(-6 * 3600)
        clock.advance(2)
        assert (await guard.get("/api/alarms")).status_code == 401


async def test_over_a_restart_the_wall_clock_decides(tmp_path: Path) -> None:
    """Nothing else knows how long the gateway was off; no session lives longer than a fresh one."""
    clock = ManualClock()
    async with desk(tmp_path, clock=clock, console_keys="session_hours = 12") as running:
        cookies = dict((await running.guard()).cookies)
    clock.step(-3600)
    async with desk(tmp_path, clock=clock, console_keys="session_hours = 12") as running:
        guard = await running.browser()
        guard.cookies.update(cookies)
        assert (await guard.get("/api/alarms")).status_code == 200
        clock.advance(12 * 3600 + 1)
        assert (await guard.get("/api/alarms")).status_code == 401


async def test_after_a_restart_nobody_can_lock_a_guard_out_of_the_desk(tmp_path: Path) -> None:
    """Who signed in from here before the restart is known from the access log, whatever others try with the name."""
    async with desk(tmp_path) as running:
        await running.guard("wang")
    async with desk(tmp_path) as running:
        browser = await running.browser()
        for number in range(25):
            body = {"name": f"nobody-{number}", "password": "wrong"}
            last = (await browser.post("/api/session", json=body)).status_code
        assert last == 429
        refused = await browser.post("/api/session", json={"name": "li", "password": PASSWORD})
        assert refused.status_code == 429
        await running.guard("wang")

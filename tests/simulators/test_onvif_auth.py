"""How the simulated ONVIF camera checks passwords: published vectors, independent clients, and what it must refuse."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from simulators.camera import CameraSimulator
from simulators.fault import Fault
from simulators.onvif import Algorithm, Auth, OnvifSimulator, Quirk
from simulators.onvif.auth import digest_response, parameters
from tests.simulators.onvif_client import envelope, post, token
from tests.wait import until

INFORMATION = "<tds:GetDeviceInformation/>"


@asynccontextmanager
async def running(**keys: Any) -> AsyncIterator[OnvifSimulator]:
    """A camera of that kind."""
    made = OnvifSimulator(CameraSimulator(width=320, height=192, fps=5), **keys)
    await made.start()
    try:
        yield made
    finally:
        await made.stop()


@asynccontextmanager
async def digest_session(password: str = "camera") -> AsyncIterator[aiohttp.ClientSession]:
    """Aiohttp's own digest client."""
    middleware = aiohttp.DigestAuthMiddleware("admin", password)
    async with aiohttp.ClientSession(middlewares=(middleware,)) as session:
        yield session


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        (Algorithm.MD5, "8ca523f5e9506fed4657c9700eebdbec"),
        (Algorithm.SHA_256, "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_the_vectors_of_rfc_7616(algorithm: Algorithm, response: str) -> None:
    """Section 3.9.1: the same request by MD5 and by SHA-256."""
    header = (
        'Digest username="Mufasa", realm="http-auth@example.org", uri="/dir/index.html", '
        f"algorithm={algorithm}, "
        'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", nc=00000001, '
        'cnonce="f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ", qop=auth, '
        'opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
    )

    given = parameters(header)

    assert response == digest_response(given, password="Circle of Life", method="GET", algorithm=algorithm)


@pytest.mark.parametrize("algorithm", list(Algorithm))
async def test_an_independent_digest_client_is_let_in(algorithm: Algorithm) -> None:
    """Also twice on one nonce, whose count goes up; a wrong password is refused and counted."""
    async with running(auth=Auth.DIGEST, algorithms=[algorithm]) as camera:
        async with digest_session() as session:
            first, _ = await post(session, camera.address, INFORMATION)
            second, _ = await post(session, camera.address, INFORMATION)
        assert (first, second, camera.failed_logins) == (200, 200, 0)

        async with digest_session("wrong") as session:
            refused, _ = await post(session, camera.address, INFORMATION)

        assert refused == 401
        assert camera.failed_logins == 1


async def test_a_repeated_nonce_count_is_stale() -> None:
    """The same Authorization header a second time asks for a new nonce, and is no failed login."""
    async with running(auth=Auth.DIGEST) as camera, aiohttp.ClientSession() as session:
        async with session.post(camera.address, data=b"<x/>") as nonsense:
            assert nonsense.status == 400
        status, _ = await post(session, camera.address, INFORMATION)
        assert status == 401
        async with session.get(f"http://127.0.0.1:{camera.port}/onvif/snapshot") as challenged:
            offered = parameters(challenged.headers["WWW-Authenticate"])
        given = {
            **offered,
            "username": "admin",
            "uri": "/onvif/device_service",
            "nc": "00000001",
            "cnonce": "abc",
            "qop": "auth",
        }
        proof = digest_response(given, password="camera", method="POST", algorithm=Algorithm.MD5)
        header = "Digest " + ", ".join(
            f'{name}="{value}"' for name, value in (given | {"response": proof}).items()
        )

        first, _ = await post(session, camera.address, INFORMATION, headers={"Authorization": header})
        async with session.post(
            camera.address, data=envelope(INFORMATION), headers={"Authorization": header}
        ) as second:
            challenge = second.headers["WWW-Authenticate"]

    assert (first, second.status) == (200, 401)
    assert "stale=true" in challenge
    assert camera.failed_logins == 0


async def test_a_token_is_judged_by_the_cameras_own_clock() -> None:
    """Created 95 s behind the camera's clock is refused, and what the camera calls now is let in."""
    async with running(auth=Auth.WSS) as camera, aiohttp.ClientSession() as session:
        camera.clock_offset = timedelta(seconds=95)
        ours, _ = await post(session, camera.address, INFORMATION, token())
        its_own = (datetime.now(UTC) + timedelta(seconds=95)).strftime("%Y-%m-%dT%H:%M:%SZ")
        theirs, _ = await post(session, camera.address, INFORMATION, token(created=its_own))

    assert (ours, theirs, camera.failed_logins) == (400, 200, 1)


async def test_a_token_is_good_once() -> None:
    """Nonce and Created a second time are a replay."""
    async with running(auth=Auth.DIGEST_AND_WSS) as camera, aiohttp.ClientSession() as session:
        once = token()
        first, _ = await post(session, camera.address, INFORMATION, once)
        again, said = await post(session, camera.address, INFORMATION, once)

    assert (first, again) == (200, 401)
    assert "NotAuthorized" in said


@pytest.mark.parametrize(
    ("auth", "by_digest", "by_token"),
    [(Auth.NONE, 200, 200), (Auth.DIGEST, 200, 401), (Auth.WSS, 400, 200), (Auth.DIGEST_AND_WSS, 200, 200)],
)
async def test_each_way_to_log_in(auth: Auth, by_digest: int, by_token: int) -> None:
    """A camera takes what it is set to, and tells the time to anyone."""
    async with running(auth=auth) as camera:
        async with digest_session() as session:
            assert by_digest == (await post(session, camera.address, INFORMATION))[0]
        async with aiohttp.ClientSession() as session:
            assert by_token == (await post(session, camera.address, INFORMATION, token()))[0]
            assert (await post(session, camera.address, "<tds:GetSystemDateAndTime/>"))[0] == 200
        assert camera.failed_logins == 0


@pytest.mark.parametrize(
    ("created", "status"),
    [("%Y-%m-%dT%H:%M:%SZ", 200), ("%Y-%m-%dT%H:%M:%S.%fZ", 401), ("%Y-%m-%dT%H:%M:%S+00:00", 401)],
)
async def test_strict_created(created: str, status: int) -> None:
    """STRICT_CREATED wants whole seconds and a Z."""
    async with (
        running(quirks=frozenset({Quirk.STRICT_CREATED})) as camera,
        aiohttp.ClientSession() as session,
    ):
        written = datetime.now(UTC).strftime(created)
        assert status == (await post(session, camera.address, INFORMATION, token(created=written)))[0]


async def test_a_locked_account_refuses_the_right_password_for_a_while() -> None:
    """LOCKS_ACCOUNT: five failures in a row, then nobody is let in until the lock ends."""
    async with (
        running(quirks=frozenset({Quirk.LOCKS_ACCOUNT}), lock_seconds=0.5) as camera,
        aiohttp.ClientSession() as session,
    ):
        for _ in range(5):
            assert (await post(session, camera.address, INFORMATION, token("wrong")))[0] == 401
        assert camera.locked
        assert (await post(session, camera.address, INFORMATION, token()))[0] == 401
        assert camera.failed_logins == 6
        await until(lambda: not camera.locked, 5)
        assert (await post(session, camera.address, INFORMATION, token()))[0] == 200


async def test_unauthorized_text() -> None:
    """UNAUTHORIZED_TEXT answers 401 with a word."""
    async with (
        running(quirks=frozenset({Quirk.UNAUTHORIZED_TEXT})) as camera,
        aiohttp.ClientSession() as session,
    ):
        assert await post(session, camera.address, INFORMATION) == (401, "Unauthorized")


async def test_a_changed_password_and_a_refusing_camera() -> None:
    """After change_password the old one is refused; REFUSED refuses every one, and is over when it is over."""
    async with running() as camera, aiohttp.ClientSession() as session:
        camera.change_password("other")
        assert (await post(session, camera.address, INFORMATION, token()))[0] == 401
        assert (await post(session, camera.address, INFORMATION, token("other")))[0] == 200
        await camera.misbehave(Fault.REFUSED)
        assert (await post(session, camera.address, INFORMATION, token("other")))[0] == 401
        await camera.misbehave(Fault.NONE)
        assert (await post(session, camera.address, INFORMATION, token("other")))[0] == 200


async def test_a_snapshot_wants_the_password_and_is_a_jpeg() -> None:
    """The picture comes by HTTP GET with digest."""
    async with running() as camera:
        url = f"http://127.0.0.1:{camera.port}/onvif/snapshot?profile=Profile_1"
        async with digest_session() as session, session.get(url) as response:
            picture = await response.read()
        async with aiohttp.ClientSession() as session, session.get(url) as refused:
            assert refused.status == 401

    assert (response.status, response.content_type) == (200, "image/jpeg")
    assert (picture[:3], picture[-2:]) == (b"\xff\xd8\xff", b"\xff\xd9")

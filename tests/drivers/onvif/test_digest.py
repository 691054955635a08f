"""HTTP Digest by the examples of RFC 7616, and as cameras ask for it."""

import pytest

from drivers.onvif.digest import Digest, challenges, is_stale

#: RFC 7616, section 3.9.1.
ASKED = (
    'Digest realm="http-auth@example.org", qop="auth, auth-int", algorithm={}, '
    'nonce="7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v", opaque="FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS"'
)


@pytest.mark.parametrize(
    ("algorithm", "response"),
    [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ],
)
def test_examples_of_the_standard(monkeypatch: pytest.MonkeyPatch, algorithm: str, response: str) -> None:
    """The response of both examples."""
    own = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ"
    monkeypatch.setattr("drivers.onvif.digest.secrets.token_hex", lambda _: own)
    digest = Digest("Mufasa", "Circle of Life")

    assert digest.learn("http://www.example.org", [ASKED.format(algorithm)])
    proof = digest.proof("http://www.example.org", "GET", "/dir/index.html")
    assert proof is not None
    assert f'response="{response}"' in proof
    assert "nc=00000001" in proof


def test_another_origin_is_told_nothing_unasked() -> None:
    """A picture at another port asks for itself; nothing is proved to whoever has not asked."""
    digest = Digest("u", "p")
    digest.learn("http://cam", [ASKED.format("MD5")])

    assert digest.proof("http://cam:8080", "GET", "/") is None
    assert digest.learn("http://cam:8080", [ASKED.format("MD5")])
    assert digest.proof("http://cam:8080", "GET", "/") is not None


@pytest.mark.parametrize(
    "headers",
    [
        ['Basic realm="cam"', 'Digest realm="a", nonce="n"'],
        ['Basic realm="cam, digest", Digest realm="a", nonce="n"'],
        ['Digest realm="a", nonce="n", algorithm=SHA-512-256', 'digest REALM="a", NONCE="n"'],
        ['Digest realm="a", nonce="n", Basic realm="b"'],
    ],
)
def test_digest_among_others(headers: list[str]) -> None:
    """Basic before or behind it, an algorithm that nobody has: the one that can be answered is found."""
    (found,) = challenges(headers)

    assert (found["realm"], found["nonce"]) == ("a", "n")


@pytest.mark.parametrize(
    "header",
    ["", "Digest", 'Digest realm="a"', 'Digest realm="a", nonce=""', 'Digest realm="a", nonce="n", qop="auth-int"',
     'Digest realm="a", nonce="n\x9b"', 'Basic realm="a"'],
)  # fmt: skip
def test_challenges_that_can_t_be_answered(header: str) -> None:
    """Are none."""
    assert not Digest("u", "p").learn("http://cam", [header])


def test_a_stale_number_is_no_wrong_password() -> None:
    """As RFC 7616, section 3.3 says it."""
    assert is_stale([ASKED.format("MD5") + ", stale=TRUE"])
    assert not is_stale([ASKED.format("MD5")])

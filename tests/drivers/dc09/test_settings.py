"""The site file's keys: contradictions are errors, what is unwise is a warning."""

from pathlib import Path

import pytest

from drivers.dc09 import SPEC
from gateway.errors import SiteFileError
from tests.drivers.dc09.site import site

TWIN = '[[device]]\nid = "twin"\nzone = "hall"\nbus = "receiver"\naccount = "{account}"\n'


@pytest.mark.parametrize(
    ("keys", "more", "words"),
    [
        ("", TWIN.format(account="1234"), "an account belongs to one panel"),
        ("", TWIN.format(account="12"), "account"),
        ("", TWIN.format(account="xyz1"), "account"),
        ('key_file = "panel.key"\nencryption = "never"', "", "remove one of them"),
        ('encryption = "required"', "", "needs a `key_file`"),
        ('encryption = "optional"', "", "needs a `key_file`"),
        ("", '[[device.point]]\nid = "again"\nkind = "fire"\naddress = "01"\n', "a zone is one point"),
        ("", '[[device.point]]\nid = "far"\nkind = "fire"\naddress = 1000\n', "address"),
    ],
)
def test_contradictions(tmp_path: Path, keys: str, more: str, words: str) -> None:
    """Each is an error of the site file that says what is wrong."""
    with pytest.raises(SiteFileError) as caught:
        site(tmp_path, keys=keys, more=more)
    assert words in str(caught.value)


def test_account_in_small_letters(tmp_path: Path) -> None:
    """An account is the same in small letters."""
    with pytest.raises(SiteFileError, match="one panel"):
        site(
            tmp_path, more=TWIN.format(account="00af") + TWIN.format(account="00AF").replace("twin", "other")
        )


def test_warnings(tmp_path: Path) -> None:
    """Clear text, optional encryption, and panels that nobody supervises are told."""
    clear = SPEC.advice(site(tmp_path, more=TWIN.format(account="777") + "lost_after_s = 0\n"))
    optional = SPEC.advice(site(tmp_path, keys='key_file = "panel.key"\nencryption = "optional"'))
    good = SPEC.advice(site(tmp_path, keys='key_file = "panel.key"'))

    assert sum("in clear" in line for line in clear) == 2
    assert any("nothing supervises" in line for line in clear)
    assert any("optional" in line for line in optional)
    assert len(good) == 1


def test_key_that_can_not_be_read(tmp_path: Path) -> None:
    """A key file that is missing or holds no key is told by `check`, without its content."""
    bad = SPEC.advice(site(tmp_path, keys='key_file = "panel.key"', key="c0ffee"))
    missing = SPEC.advice(site(tmp_path, keys='key_file = "other.key"'))

    assert any("32, 48 or 64" in line for line in bad)
    assert "c0ffee" not in repr(bad)
    assert any("other.key is missing" in line for line in missing)

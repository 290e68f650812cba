"""What a page promises: its assets, their integrity, and one element's text."""

import base64
import hashlib

import pytest

from blocks.html_page import Asset, assets_of, text_of


def _sri(content: bytes, name: str = "sha384") -> str:
    return f"{name}-{base64.b64encode(hashlib.new(name, content).digest()).decode()}"


def test_scripts_styles_fonts_and_images_are_found_and_only_the_first_two_need_integrity() -> None:
    page = """<link rel="stylesheet" href="a.css"><link rel="preload" as="font" href="f.woff2">
    <link rel="canonical" href="/"><script src="a.js"></script><script>inline()</script><img src="l.svg">"""
    found = {asset.url: asset.needs_integrity for asset in assets_of(page)}
    assert found == {"a.css": True, "f.woff2": False, "a.js": True, "l.svg": False}


@pytest.mark.parametrize("name", ["sha256", "sha384", "sha512"])
def test_the_right_bytes_match(name: str) -> None:
    assert Asset("a.js", _sri(b"right", name), needs_integrity=True).matches(b"right")


@pytest.mark.parametrize("integrity", ["", "md5-abc", "sha384-", "nonsense", "sha384-AAAA"])
def test_an_unknown_or_wrong_digest_never_matches(integrity: str) -> None:
    assert not Asset("a.js", integrity, needs_integrity=True).matches(b"right")


def test_only_the_strongest_listed_algorithm_counts_as_browsers_do_it() -> None:
    weak_right = f"{_sri(b'right', 'sha256')} {_sri(b'wrong', 'sha512')}"
    assert not Asset("a.js", weak_right, needs_integrity=True).matches(b"right")


@pytest.mark.parametrize(
    ("page", "text"),
    [
        ('<div id="b">Back at <b>07:00</b><br> UTC</div><p>no</p>', "Back at 07:00 UTC"),
        ('<div id="b"></div>', ""),
        ('<div id="b" hidden>secret</div>', None),
        ("<p>nothing</p>", None),
        ("", None),
    ],
)
def test_the_text_of_an_element_is_none_when_nobody_can_see_it(page: str, text: str | None) -> None:
    assert text_of(page, "b") == text

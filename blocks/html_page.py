"""What a page promises in its HTML: the assets it loads with their integrity, and the text of one element."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from html.parser import HTMLParser

_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "source", "track", "wbr"}
_DIGESTS = {"sha256": hashlib.sha256, "sha384": hashlib.sha384, "sha512": hashlib.sha512}


@dataclass(frozen=True)
class Asset:
    """Something a page loads. Only scripts and style sheets can carry integrity (W3C SRI, section 3.4)."""

    url: str
    integrity: str
    needs_integrity: bool

    def matches(self, content: bytes) -> bool:
        """Whether one of the strongest listed digests is that of `content`; an unknown algorithm never matches."""
        listed = [token.split("?")[0].partition("-") for token in self.integrity.split()]
        known = [(name, digest) for name, _, digest in listed if name in _DIGESTS]
        if not known:
            return False
        strongest = max(name for name, _ in known)
        actual = base64.b64encode(_DIGESTS[strongest](content).digest()).decode()
        return any(name == strongest and digest == actual for name, digest in known)


class _Assets(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Asset] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        relations = given.get("rel", "").lower().split()
        if tag == "script" and "src" in given:
            self._add(given["src"], given.get("integrity", ""), needs_integrity=True)
        elif tag == "link" and "href" in given and {"stylesheet", "preload", "modulepreload"} & set(relations):
            self._add(given["href"], given.get("integrity", ""), needs_integrity="stylesheet" in relations)
        elif tag == "img" and "src" in given:
            self._add(given["src"], "", needs_integrity=False)

    def _add(self, url: str, integrity: str, *, needs_integrity: bool) -> None:
        self.found.append(Asset(url, integrity, needs_integrity))


def assets_of(html: str) -> list[Asset]:
    """Scripts, style sheets, preloads (fonts) and images that the page names, in its order."""
    parser = _Assets()
    parser.feed(html)
    return parser.found


class _Element(HTMLParser):
    def __init__(self, identity: str) -> None:
        super().__init__()
        self._identity = identity
        self._depth = 0
        self.text: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if self._depth:
            self._depth += tag not in _VOID
        elif ("id", self._identity) in attrs and not any(name == "hidden" for name, _ in attrs):
            self._depth, self.text = 1, ""

    def handle_endtag(self, tag: str) -> None:
        if self._depth:
            self._depth -= tag not in _VOID

    def handle_data(self, data: str) -> None:
        if self._depth and self.text is not None:
            self.text += data


def text_of(html: str, identity: str) -> str | None:
    """The text inside the element with this id; None when the page has none, or a hidden one."""
    parser = _Element(identity)
    parser.feed(html)
    return None if parser.text is None else " ".join(parser.text.split())

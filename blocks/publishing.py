"""Words that stay: wiki pages in Confluence and posts on LinkedIn."""

from __future__ import annotations

import hashlib
import html
import re
from datetime import datetime
from typing import ClassVar, TypeVar, assert_never
from urllib.parse import quote

import httpx
from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, JsonValue, SecretStr

from blocks import faults, wire
from blocks.payloads import Payload, read
from launch.effects.base import Effect
from launch.effects.people import DraftPost, PublishPage, PublishPost, SocialEffect
from launch.ports import Observation, Occasion, Standing, State
from launch.probes.base import Probe
from launch.probes.people import WikiPage
from launch.readings import Reading, quantities

_WIKI = "Confluence"
_SOCIAL = "LinkedIn"
# https://learn.microsoft.com/linkedin/marketing/community-management/shares/little-text-format
_RESERVED = re.compile(r"([|{}@\[\]()<>#\\*_~])")
_TAG = re.compile(r"<[^>]+>")


class _Space(Payload):
    id: str
    name: str = ""


class _Spaces(Payload):
    results: tuple[_Space, ...]


class _Version(Payload):
    number: int
    message: str = ""
    createdAt: datetime  # noqa: N815 - the vendor's name


class _Storage(Payload):
    value: str = ""


class _Body(Payload):
    storage: _Storage = _Storage()


class _Page(Payload):
    id: str
    title: str
    version: _Version
    body: _Body = _Body()


class _Pages(Payload):
    results: tuple[_Page, ...]


class _Post(Payload):
    id: str
    commentary: str = ""
    lifecycleState: str = ""  # noqa: N815 - the vendor's name


class _Posts(Payload):
    elements: tuple[_Post, ...]


P = TypeVar("P", bound=Payload)


class Confluence(Block):
    """A Confluence space. A launch's page has the launch in its title; its version tells what was written last."""

    _block_type_name = "Confluence"
    _block_type_slug = "confluence"
    _description = "Confluence Cloud, REST API v2. https://developer.atlassian.com/cloud/confluence/rest/v2/"
    _documentation_url = HttpUrl("https://developer.atlassian.com/cloud/confluence/rest/v2/")
    needs: ClassVar[str] = "write in one space"

    answers: ClassVar[tuple[type[Probe], ...]] = (WikiPage,)
    effects: ClassVar[tuple[type[Effect], ...]] = (PublishPage,)

    base_url: str = Field(description="Address of the site, e.g. https://teei.atlassian.net.")
    email: str = Field(description="Account the token belongs to.")
    api_token: SecretStr = Field(description="API token.")
    space: str = Field(description="Key of the space that pages go to.")
    timeout_seconds: float = Field(default=10, gt=0, description="Longest wait for one answer, in seconds.")

    def check(self) -> str:
        """Proves that the space can be read. Raises `SystemFaultError`."""
        return f"Confluence space {self._space_id()} ({self.space}) can be read"

    def answer(self, probe: WikiPage, occasion: Occasion) -> Reading:
        """See `launch.ports.Answers`."""
        where = f"page {_title(probe.title, occasion)!r} in Confluence"
        pages = [page for page in self._pages(_title(probe.title, occasion)) if page.version.createdAt >= occasion.t0]
        if not pages:
            return Reading(values=quantities(pages=0), where=where, at=occasion.now)
        text = html.unescape(_TAG.sub(" ", pages[0].body.storage.value)).casefold()
        missing = [phrase for phrase in probe.mentions if phrase.casefold() not in text]
        values = quantities(pages=len(pages), phrases_missing=len(missing))
        return Reading(values=values, where=where, at=occasion.now, evidence=", ".join(missing)[:256])

    def observe(self, effect: PublishPage, occasion: Occasion) -> Observation:
        """See `launch.ports.Acts`."""
        pages = self._pages(_title(effect.title, occasion))
        if not pages:
            return Observation(standing=Standing.ABSENT, state={"page": None}, detail="no such page")
        page = pages[0]
        standing = Standing.HOLDS if page.version.message == _digest(_storage(effect.text)) else Standing.ABSENT
        state: State = {"page": page.id, "text": page.body.storage.value}
        return Observation(standing=standing, state=state, detail=f"page {page.id}, version {page.version.number}")

    def apply(self, effect: PublishPage, occasion: Occasion) -> None:
        """See `launch.ports.Acts`."""
        title, text = _title(effect.title, occasion), _storage(effect.text)
        pages = self._pages(title)
        if pages:
            self._rewrite(pages[0], text)
            return
        page: JsonValue = {
            "spaceId": self._space_id(),
            "status": "current",
            "title": title,
            "body": {"representation": "storage", "value": text},
        }
        created = read(
            _Page,
            self._ask("POST", "/pages", f"publish {title!r}", page),
            system=_WIKI,
            question=f"publish {title!r}",
        )
        self._rewrite(created, text)

    def observe_restored(self, effect: PublishPage, before: State, occasion: Occasion) -> Observation:
        """See `launch.ports.Acts`."""
        pages = self._pages(_title(effect.title, occasion))
        if before.get("page") is None:
            return Observation(standing=Standing.ABSENT if pages else Standing.HOLDS)
        same = bool(pages) and pages[0].body.storage.value == before.get("text")
        return Observation(standing=Standing.HOLDS if same else Standing.ABSENT)

    def restore(self, effect: PublishPage, before: State, occasion: Occasion) -> None:
        """See `launch.ports.Acts`."""
        for page in self._pages(_title(effect.title, occasion)):
            if before.get("page") is None:
                self._ask("DELETE", f"/pages/{page.id}", "trash a page", ok={204, 404})
            else:
                self._rewrite(page, str(before.get("text", "")))

    def _rewrite(self, page: _Page, text: str) -> None:
        """A version whose message is the text's digest: Confluence rewrites markup, so texts cannot be compared."""
        body: JsonValue = {
            "id": page.id,
            "status": "current",
            "title": page.title,
            "body": {"representation": "storage", "value": text},
            "version": {"number": page.version.number + 1, "message": _digest(text)},
        }
        self._ask("PUT", f"/pages/{page.id}", f"write {page.title!r}", body)

    def _pages(self, title: str) -> tuple[_Page, ...]:
        params = {"space-id": self._space_id(), "title": title, "status": "current", "body-format": "storage"}
        question = f"the page {title!r}"
        response = self._ask("GET", "/pages", question, params=params)
        return read(_Pages, response, system=_WIKI, question=question).results

    def _space_id(self) -> str:
        question = f"the space {self.space!r}"
        response = self._ask("GET", "/spaces", question, params={"keys": self.space})
        spaces = read(_Spaces, response, system=_WIKI, question=question).results
        if not spaces:
            raise faults.status_fault(404, system=_WIKI, question=question)
        return spaces[0].id

    def _ask(
        self,
        method: str,
        path: str,
        question: str,
        body: JsonValue = None,
        *,
        ok: set[int] | None = None,
        params: dict[str, str] | None = None,
    ) -> httpx.Response:
        with wire.client(f"{self.base_url}/wiki/api/v2", timeout_seconds=self.timeout_seconds) as client:
            client.auth = httpx.BasicAuth(self.email, self.api_token.get_secret_value())
            return wire.fetch(
                client,
                method,
                path,
                system=_WIKI,
                question=question,
                ok=wire.SUCCESS if ok is None else ok,
                json=body,
                params=params,
                needs=self.needs,
            )


class LinkedIn(Block):
    """An organisation on LinkedIn. A post is found again by its words, which LinkedIn keeps as they were given."""

    _block_type_name = "LinkedIn"
    _block_type_slug = "linkedin"
    _description = (
        "LinkedIn Posts API. https://learn.microsoft.com/linkedin/marketing/community-management/shares/posts-api"
    )
    _documentation_url = HttpUrl("https://learn.microsoft.com/linkedin/marketing/community-management/shares/posts-api")
    needs: ClassVar[str] = "`w_organization_social` for one organisation"

    effects: ClassVar[tuple[type[Effect], ...]] = (DraftPost, PublishPost)

    token: SecretStr = Field(description="Access token with w_organization_social and r_organization_social.")
    author: str = Field(description="The organisation, e.g. urn:li:organization:5515715.")
    version: str = Field(default="202510", pattern=r"^\d{6}$", description="Version of the API, year and month.")
    base_url: str = Field(default="https://api.linkedin.com/rest", description="Address of the API.")
    timeout_seconds: float = Field(default=10, gt=0, description="Longest wait for one answer, in seconds.")

    def check(self) -> str:
        """Proves that the organisation's posts can be read. Raises `SystemFaultError`."""
        return f"LinkedIn shows {len(self._posts(None))} recent posts of {self.author}"

    def observe(self, effect: SocialEffect, occasion: Occasion) -> Observation:  # noqa: ARG002
        """See `launch.ports.Acts`. A published post has been a draft, so it satisfies both."""
        states = [post.lifecycleState for post in self._posts(effect.text)]
        match effect:
            case DraftPost():
                holds = bool(states)
            case PublishPost():
                holds = "PUBLISHED" in states
            case _:
                assert_never(effect)
        standing = Standing.HOLDS if holds else Standing.ABSENT
        return Observation(standing=standing, detail=", ".join(states) or "no such post")

    def apply(self, effect: SocialEffect, occasion: Occasion) -> None:  # noqa: ARG002
        """See `launch.ports.Acts`."""
        match effect:
            case DraftPost():
                self._create(effect.text, "DRAFT")
            case PublishPost():
                drafts = [post for post in self._posts(effect.text) if post.lifecycleState == "DRAFT"]
                if drafts:
                    patch: JsonValue = {"patch": {"$set": {"lifecycleState": "PUBLISHED"}}}
                    self._ask("POST", _path(drafts[0]), "publish the draft", patch, method_name="PARTIAL_UPDATE")
                else:
                    self._create(effect.text, "PUBLISHED")
            case _:
                assert_never(effect)

    def observe_restored(self, effect: SocialEffect, before: State, occasion: Occasion) -> Observation:  # noqa: ARG002
        """See `launch.ports.Acts`."""
        return Observation(standing=Standing.ABSENT if self._posts(effect.text) else Standing.HOLDS)

    def restore(self, effect: SocialEffect, before: State, occasion: Occasion) -> None:  # noqa: ARG002
        """See `launch.ports.Acts`: deletes the draft or the post."""
        for post in self._posts(effect.text):
            self._ask("DELETE", _path(post), "delete a post", ok={204, 404})

    def _posts(self, text: str | None) -> list[_Post]:
        question = "the recent posts"
        params = {"author": self.author, "q": "author", "count": "50", "viewContext": "AUTHOR"}
        response = self._ask("GET", "/posts", question, params=params, method_name="FINDER")
        posts = read(_Posts, response, system=_SOCIAL, question=question).elements
        return [post for post in posts if text is None or post.commentary == _escaped(text)]

    def _create(self, text: str, state: str) -> None:
        post: JsonValue = {
            "author": self.author,
            "commentary": _escaped(text),
            "visibility": "PUBLIC",
            "distribution": {
                "feedDistribution": "MAIN_FEED",
                "targetEntities": [],
                "thirdPartyDistributionChannels": [],
            },
            "lifecycleState": state,
            "isReshareDisabledByAuthor": False,
        }
        self._ask("POST", "/posts", f"a post as {state}", post)

    def _ask(
        self,
        method: str,
        path: str,
        question: str,
        body: JsonValue = None,
        *,
        ok: set[int] | None = None,
        params: dict[str, str] | None = None,
        method_name: str = "",
    ) -> httpx.Response:
        headers = {
            "Authorization": f"Bearer {self.token.get_secret_value()}",
            "LinkedIn-Version": self.version,
            "X-Restli-Protocol-Version": "2.0.0",
        }
        if method_name:
            headers["X-RestLi-Method"] = method_name
        with wire.client(self.base_url, timeout_seconds=self.timeout_seconds, headers=headers) as client:
            return wire.fetch(
                client,
                method,
                path,
                system=_SOCIAL,
                question=question,
                ok=wire.SUCCESS if ok is None else ok,
                json=body,
                params=params,
                needs=self.needs,
            )


def _title(title: str, occasion: Occasion) -> str:
    return f"{title} ({occasion.launch})"


def _storage(text: str) -> str:
    """Plain text with `#` headings and blank lines as Confluence storage markup."""
    return "".join(_block(part.strip()) for part in text.split("\n\n") if part.strip())


def _block(part: str) -> str:
    heading = re.match(r"^(#{1,3}) +(.+)", part)
    if heading is None:
        return f"<p>{html.escape(part).replace(chr(10), '<br/>')}</p>"
    level, rest = len(heading[1]), part[heading.end() :].strip()
    return f"<h{level}>{html.escape(heading[2])}</h{level}>" + (_block(rest) if rest else "")


def _digest(text: str) -> str:
    return f"tminus {hashlib.sha256(text.encode()).hexdigest()[:16]}"


def _escaped(text: str) -> str:
    return _RESERVED.sub(r"\\\1", text)


def _path(post: _Post) -> str:
    return f"/posts/{quote(post.id, safe='')}"

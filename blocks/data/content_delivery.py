"""The edge in front of the product: Cloudflare, CloudFront, or both; a purge means every provider that is set up."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import ClassVar, Self, assert_never

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, model_validator

from blocks import wire
from blocks.data.cloudflare import CloudflareZone
from blocks.data.cloudfront import CloudFrontDistribution
from blocks.data.static_assets import prefix_of
from launch.effects.base import Effect
from launch.effects.data import DeliveryEffect, PurgeCache, SwitchOrigin
from launch.errors import PermanentFaultError
from launch.ports import Observation, Occasion, Standing, State
from launch.probes.base import Probe
from launch.probes.stores import AssetHeaders, CachePurge, DeliveryOrigin, DeliveryProbe, EdgeRules, HitRatio
from launch.readings import Reading, quantities

# Cloudflare keeps no key of a purge, so one that its audit log shows this short before is taken for ours.
_OURS = timedelta(minutes=5)


def _is_page(path: str) -> bool:
    return path.endswith((".html", "/"))


class ContentDelivery(Block):
    """What stands between users and the origin."""

    _block_type_name = "Content Delivery"
    _block_type_slug = "content-delivery"
    _description = "A Cloudflare zone and/or a CloudFront distribution. The origin is switched on CloudFront."
    _documentation_url = HttpUrl("https://developers.cloudflare.com/api/")
    needs: ClassVar[str] = (
        "Cloudflare: zone read, cache purge. CloudFront: `cloudfront:GetDistribution*`, `UpdateDistribution`, "
        "`CreateInvalidation`"
    )

    answers: ClassVar[tuple[type[Probe], ...]] = (EdgeRules, HitRatio, CachePurge, DeliveryOrigin, AssetHeaders)
    effects: ClassVar[tuple[type[Effect], ...]] = (PurgeCache, SwitchOrigin)

    edge_url: str = Field(description="Where users fetch assets, e.g. https://cockpit.teei.io.")
    cloudflare: CloudflareZone | None = Field(default=None, description="The Cloudflare zone, where there is one.")
    cloudfront: CloudFrontDistribution | None = Field(default=None, description="The distribution, where there is one.")
    timeout_seconds: float = Field(default=10.0, gt=0, description="Longest wait for the edge.")

    @model_validator(mode="after")
    def _some_provider(self) -> Self:
        if self.cloudflare is None and self.cloudfront is None:
            message = "content delivery needs `cloudflare` or `cloudfront`"
            raise ValueError(message)
        return self

    def check(self) -> str:
        """Proves that the edge answers and every provider takes the credentials. Raises `SystemFaultError`."""
        with wire.client(self.edge_url, timeout_seconds=self.timeout_seconds) as client:
            wire.fetch(client, "GET", "/", system="the edge", question="whether it answers", ok=wire.ANY_ANSWER)
        providers = [one for one in (self.cloudflare, self.cloudfront) if one is not None]
        return "; ".join(["the edge answers", *(provider.check() for provider in providers)])

    def answer(self, probe: DeliveryProbe, occasion: Occasion) -> Reading:
        """Raises `SystemFaultError`."""
        match probe:
            case EdgeRules():
                return self._rules(probe, occasion)
            case HitRatio():
                ratio = self._zone.hit_ratio(probe.host, until=occasion.now, window=probe.window)
                share = None if ratio is None else 100 * ratio
                where = f"Cloudflare analytics of {probe.host}"
                return Reading(values=quantities("%", **{probe.named: share}), where=where, at=occasion.now)
            case CachePurge():
                return self._purge_age(occasion)
            case DeliveryOrigin():
                prefix = self._distribution.prefix()
                serves = prefix == prefix_of(occasion.release.version)
                where = f"origin of CloudFront {self._distribution.distribution}"
                values = quantities(origin_prefix=prefix, origin_on_release=serves)
                return Reading(values=values, where=where, at=occasion.now)
            case AssetHeaders():
                return self._headers(probe, occasion)
            case _:
                assert_never(probe)

    def observe(self, effect: DeliveryEffect, occasion: Occasion) -> Observation:
        """Raises `SystemFaultError`."""
        match effect:
            case PurgeCache():
                return self._purged(occasion)
            case SwitchOrigin():
                return self._points_at(prefix_of(effect.release), prefix_of(effect.release))
            case _:
                assert_never(effect)

    def apply(self, effect: DeliveryEffect, occasion: Occasion) -> None:
        """Raises `SystemFaultError`."""
        match effect:
            case PurgeCache():
                self._purge(occasion)
            case SwitchOrigin():
                self._distribution.set_prefix(prefix_of(effect.release))
            case _:
                assert_never(effect)

    def observe_restored(self, effect: DeliveryEffect, before: State, occasion: Occasion) -> Observation:
        """The earlier prefix is served and nothing newer is cached. Raises `SystemFaultError`."""
        match effect:
            case PurgeCache():
                return Observation(standing=Standing.HOLDS, detail="a purged cache refills by itself")
            case SwitchOrigin():
                origin = self._points_at(_prefix(before), prefix_of(effect.release))
                if origin.standing is not Standing.HOLDS:
                    return origin
                return self._purged(occasion).model_copy(update={"exposure": origin.exposure})
            case _:
                assert_never(effect)

    def restore(self, effect: DeliveryEffect, before: State, occasion: Occasion) -> None:
        """Points back first and purges then: purged the other way round, the edge would cache the new release again.

        Raises `SystemFaultError`.
        """
        match effect:
            case PurgeCache():
                return
            case SwitchOrigin():
                if self._distribution.prefix() != _prefix(before):
                    self._distribution.set_prefix(_prefix(before))
                self._purge(occasion)
            case _:
                assert_never(effect)

    @property
    def _zone(self) -> CloudflareZone:
        if self.cloudflare is None:
            raise _not_set_up("cloudflare")
        return self.cloudflare

    @property
    def _distribution(self) -> CloudFrontDistribution:
        if self.cloudfront is None:
            raise _not_set_up("cloudfront")
        return self.cloudfront

    def _rules(self, probe: EdgeRules, occasion: Occasion) -> Reading:
        rules, headers = self._zone.enabled_rules(), self._zone.origin_headers()
        lost = [rule for rule in probe.cache_rules if rule not in rules]
        unset = [header for header in probe.origin_headers if header.lower() not in headers]
        return Reading(
            values=quantities("rules", missing_cache_rules=len(lost), missing_origin_headers=len(unset)),
            where=f"Cloudflare zone {self._zone.zone}",
            at=occasion.now,
            evidence=f"missing: {', '.join(lost + unset) or 'none'}"[:256],
        )

    def _purge_age(self, occasion: Occasion) -> Reading:
        moments: list[datetime | None] = []
        if self.cloudflare is not None:
            moments.append(self.cloudflare.last_purge())
        if self.cloudfront is not None:
            moments.append(self.cloudfront.last_invalidation())
        known = [moment for moment in moments if moment is not None]
        complete = len(known) == len(moments)
        age = (occasion.now - min(known)).total_seconds() if complete else None
        return Reading(
            values=quantities("s", purge_age=age),
            where=f"{len(moments)} content delivery providers",
            at=occasion.now,
            evidence="" if complete else "a provider has never finished a purge",
        )

    def _headers(self, probe: AssetHeaders, occasion: Occasion) -> Reading:
        answers: dict[str, str] = {}
        with wire.client(self.edge_url, timeout_seconds=self.timeout_seconds) as client:
            for path in probe.paths:
                response = wire.fetch(
                    client,
                    "HEAD",
                    path,
                    system=self.edge_url,
                    question=f"the headers of {path}",
                    ok=range(100, 500),
                )
                # An edge that falls back to the start page answers 200 with a page in the place of a script.
                fallen_back = "html" in response.headers.get("content-type", "") and not _is_page(path)
                answers[path] = "a page" if fallen_back else str(response.status_code)
        refused = sorted(f"{path} {answer}" for path, answer in answers.items() if answer != "200")
        return Reading(
            values=quantities("assets", assets_refused=len(refused)),
            where=self.edge_url,
            at=occasion.now,
            evidence=f"not 200: {', '.join(refused) or 'none'}"[:256],
        )

    def _purge(self, occasion: Occasion) -> None:
        """Cloudflare first: CloudFront's record is keyed, so it stands for both once it is there."""
        if self.cloudflare is not None:
            self.cloudflare.purge()
        if self.cloudfront is not None:
            self.cloudfront.invalidate(occasion.key)

    def _purged(self, occasion: Occasion) -> Observation:
        if self.cloudfront is not None:
            done = self.cloudfront.invalidated(occasion.key)
            if done is None:
                return Observation(standing=Standing.ABSENT, detail="there is no invalidation of this action")
            standing = Standing.HOLDS if done else Standing.UNDER_WAY
            return Observation(standing=standing, detail=f"the invalidation is {'complete' if done else 'in progress'}")
        last = self._zone.last_purge()
        recent = last is not None and occasion.now - last <= _OURS
        standing = Standing.HOLDS if recent else Standing.ABSENT
        return Observation(standing=standing, detail=f"the zone was last purged at {last or 'no known moment'}")

    def _points_at(self, wanted: str, release: str) -> Observation:
        prefix = self._distribution.prefix()
        if prefix != wanted:
            standing = Standing.ABSENT
        else:
            standing = Standing.HOLDS if self._distribution.deployed() else Standing.UNDER_WAY
        # While the edges take the change up, some users get one and some the other, and nobody can say how many.
        exposure = None if standing is Standing.UNDER_WAY else 100.0 if prefix == release else 0.0
        detail = f"the edge fetches from /{prefix}"
        return Observation(standing=standing, state={"prefix": prefix}, detail=detail, exposure=exposure)


def _prefix(before: State) -> str:
    prefix = before.get("prefix")
    if not isinstance(prefix, str):
        raise PermanentFaultError(
            system="content delivery",
            question="the switch back to the origin before",
            answer="no prefix was recorded before the switch",
            next_step="switch the origin by hand",
        )
    return prefix


def _not_set_up(provider: str) -> PermanentFaultError:
    return PermanentFaultError(
        system="content delivery",
        question="this question",
        answer=f"{provider} is not set up",
        next_step=f"fill in `{provider}` of the block",
    )

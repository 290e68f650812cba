"""Cloudflare and CloudFront behind one block, and the bucket that they serve."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from blocks.data.content_delivery import ContentDelivery
from launch.effects.data import PurgeCache, SwitchOrigin, SyncAssets
from launch.errors import PermanentFaultError, TransientFaultError
from launch.ports import Standing
from launch.probes.stores import AssetHeaders, CachePurge, DeliveryOrigin, EdgeRules, HitRatio, PublishedAssets

pytestmark = pytest.mark.integration
CDN, ASSETS = "content-delivery/sandbox-cdn", "static-assets/sandbox-static-assets"
PURGE = PurgeCache(do="purge-cache", on="cdn")
SWITCH = SwitchOrigin(do="switch-origin", on="cdn", release="v2.5.0")
SYNC = SyncAssets(do="sync-assets", on="static-assets", release="2.5.0")
RULES = EdgeRules(
    ask="edge-rules", of="cdn", cache_rules=("Never cache the API", "Another"), origin_headers=("x-origin-verify",)
)
AGE = CachePurge(ask="cache-purge", of="cdn")
HEADERS = AssetHeaders(ask="asset-headers", of="cdn", paths=("/index.html", "/assets/app.js"))


def ratio(window=timedelta(days=1)):
    return HitRatio(ask="hit-ratio", of="cdn", host="staging.teei.io", named="ratio", window=window)


@pytest.fixture
def cdn(rehearsal):
    return rehearsal.block(CDN)


def test_missing_rules_are_counted_and_header_names_have_no_case(cdn, rehearsal, values):
    assert values(cdn.answer(RULES, rehearsal.occasion())) == {"missing_cache_rules": 1, "missing_origin_headers": 0}


def test_the_hit_ratio_is_hits_of_all_requests(cdn, rehearsal, values):
    assert values(cdn.answer(ratio(), rehearsal.occasion())) == {"ratio": 86}


def test_a_purge_reaches_every_provider_once(cdn, rehearsal, values):
    occasion = rehearsal.occasion(key="purge-1")
    assert cdn.observe(PURGE, occasion).standing is Standing.ABSENT
    cdn.apply(PURGE, occasion)
    assert cdn.observe(PURGE, occasion).standing is Standing.UNDER_WAY
    assert rehearsal.settle(cdn, PURGE, occasion).standing is Standing.HOLDS
    assert values(cdn.answer(AGE, rehearsal.occasion()))["purge_age"] < 120
    assert cdn.observe(PURGE, rehearsal.occasion(key="purge-2")).standing is Standing.ABSENT


def test_a_purge_that_cloudflare_never_did_leaves_the_age_of_the_one_before(cdn, rehearsal, turned, values):
    turned.set("cdn.purge-recorded", False)
    rehearsal.move(timedelta(minutes=30))
    occasion = rehearsal.occasion(key="purge-3")
    cdn.apply(PURGE, occasion)
    rehearsal.settle(cdn, PURGE, occasion)
    assert values(cdn.answer(AGE, rehearsal.occasion()))["purge_age"] > 1800


def test_a_zone_alone_is_purged_too(rehearsal):
    zone = rehearsal.block(CDN, cloudfront=None)
    rehearsal.move(timedelta(minutes=30))
    assert zone.observe(PURGE, rehearsal.occasion()).standing is Standing.ABSENT
    zone.apply(PURGE, rehearsal.occasion())
    assert zone.observe(PURGE, rehearsal.occasion()).standing is Standing.HOLDS
    with pytest.raises(PermanentFaultError, match="cloudfront is not set up"):
        zone.observe(SWITCH, rehearsal.occasion())


def test_assets_are_published_switched_to_and_switched_back(cdn, rehearsal, values):
    assets, occasion = rehearsal.block(ASSETS), rehearsal.occasion(key="switch-1")
    published, origin = (
        PublishedAssets(ask="published-assets", of="assets"),
        DeliveryOrigin(ask="delivery-origin", of="cdn"),
    )
    assert values(assets.answer(published, occasion))["missing_assets"] == 3
    assets.apply(SYNC, occasion)
    assert assets.observe(SYNC, occasion).standing is Standing.HOLDS
    assert values(assets.answer(published, occasion)) == {"missing_assets": 0, "stale_assets": 0}
    before = cdn.observe(SWITCH, occasion).state
    assert before == {"prefix": "v2.4.9"}
    cdn.apply(SWITCH, occasion)
    assert rehearsal.settle(cdn, SWITCH, occasion).standing is Standing.HOLDS
    assert values(cdn.answer(origin, occasion)) == {"origin_prefix": "v2.5.0", "origin_on_release": True}
    assert values(cdn.answer(HEADERS, occasion)) == {"assets_refused": 0}
    back = rehearsal.occasion(key="switch-back")
    assert cdn.observe_restored(SWITCH, before, back).standing is Standing.ABSENT
    cdn.restore(SWITCH, before, back)
    assert cdn.observe_restored(SWITCH, before, back).standing is Standing.UNDER_WAY
    rehearsal.move(timedelta(minutes=1))
    assert cdn.observe_restored(SWITCH, before, back).standing is Standing.HOLDS
    assert values(cdn.answer(origin, back))["origin_prefix"] == "v2.4.9"


def test_pages_are_uploaded_with_their_type_and_asked_for_again(rehearsal):
    import httpx

    edge = str(rehearsal.fields[CDN]["edge_url"])
    answer = httpx.get(f"{edge}/index.html")
    assert answer.headers["content-type"].startswith("text/html")


def test_a_build_that_is_not_there_is_a_fault(rehearsal):
    assets = rehearsal.block(ASSETS)
    with pytest.raises(PermanentFaultError, match="no files"):
        assets.observe(SYNC.model_copy(update={"release": "9.9.9"}), rehearsal.occasion())


def test_pointing_back_needs_a_recorded_prefix(cdn, rehearsal):
    with pytest.raises(PermanentFaultError, match="no prefix was recorded"):
        cdn.restore(SWITCH, {}, rehearsal.occasion())


def test_a_refused_token_is_permanent(rehearsal):
    cloudflare = rehearsal.fields[CDN]["cloudflare"]
    with pytest.raises(PermanentFaultError, match="401"):
        rehearsal.block(CDN, cloudflare=cloudflare | {"token": "wrong"}).check()


@pytest.mark.parametrize("mode", ["500", "hang"])
def test_cloudflare_out_of_order_is_transient(rehearsal, turned, mode):
    turned.set("vendor.cdn", mode)
    cloudflare = rehearsal.fields[CDN]["cloudflare"] | {"timeout_seconds": 0.5}
    with pytest.raises(TransientFaultError):
        rehearsal.block(CDN, cloudflare=cloudflare).answer(ratio(), rehearsal.occasion())


def test_no_provider_at_all_is_no_block():
    with pytest.raises(ValidationError, match="needs `cloudflare` or `cloudfront`"):
        ContentDelivery(edge_url="https://cockpit.teei.io")

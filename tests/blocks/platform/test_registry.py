"""The registry block against the sandbox's registry, and against bodies that registries should not send."""

from __future__ import annotations

import pytest
from pydantic import SecretStr
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from blocks.platform.registry import ImageRegistry
from launch.errors import PermanentFaultError, TransientFaultError
from launch.probes.platform import PreviousImages, PublishedImages
from launch.release import Release
from sandbox.parts.registry import RegistryPart
from sandbox.server import serve

METRICS = {"reporting_api": "reporting-api", "export_service": "export-service"}
PUBLISHED = PublishedImages(ask="published-images", of="registry", metrics_of=METRICS)
PREVIOUS = PreviousImages(ask="previous-images", of="registry", services=("reporting-api", "export-service"))


@pytest.fixture
def block(rehearsal):
    part = RegistryPart()
    part.define(rehearsal.world)
    with serve(rehearsal.world, [part]) as server:
        yield ImageRegistry(**part.blocks(server.base_url(part))["image-registry/sandbox-registry"])


def values(block, probe, occasion):
    return {name: quantity.value for name, quantity in block.answer(probe, occasion).values.items()}


def test_published_tags_of_the_release_answer_with_their_version(block, rehearsal):
    assert block.check() == "registry 127.0.0.1 answers"
    assert values(block, PUBLISHED, rehearsal.occasion) == {"reporting_api": "v2.5.0", "export_service": "v2.1.0"}
    assert PUBLISHED.metrics() == frozenset(METRICS)


def test_a_tag_that_is_not_there_is_unpublished(block, rehearsal):
    rehearsal.world.set("registry.tags.export-service", ["v2.0.4"])
    assert values(block, PUBLISHED, rehearsal.occasion)["export_service"] == "unpublished"


def test_an_image_that_says_it_is_another_version_is_believed(block, rehearsal):
    rehearsal.world.set("registry.label.export-service", "v2.0.9")
    assert values(block, PUBLISHED, rehearsal.occasion)["export_service"] == "v2.0.9"


def test_a_service_that_the_release_does_not_name_yields_nothing(block, rehearsal):
    bare = rehearsal.occasion.model_copy(update={"release": Release(version="v2.5.0")})
    assert values(block, PUBLISHED, bare) == {}
    assert values(block, PREVIOUS, bare) == {"previous_images": 0}


@pytest.mark.parametrize(
    ("tags", "count"), [(["v2.0.4", "v2.1.0"], 2), (["v2.1.0", "v2.2.0", "latest"], 1), ([], 1), (["v2.1.0"], 1)]
)
def test_only_an_older_version_is_something_to_go_back_to(block, rehearsal, tags, count):
    rehearsal.world.set("registry.tags.export-service", tags)
    assert values(block, PREVIOUS, rehearsal.occasion) == {"previous_images": count}


def test_a_refused_password_is_permanent_and_not_quoted(block, rehearsal):
    stranger = block.model_copy(update={"password": SecretStr("guessed-password")})
    with pytest.raises(PermanentFaultError, match="renew the credentials") as refused:
        stranger.answer(PUBLISHED, rehearsal.occasion)
    assert "guessed-password" not in str(refused.value)


@pytest.mark.parametrize("mode", ["500", "429", "refuse"])
def test_a_registry_out_of_order_is_worth_another_try(block, rehearsal, mode):
    rehearsal.world.set("vendor.registry", mode)
    with pytest.raises(TransientFaultError):
        block.answer(PUBLISHED, rehearsal.occasion)


def test_a_registry_that_hangs_is_a_time_out(block, rehearsal):
    rehearsal.world.set("vendor.registry", "hang")
    with pytest.raises(TransientFaultError, match="no answer in time"):
        block.model_copy(update={"timeout_seconds": 0.2}).answer(PUBLISHED, rehearsal.occasion)


class OtherRegistry:
    """Serves one answer for everything."""

    name = "registry"

    def __init__(self, response):
        self.response = response

    def routes(self):
        return [Route("/{path:path}", lambda request: self.response)]


@pytest.mark.parametrize("probe", [PUBLISHED, PREVIOUS])
@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"annotations": 3, "tags": 3}'])
def test_a_malformed_body_is_a_fault_and_never_a_version(rehearsal, probe, body):
    other = OtherRegistry(Response(body))
    with serve(rehearsal.world, [other]) as server:
        block = ImageRegistry(url=server.base_url(other), prefix="teei")
        with pytest.raises(PermanentFaultError, match="not what a registry serves"):
            block.answer(probe, rehearsal.occasion)


@pytest.mark.parametrize("headers", [{}, {"Docker-Content-Digest": "sha256:00"}])
def test_an_image_that_no_digest_pins_yields_nothing(rehearsal, headers):
    other = OtherRegistry(JSONResponse({"schemaVersion": 2}, headers=headers))
    with serve(rehearsal.world, [other]) as server:
        block = ImageRegistry(url=server.base_url(other), prefix="teei")
        answer = block.answer(PUBLISHED, rehearsal.occasion)
    assert answer.values == {}
    assert "has no digest to pin it by" in answer.evidence

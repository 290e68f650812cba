"""What moto leaves out of CloudFront: a stale ETag, an invalidation under way, a list of several pages; on the wire.

As https://docs.aws.amazon.com/cloudfront/latest/APIReference/ words it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from blocks.data.cloudfront import CloudFrontDistribution
from launch.errors import TransientFaultError
from tests.fakes.scripted_server import Asked, Reply, ScriptedServer, scripted

NAMES = 'xmlns="http://cloudfront.amazonaws.com/doc/2020-05-31/"'
ROOT = "/2020-05-31/distribution/D"
CONFIG = (
    f"<DistributionConfig {NAMES}><CallerReference>r</CallerReference><Comment/><Enabled>true</Enabled><Origins>"
    "<Quantity>1</Quantity><Items><Origin><Id>o</Id><DomainName>b.example</DomainName><OriginPath>/v1</OriginPath>"
    "</Origin></Items></Origins><DefaultCacheBehavior><TargetOriginId>o</TargetOriginId>"
    "<ViewerProtocolPolicy>https-only</ViewerProtocolPolicy></DefaultCacheBehavior></DistributionConfig>"
)
STALE = (
    f"<ErrorResponse {NAMES}><Error><Type>Sender</Type><Code>PreconditionFailed</Code>"
    "<Message>The request failed because it did not meet the preconditions</Message></Error>"
    "<RequestId>1</RequestId></ErrorResponse>"
)


@pytest.fixture(scope="module")
def server() -> Iterator[ScriptedServer]:
    with scripted() as server:
        yield server


@pytest.fixture
def distribution(server: ScriptedServer) -> CloudFrontDistribution:
    return CloudFrontDistribution.model_validate(
        {
            "access_key_id": "key",
            "secret_access_key": "word",
            "endpoint_url": server.url,
            "distribution": "D",
        }
    )


def xml(body: str, status: int = 200, **headers: str) -> Reply:
    return Reply(status, body.encode(), {"Content-Type": "text/xml", "x-amzn-RequestId": "1", **headers})


def invalidation(number: int, status: str) -> Reply:
    return xml(
        f"<Invalidation {NAMES}><Id>I{number}</Id><Status>{status}</Status><CreateTime>2025-11-17T07:00:00Z</CreateTime>"
        "<InvalidationBatch><Paths><Quantity>1</Quantity><Items><Path>/*</Path></Items></Paths>"
        f"<CallerReference>reference-{number}</CallerReference></InvalidationBatch></Invalidation>"
    )


def page(*numbers: int, marker: str = "") -> Reply:
    items = "".join(
        f"<InvalidationSummary><Id>I{number}</Id><CreateTime>2025-11-17T07:00:00Z</CreateTime>"
        "<Status>Completed</Status></InvalidationSummary>"
        for number in numbers
    )
    more = f"<IsTruncated>true</IsTruncated><NextMarker>{marker}</NextMarker>" if marker else ""
    return xml(
        f"<InvalidationList {NAMES}><Marker/><MaxItems>2</MaxItems>{more or '<IsTruncated>false</IsTruncated>'}"
        f"<Quantity>{len(numbers)}</Quantity><Items>{items}</Items></InvalidationList>"
    )


def listed(status: Callable[[int], str]) -> Callable[[Asked], Reply]:
    """Three invalidations on two pages."""

    def script(asked: Asked) -> Reply:
        path, _, query = asked.path.partition("?")
        if path != f"{ROOT}/invalidation":
            number = int(path[-1])
            return invalidation(number, status(number))
        return page(1) if "Marker=next" in query else page(3, 2, marker="next")

    return script


def test_a_switch_over_somebody_elses_change_is_not_made(server, distribution) -> None:
    def script(asked: Asked) -> Reply:
        return xml(STALE, 412) if asked.method == "PUT" else xml(CONFIG, ETag="E1")

    with server.playing(script):
        with pytest.raises(TransientFaultError, match=r"PreconditionFailed \(HTTP 412\), a conflict: somebody else"):
            distribution.set_prefix("v2")
        (put,) = [asked for asked in server.seen if asked.method == "PUT"]
    assert put.headers["If-Match"] == "E1"


def test_tried_again_it_is_made_over_what_is_there_then(server, distribution) -> None:
    tags = iter(["E1", "E2"])

    def script(asked: Asked) -> Reply:
        if asked.method == "PUT":
            taken = asked.headers["If-Match"] == "E2"
            answer = f"<Distribution {NAMES}><Id>D</Id></Distribution>"
            return xml(answer, ETag="E3") if taken else xml(STALE, 412)
        return xml(CONFIG, ETag=next(tags))

    with server.playing(script):
        with pytest.raises(TransientFaultError):
            distribution.set_prefix("v2")
        distribution.set_prefix("v2")


@pytest.mark.parametrize(("status", "done"), [("InProgress", False), ("Completed", True)])
def test_an_invalidation_is_done_when_it_is_complete(server, distribution, status, done) -> None:
    with server.playing(listed(lambda _: status)):
        assert distribution.invalidated("reference-3") is done


def test_an_invalidation_on_a_later_page_is_found(server, distribution) -> None:
    with server.playing(listed(lambda number: "InProgress" if number == 1 else "Completed")):
        assert distribution.invalidated("reference-1") is False
        assert distribution.invalidated("reference-2") is True


def test_one_that_was_never_made_is_looked_for_on_every_page(server, distribution) -> None:
    with server.playing(listed(lambda _: "Completed")):
        assert distribution.invalidated("reference-9") is None
        pages = [asked for asked in server.seen if asked.path.startswith(f"{ROOT}/invalidation?")]
    assert any("Marker=next" in asked.path for asked in pages)

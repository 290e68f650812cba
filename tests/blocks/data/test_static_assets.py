"""A build under its prefix, on moto: in parts, going on where it ended, pages last, and what is deleted."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import boto3
import pytest

from blocks.data.asset_upload import PART_BYTES, TAG, AssetUpload, files_of
from blocks.data.aws_access import _session
from launch.effects.data import SyncAssets
from launch.errors import PermanentFaultError
from launch.ports import Standing
from tests.fakes.scripted_server import Asked, Reply, scripted

pytestmark = pytest.mark.integration
ASSETS, BUCKET = "static-assets/sandbox-static-assets", "teei-static"
LARGE, PARTS = "assets/map.bin", 3


@pytest.fixture
def version(request: pytest.FixtureRequest) -> str:
    """A prefix of this test's own."""
    return f"v9.0.0-{request.node.name.replace('_', '-')}"


@pytest.fixture
def build(tmp_path: Path, version: str) -> Path:
    """Twenty files, one of them in three parts, and a page."""
    folder = tmp_path / version
    (folder / "assets").mkdir(parents=True)
    for number in range(18):
        (folder / f"assets/chunk-{number:02}.js").write_text(f"chunk({number})")
    (folder / LARGE).write_bytes(bytes(range(256)) * (2 * PART_BYTES // 256) + b"the rest")
    (folder / "index.html").write_text("<script src=assets/chunk-00.js></script>")
    return folder


@pytest.fixture
def assets(rehearsal: Any, build: Path) -> Any:
    return rehearsal.block(ASSETS, builds_folder=str(build.parent))


@pytest.fixture
def s3(rehearsal: Any) -> Any:
    fields = rehearsal.fields[ASSETS]
    return boto3.client(
        "s3",
        endpoint_url=fields["endpoint_url"],
        region_name=fields["region"],
        aws_access_key_id="sandbox",
        aws_secret_access_key="sandbox",
    )


@pytest.fixture
def sent() -> Iterator[list[tuple[str, str]]]:
    """The requests that blocks make from here on: the operation, and the key it is about."""
    seen: list[tuple[str, str]] = []

    def note(params: dict[str, Any], model: Any, **_: object) -> None:
        seen.append((model.name, params["url_path"].partition("/v9.0.0")[2].partition("/")[2].partition("?")[0]))

    _session().events.register("before-call.s3", note)
    yield seen
    _session().events.unregister("before-call.s3", note)


def sync(version: str, *, delete: bool = False) -> SyncAssets:
    return SyncAssets(do="sync-assets", on="assets", release=version, delete=delete)


def keys(s3: Any, version: str) -> set[str]:
    found = s3.list_objects_v2(Bucket=BUCKET, Prefix=f"{version}/").get("Contents", ())
    return {one["Key"].removeprefix(f"{version}/") for one in found}


def test_a_build_is_there_with_types_and_headers_and_a_large_file_went_in_parts(
    assets, rehearsal, s3, build, version
) -> None:
    assets.apply(sync(version), rehearsal.occasion())
    seen = assets.observe(sync(version), rehearsal.occasion())
    assert (seen.standing, seen.detail) == (Standing.HOLDS, f"20 of 20 files are under {version}/")
    large = s3.get_object(Bucket=BUCKET, Key=f"{version}/{LARGE}")
    assert large["ETag"].strip('"').endswith(f"-{PARTS}")
    assert large["Body"].read() == (build / LARGE).read_bytes()
    script = s3.head_object(Bucket=BUCKET, Key=f"{version}/assets/chunk-00.js")
    assert (script["ContentType"].partition(";")[0], script["CacheControl"]) in {
        (kind, "public, max-age=31536000, immutable") for kind in ("text/javascript", "application/javascript")
    }
    page = s3.head_object(Bucket=BUCKET, Key=f"{version}/index.html")
    assert (page["ContentType"], page["CacheControl"]) == ("text/html", "no-cache")


def test_what_is_there_is_not_sent_again(assets, rehearsal, version, build, sent) -> None:
    assets.apply(sync(version), rehearsal.occasion())
    (build / "assets/chunk-03.js").write_text("chunk('three')")
    sent.clear()
    assert assets.observe(sync(version), rehearsal.occasion()).progress == 19 / 20
    assets.apply(sync(version), rehearsal.occasion())
    assert [key for operation, key in sent if operation == "PutObject"] == ["assets/chunk-03.js"]
    assert "UploadPart" not in {operation for operation, _ in sent}


def test_an_upload_that_was_cut_off_goes_on_at_the_part_where_it_ended(assets, rehearsal, s3, build, sent) -> None:
    version = build.name
    key = f"{version}/{LARGE}"
    begun = s3.create_multipart_upload(Bucket=BUCKET, Key=key, Metadata={TAG: files_of(build)[LARGE].tag})["UploadId"]
    first = (build / LARGE).read_bytes()[:PART_BYTES]
    s3.upload_part(Bucket=BUCKET, Key=key, UploadId=begun, PartNumber=1, Body=first)
    assets.apply(sync(version), rehearsal.occasion())
    operations = [operation for operation, key in sent if key == LARGE]
    assert operations.count("UploadPart") == PARTS - 1
    assert "CreateMultipartUpload" not in operations
    assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == (build / LARGE).read_bytes()
    assert "Uploads" not in s3.list_multipart_uploads(Bucket=BUCKET, Prefix=key)


def test_a_part_of_other_content_is_sent_again(assets, rehearsal, s3, build, version) -> None:
    key = f"{version}/{LARGE}"
    begun = s3.create_multipart_upload(Bucket=BUCKET, Key=key)["UploadId"]
    s3.upload_part(Bucket=BUCKET, Key=key, UploadId=begun, PartNumber=1, Body=b"x" * PART_BYTES)
    assets.apply(sync(version), rehearsal.occasion())
    assert s3.get_object(Bucket=BUCKET, Key=key)["Body"].read() == (build / LARGE).read_bytes()


def test_pages_are_sent_last(assets, rehearsal, version, sent) -> None:
    assets.apply(sync(version), rehearsal.occasion())
    written = [key for operation, key in sent if operation in {"PutObject", "CompleteMultipartUpload"}]
    assert written[-1] == "index.html"
    assert len(written) == 20


def test_others_stay_unless_the_plan_says_delete_and_go_only_from_the_prefix(
    assets, rehearsal, s3, version, sent
) -> None:
    for key in (f"{version}/old.js", f"{version}-more/old.js"):
        s3.put_object(Bucket=BUCKET, Key=key, Body=b"old")
    assets.apply(sync(version), rehearsal.occasion())
    assert "old.js" in keys(s3, version)
    assert assets.observe(sync(version), rehearsal.occasion()).standing is Standing.HOLDS
    seen = assets.observe(sync(version, delete=True), rehearsal.occasion())
    assert (seen.standing, seen.detail) == (Standing.ABSENT, f"20 of 20 files are under {version}/, and 1 others")
    assets.apply(sync(version, delete=True), rehearsal.occasion())
    assert assets.observe(sync(version, delete=True), rehearsal.occasion()).standing is Standing.HOLDS
    assert "old.js" not in keys(s3, version)
    assert keys(s3, f"{version}-more") == {"old.js"}
    changes = [operation for operation, _ in sent if operation not in {"ListObjectsV2", "HeadObject"}]
    assert changes[-1] == "DeleteObjects"


def test_an_object_whose_entity_tag_is_no_digest_is_known_by_its_metadata(
    assets, rehearsal, s3, build, version
) -> None:
    """As with encryption by a KMS key; here because it was sent in other parts."""
    assets.apply(sync(version), rehearsal.occasion())
    small = files_of(build)["assets/chunk-00.js"]
    key, body = f"{version}/{small.name}", small.path.read_bytes()

    def in_one_part(**more: Any) -> None:
        upload = s3.create_multipart_upload(Bucket=BUCKET, Key=key, **more)["UploadId"]
        tag = s3.upload_part(Bucket=BUCKET, Key=key, UploadId=upload, PartNumber=1, Body=body)["ETag"]
        part = {"Parts": [{"PartNumber": 1, "ETag": tag}]}
        s3.complete_multipart_upload(Bucket=BUCKET, Key=key, UploadId=upload, MultipartUpload=part)

    in_one_part(Metadata={TAG: small.tag})
    assert assets.observe(sync(version), rehearsal.occasion()).standing is Standing.HOLDS
    in_one_part()
    assert assets.observe(sync(version), rehearsal.occasion()).standing is Standing.ABSENT


def test_progress_is_told_in_tenths_of_the_bytes(assets, rehearsal, version, caplog) -> None:
    logging.getLogger("prefect").propagate = True
    with caplog.at_level(logging.INFO, logger="prefect.tminus.assets"):
        assets.apply(sync(version), rehearsal.occasion())
    told = [record.getMessage() for record in caplog.records if record.name == "prefect.tminus.assets"]
    assert told[-1].endswith("17 of 17 MB sent")


def test_a_refused_deletion_names_the_right_that_is_missing() -> None:
    """S3 answers 200 and lists what it did not delete.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html
    """
    refused = b"<DeleteResult><Error><Key>v1/old.js</Key><Code>AccessDenied</Code><Message>no</Message></Error></DeleteResult>"

    def script(_asked: Asked) -> Reply:
        return Reply(200, refused, {"x-amz-request-id": "1"})

    with scripted() as server, server.playing(script):
        client = boto3.client(
            "s3", endpoint_url=server.url, region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b"
        )
        with (
            closing(client),
            pytest.raises(PermanentFaultError, match=r"AccessDenied.*v1/old\.js; grant s3:DeleteObject"),
        ):
            AssetUpload(client, "bucket", "v1").delete(["old.js"])

"""The front-end build of a release in its versioned prefix of an S3 bucket."""

from __future__ import annotations

import hashlib
import mimetypes
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl

from blocks.data.aws_access import AwsAccess, asking
from launch.effects.base import Effect
from launch.effects.data import SyncAssets
from launch.errors import PermanentFaultError
from launch.ports import Observation, Occasion, Standing, State
from launch.probes.base import Probe
from launch.probes.stores import PublishedAssets
from launch.readings import Reading, quantities

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

# A file's name does not change with its content here, but its prefix does, so it may be kept for good;
# a page is the entry to the prefix and must be asked for again.
_FOREVER, _ASK_AGAIN = "public, max-age=31536000, immutable", "no-cache"


class StaticAssets(AwsAccess, Block):
    """Publishes builds: `<builds_folder>/v2.5.0/` goes to `s3://<bucket>/v2.5.0/`."""

    _block_type_name = "Static Assets"
    _block_type_slug = "static-assets"
    _description = "Versioned prefixes of front-end builds in Amazon S3."
    _documentation_url = HttpUrl("https://docs.aws.amazon.com/AmazonS3/latest/API/")
    needs: ClassVar[str] = "`s3:PutObject`, `s3:ListBucket` on one bucket; no delete"

    answers: ClassVar[tuple[type[Probe], ...]] = (PublishedAssets,)
    effects: ClassVar[tuple[type[Effect], ...]] = (SyncAssets,)

    bucket: str = Field(description="Bucket that the edge fetches from.")
    builds_folder: Path = Field(description="Folder with one build per version, each in a folder of that name.")

    def check(self) -> str:
        """Proves that the folder of builds is there and that the key may list the bucket. Raises `SystemFaultError`."""
        if not self.builds_folder.is_dir():
            raise PermanentFaultError(
                system="the builds",
                question="whether their folder is there",
                answer="no such folder",
                next_step="check `builds_folder` in the assets block",
            )
        with asking("S3", f"list bucket {self.bucket}"):
            self._s3.list_objects_v2(Bucket=self.bucket, MaxKeys=1)
        return f"bucket {self.bucket} can be listed"

    def answer(self, probe: PublishedAssets, occasion: Occasion) -> Reading:  # noqa: ARG002  it has no arguments
        """Raises `SystemFaultError`."""
        prefix = prefix_of(occasion.release.version)
        build, published = self._build(prefix), self._published(prefix)
        lost = sorted(build.keys() - published.keys())
        stale = sorted(name for name in build.keys() & published.keys() if build[name] != published[name])
        return Reading(
            values=quantities("files", missing_assets=len(lost), stale_assets=len(stale)),
            where=f"s3://{self.bucket}/{prefix}/",
            at=occasion.now,
            evidence=f"{len(build)} files in the build; not there: {', '.join(lost + stale) or 'none'}"[:256],
        )

    def observe(self, effect: SyncAssets, occasion: Occasion) -> Observation:  # noqa: ARG002  nothing here ages
        """Raises `SystemFaultError`."""
        prefix = prefix_of(effect.release)
        build, published = self._build(prefix), self._published(prefix)
        there = sum(published.get(name) == tag for name, tag in build.items())
        return Observation(
            standing=Standing.HOLDS if there == len(build) else Standing.ABSENT,
            state={"prefix": prefix, "existed": bool(published)},
            detail=f"{there} of {len(build)} files are under {prefix}/",
            progress=there / len(build),
        )

    def apply(self, effect: SyncAssets, occasion: Occasion) -> None:  # noqa: ARG002  repeating it changes nothing
        """Uploads what differs, pages last: no page names an asset that is not there yet. Raises `SystemFaultError`."""
        prefix = prefix_of(effect.release)
        build, published = self._build(prefix), self._published(prefix)
        different = [name for name, tag in build.items() if published.get(name) != tag]
        for name in sorted(different, key=_is_page):
            kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
            with asking("S3", f"put s3://{self.bucket}/{prefix}/{name}"):
                self._s3.put_object(
                    Bucket=self.bucket,
                    Key=f"{prefix}/{name}",
                    Body=(self.builds_folder / prefix / name).read_bytes(),
                    ContentType=kind,
                    CacheControl=_ASK_AGAIN if _is_page(name) else _FOREVER,
                )

    def observe_restored(self, effect: SyncAssets, before: State, occasion: Occasion) -> Observation:  # noqa: ARG002
        """A published prefix that nothing points at does no harm: it stays, for the next try."""
        return Observation(
            standing=Standing.HOLDS, detail=f"{prefix_of(effect.release)}/ stays; nothing is served from it"
        )

    def restore(self, effect: SyncAssets, before: State, occasion: Occasion) -> None:
        """There is nothing to put back: the earlier prefixes were never touched."""

    @property
    def _s3(self) -> S3Client:
        client: S3Client = self.client("s3")
        return client

    def _build(self, prefix: str) -> dict[str, str]:
        """Each file of the build with the entity tag that S3 gives a single upload."""
        folder = self.builds_folder / prefix
        files = sorted(path for path in folder.rglob("*") if path.is_file())
        if not files:
            raise PermanentFaultError(
                system="static assets",
                question=f"read the build of {prefix}",
                answer="no files",
                next_step=f"put the build into {prefix} of the block's builds folder",
            )
        return {
            path.relative_to(folder).as_posix(): hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()
            for path in files
        }

    def _published(self, prefix: str) -> dict[str, str]:
        with asking("S3", f"list s3://{self.bucket}/{prefix}/"):
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=f"{prefix}/")
            return {
                found["Key"].removeprefix(f"{prefix}/"): found["ETag"].strip('"')
                for page in pages
                for found in page.get("Contents", ())
            }


def prefix_of(version: str) -> str:
    """`2.5.0` and `v2.5.0` both live under `v2.5.0`."""
    return f"v{version.removeprefix('v')}"


def _is_page(name: str) -> bool:
    return name.endswith(".html")

"""The front-end build of a release in its versioned prefix of an S3 bucket."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import ClassVar

from prefect.blocks.core import Block
from prefect.exceptions import MissingContextError
from prefect.logging import get_logger, get_run_logger
from pydantic import Field, HttpUrl

from blocks.data.asset_upload import AssetUpload, LocalFile, Sent, files_of
from blocks.data.aws_access import AwsAccess, asking
from launch.effects.base import Effect
from launch.effects.data import SyncAssets
from launch.errors import PermanentFaultError
from launch.ports import Observation, Occasion, Standing, State
from launch.probes.base import Probe
from launch.probes.stores import PublishedAssets
from launch.readings import Reading, quantities


class StaticAssets(AwsAccess, Block):
    """Publishes builds: `<builds_folder>/v2.5.0/` goes to `s3://<bucket>/v2.5.0/`."""

    _block_type_name = "Static Assets"
    _block_type_slug = "static-assets"
    _description = "Versioned prefixes of front-end builds in Amazon S3."
    _documentation_url = HttpUrl("https://docs.aws.amazon.com/AmazonS3/latest/API/")
    needs: ClassVar[str] = (
        "`s3:PutObject`, `s3:GetObject`, `s3:ListBucket`, `s3:ListBucketMultipartUploads`, "
        "`s3:ListMultipartUploadParts` on one bucket; `s3:DeleteObject` only where a plan says `delete`"
    )

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
            self.client("s3").list_objects_v2(Bucket=self.bucket, MaxKeys=1)
        return f"bucket {self.bucket} can be listed"

    def answer(self, probe: PublishedAssets, occasion: Occasion) -> Reading:  # noqa: ARG002  it has no arguments
        """Raises `SystemFaultError`."""
        prefix = prefix_of(occasion.release.version)
        build = self._build(prefix)
        with self._upload(prefix) as upload:
            published = upload.stored()
            different = {file.name for file in upload.different(build, published)}
        lost, stale = sorted(different - published.keys()), sorted(different & published.keys())
        return Reading(
            values=quantities("files", missing_assets=len(lost), stale_assets=len(stale)),
            where=f"s3://{self.bucket}/{prefix}/",
            at=occasion.now,
            evidence=f"{len(build)} files in the build; not there: {', '.join(lost + stale) or 'none'}"[:256],
        )

    def observe(self, effect: SyncAssets, occasion: Occasion) -> Observation:  # noqa: ARG002  nothing here ages
        """Raises `SystemFaultError`."""
        prefix = prefix_of(effect.release)
        build = self._build(prefix)
        with self._upload(prefix) as upload:
            published = upload.stored()
            there = len(build) - len(upload.different(build, published))
        others = len(published.keys() - build.keys()) if effect.delete else 0
        return Observation(
            standing=Standing.HOLDS if there == len(build) and not others else Standing.ABSENT,
            state={"prefix": prefix, "existed": bool(published)},
            detail=f"{there} of {len(build)} files are under {prefix}/" + (f", and {others} others" if others else ""),
            progress=there / len(build),
        )

    def apply(self, effect: SyncAssets, occasion: Occasion) -> None:  # noqa: ARG002  repeating it changes nothing
        """Sends what differs, pages last; goes on with what an earlier try began. Raises `SystemFaultError`.

        With `delete`, what the build does not have is taken away from the prefix, after everything else is there.
        """
        prefix = prefix_of(effect.release)
        build = self._build(prefix)
        with self._upload(prefix) as upload:
            published = upload.stored()
            upload.send(upload.different(build, published), _tell)
            if effect.delete:
                upload.delete(sorted(published.keys() - build.keys()))

    def observe_restored(self, effect: SyncAssets, before: State, occasion: Occasion) -> Observation:  # noqa: ARG002
        """A published prefix that nothing points at does no harm: it stays, for the next try."""
        return Observation(
            standing=Standing.HOLDS, detail=f"{prefix_of(effect.release)}/ stays; nothing is served from it"
        )

    def restore(self, effect: SyncAssets, before: State, occasion: Occasion) -> None:
        """There is nothing to put back: the earlier prefixes were never touched."""

    @contextmanager
    def _upload(self, prefix: str) -> Iterator[AssetUpload]:
        """Its ten connections are closed when it is over."""
        with closing(self.client("s3")) as s3:
            yield AssetUpload(s3, self.bucket, prefix)

    def _build(self, prefix: str) -> dict[str, LocalFile]:
        files = files_of(self.builds_folder / prefix)
        if not files:
            raise PermanentFaultError(
                system="static assets",
                question=f"read the build of {prefix}",
                answer="no files",
                next_step=f"put the build into {prefix} of the block's builds folder",
            )
        return files


def prefix_of(version: str) -> str:
    """`2.5.0` and `v2.5.0` both live under `v2.5.0`."""
    return f"v{version.removeprefix('v')}"


def _tell(sent: Sent) -> None:
    """To the log of the task run, where the captain looks for progress."""
    try:
        get_run_logger().info("%s sent", sent)
    except MissingContextError:
        get_logger("tminus.assets").info("%s sent", sent)

"""Publishing a build of 2,000 files (200 MB) to S3, against `aws s3 sync` of the same build. Target: at most 1.2 times.

    uv run python benchmarks/assets.py [ROUNDS] [FILES] [MEGABYTES]

Both send to one moto server, in turn, each round to prefixes of its own, from a process that is up (ours: the effect
`sync-assets`, looked at, applied, looked at again) or not (the command, whose own start is timed by `aws --version` and
told beside). The command is the newest `awscli` of the package index, by `uv tool run`, in an environment of its own.
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

import boto3

from blocks.data.static_assets import StaticAssets
from launch.effects.data import SyncAssets
from launch.ports import Occasion, Standing
from launch.release import Release
from sandbox.parts.aws import AwsPart
from sandbox.world import World

BUCKET = "builds"
AWS = ("tool", "run", "--quiet", "--from", "awscli", "aws")
NOW = datetime(2030, 1, 7, 7, tzinfo=UTC)


def main(rounds: int = 3, files: int = 2000, megabytes: int = 200) -> None:
    part = AwsPart()
    part.define(World(now=lambda: NOW, t0=NOW))
    part.start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            compare(part, Path(folder), rounds, files, megabytes)
    finally:
        part.stop()


def compare(part: AwsPart, folder: Path, rounds: int, files: int, megabytes: int) -> None:
    boto3.client("s3", **part.credentials).create_bucket(  # type: ignore[call-overload]
        Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": part.credentials["region_name"]}
    )
    subprocess.run(aws(part, ["--version"]), check=True, stdout=subprocess.DEVNULL)  # brings it here first
    started = timed(aws(part, ["--version"]))
    for number in range(rounds):
        build = folder / f"v{number}.0.0"
        make(build, files, megabytes, seed=number)
        theirs = timed(aws(part, ["s3", "sync", "--only-show-errors", f"{build}", f"s3://{BUCKET}/aws-{number}/"]))
        ours = published(part, folder, build.name)
        told = {"round": number, "ours_s": ours, "aws_s": theirs, "aws_start_s": started}
        print(json.dumps({**told, "ratio": ours / theirs}), flush=True)
        shutil.rmtree(build)


def make(build: Path, files: int, megabytes: int, *, seed: int) -> None:
    """Files of two sizes: most are small, one in a hundred has half of the bytes."""
    source = random.Random(seed)
    large, whole = max(files // 100, 1), megabytes * 1_000_000
    for number in range(files):
        size = whole // 2 // large if number < large else whole // 2 // (files - large)
        path = build / f"assets/{number % 20:02}/{number:05}.{'bin' if number < large else 'js'}"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(source.randbytes(size))
    (build / "index.html").write_text("<script src=assets/00/00100.js></script>")


def published(part: AwsPart, builds: Path, version: str) -> float:
    access = part.credentials
    assets = StaticAssets(
        bucket=BUCKET,
        builds_folder=builds,
        region=access["region_name"],
        endpoint_url=access["endpoint_url"],
        access_key_id=access["aws_access_key_id"],
        secret_access_key=access["aws_secret_access_key"],
    )
    effect = SyncAssets(do="sync-assets", on="assets", release=version)
    occasion = Occasion(launch="benchmark", now=NOW, t0=NOW, release=Release(version=version, services={}))
    started = time.perf_counter()
    assert assets.observe(effect, occasion).standing is Standing.ABSENT
    assets.apply(effect, occasion)
    assert assets.observe(effect, occasion).standing is Standing.HOLDS
    return time.perf_counter() - started


def aws(part: AwsPart, arguments: Sequence[str]) -> Sequence[str]:
    access = part.credentials
    os.environ.update(
        AWS_ACCESS_KEY_ID=access["aws_access_key_id"],
        AWS_SECRET_ACCESS_KEY=access["aws_secret_access_key"],
        AWS_DEFAULT_REGION=access["region_name"],
    )
    uv = shutil.which("uv") or str(Path(__file__).parents[1] / "scripts" / "uv")
    return [uv, *AWS, *arguments, "--endpoint-url", access["endpoint_url"]]


def timed(command: Sequence[str]) -> float:
    started = time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return time.perf_counter() - started


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))

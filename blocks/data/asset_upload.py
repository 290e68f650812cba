"""A folder of files put under a prefix of an S3 bucket: side by side, in parts, going on where an earlier try ended."""

from __future__ import annotations

import hashlib
import mimetypes
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from blocks.data.aws_access import asking
from launch.errors import PermanentFaultError

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client
    from types_boto3_s3.type_defs import CompletedPartTypeDef, MultipartUploadTypeDef, PartTypeDef

PART_BYTES = 8 * 1024 * 1024
"""Files of this size and more go in parts of it, as with `aws s3 sync`, so that both give the same entity tags."""
TAG = "tminus-tag"
"""Metadata with the tag of what was sent: where S3 encrypts with a KMS key, its own entity tag is no digest.
https://docs.aws.amazon.com/AmazonS3/latest/API/API_Object.html
"""
_AT_ONCE = 10
_DELETED_AT_ONCE = 1000

# A file's name does not change with its content here, but its prefix does, so it may be kept for good;
# a page is the entry to the prefix and must be asked for again.
_FOREVER, _ASK_AGAIN = "public, max-age=31536000, immutable", "no-cache"


@dataclass(frozen=True)
class LocalFile:
    """A file of a build; `tag` is the entity tag that S3 gives it when it is sent in parts of `PART_BYTES`."""

    name: str
    path: Path
    size: int
    tag: str


@dataclass(frozen=True)
class StoredFile:
    """An object below the prefix, as a listing shows it."""

    size: int
    tag: str


@dataclass(frozen=True)
class Sent:
    """How far an upload is. Bytes and files count when S3 has confirmed them."""

    files: int
    files_in_all: int
    bytes: int
    bytes_in_all: int

    def __str__(self) -> str:
        return f"{self.files} of {self.files_in_all} files, {self.bytes / 1e6:.0f} of {self.bytes_in_all / 1e6:.0f} MB"


def files_of(folder: Path) -> dict[str, LocalFile]:
    """Every file below the folder, by its path from there with `/`."""
    paths = sorted(path for path in folder.rglob("*") if path.is_file())
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        files = pool.map(lambda path: _local(folder, path), paths)
        return {file.name: file for file in files}


def is_page(name: str) -> bool:
    """Whether it is an entry that names other files."""
    return name.endswith(".html")


class AssetUpload:
    """One bucket's prefix. Raises `SystemFaultError` from all that it does."""

    def __init__(self, s3: S3Client, bucket: str, prefix: str) -> None:
        self._s3, self._bucket, self._prefix = s3, bucket, prefix

    def stored(self) -> dict[str, StoredFile]:
        """What lies under the prefix, by name."""
        with asking("S3", f"list s3://{self._bucket}/{self._prefix}/"):
            pages = self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=f"{self._prefix}/")
            return {
                found["Key"].removeprefix(f"{self._prefix}/"): StoredFile(found["Size"], found["ETag"].strip('"'))
                for page in pages
                for found in page.get("Contents", ())
            }

    def different(self, local: Mapping[str, LocalFile], stored: Mapping[str, StoredFile]) -> list[LocalFile]:
        """The files that are not there as they are here.

        An object of the same size with another entity tag may have been sent in other parts, or be encrypted with a
        KMS key: its metadata is asked, which only what this class sent carries.
        """
        unlike = [file for file in local.values() if tag_of(stored, file) != file.tag]
        doubtful = [file for file in unlike if file.name in stored and stored[file.name].size == file.size]
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            same = {file.name for file, tag in zip(doubtful, pool.map(self._noted, doubtful), strict=True) if tag}
        return [file for file in unlike if file.name not in same]

    def send(self, files: Sequence[LocalFile], tell: Callable[[Sent], None]) -> None:
        """Sends files side by side, pages last: no page names an asset that is not there yet."""
        sent = _Tally(files, tell)
        self._side_by_side([file for file in files if not is_page(file.name)], sent)
        self._side_by_side([file for file in files if is_page(file.name)], sent)

    def delete(self, names: Iterable[str]) -> None:
        """Takes objects away that lie under the prefix."""
        keys = [f"{self._prefix}/{name}" for name in names]
        for start in range(0, len(keys), _DELETED_AT_ONCE):
            some = keys[start : start + _DELETED_AT_ONCE]
            with asking("S3", f"delete {len(some)} objects under s3://{self._bucket}/{self._prefix}/"):
                answer = self._s3.delete_objects(
                    Bucket=self._bucket, Delete={"Objects": [{"Key": key} for key in some], "Quiet": True}
                )
            for refused in answer.get("Errors", ()):
                raise PermanentFaultError(
                    system="S3",
                    question=f"delete s3://{self._bucket}/{refused.get('Key')}",
                    answer=str(refused.get("Code")),
                    next_step="grant s3:DeleteObject, or plan the sync without `delete`",
                )

    def _side_by_side(self, files: Sequence[LocalFile], sent: _Tally) -> None:
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            under_way = [pool.submit(self._send, file) for file in files]
            try:
                for file, one in zip(files, under_way, strict=True):
                    one.result()
                    sent.count(file)
            finally:
                pool.shutdown(cancel_futures=True)

    def _send(self, file: LocalFile) -> None:
        if file.size >= PART_BYTES:
            self._send_in_parts(file)
            return
        with asking("S3", f"put s3://{self._bucket}/{self._key(file)}"):
            self._s3.put_object(
                Bucket=self._bucket,
                Key=self._key(file),
                Body=file.path.read_bytes(),
                ContentType=_content_type(file),
                CacheControl=_cache_control(file),
                Metadata={TAG: file.tag},
            )

    def _send_in_parts(self, file: LocalFile) -> None:
        with asking("S3", f"put s3://{self._bucket}/{self._key(file)} in parts"):
            upload, there = self._begun(file)
            parts: list[CompletedPartTypeDef] = []
            with file.path.open("rb") as body:
                for number, data in enumerate(iter(lambda: body.read(PART_BYTES), b""), start=1):
                    if there.get(number) != _digest(data).hexdigest():
                        there[number] = self._s3.upload_part(
                            Bucket=self._bucket, Key=self._key(file), UploadId=upload, PartNumber=number, Body=data
                        )["ETag"].strip('"')
                    parts.append({"PartNumber": number, "ETag": there[number]})
            self._s3.complete_multipart_upload(
                Bucket=self._bucket, Key=self._key(file), UploadId=upload, MultipartUpload={"Parts": parts}
            )

    def _begun(self, file: LocalFile) -> tuple[str, dict[int, str]]:
        """The newest upload of this file that somebody began and did not end, with the tags of its parts; or a new one.

        One that was begun with other content is gone on with too: each part is held against the file.
        """
        key = self._key(file)
        pages = self._s3.get_paginator("list_multipart_uploads").paginate(Bucket=self._bucket, Prefix=key)
        begun = [one for page in pages for one in page.get("Uploads", ()) if one["Key"] == key]
        if not begun:
            made = self._s3.create_multipart_upload(
                Bucket=self._bucket,
                Key=key,
                ContentType=_content_type(file),
                CacheControl=_cache_control(file),
                Metadata={TAG: file.tag},
            )
            return made["UploadId"], {}
        upload = max(begun, key=_initiated)["UploadId"]
        listed = self._s3.get_paginator("list_parts").paginate(Bucket=self._bucket, Key=key, UploadId=upload)
        parts: list[PartTypeDef] = [part for page in listed for part in page.get("Parts", ())]
        return upload, {part["PartNumber"]: part["ETag"].strip('"') for part in parts}

    def _noted(self, file: LocalFile) -> bool:
        with asking("S3", f"metadata of s3://{self._bucket}/{self._key(file)}"):
            answer = self._s3.head_object(Bucket=self._bucket, Key=self._key(file))
        return answer["Metadata"].get(TAG) == file.tag

    def _key(self, file: LocalFile) -> str:
        return f"{self._prefix}/{file.name}"


class _Tally:
    """Tells at every tenth of the bytes."""

    def __init__(self, files: Sequence[LocalFile], tell: Callable[[Sent], None]) -> None:
        self._tell = tell
        self._in_all = len(files), sum(file.size for file in files)
        self._files = self._bytes = self._told = 0

    def count(self, file: LocalFile) -> None:
        self._files += 1
        self._bytes += file.size
        tenth = 10 * self._bytes // max(self._in_all[1], 1)
        if tenth > self._told:
            self._told = tenth
            self._tell(Sent(self._files, self._in_all[0], self._bytes, self._in_all[1]))


def tag_of(stored: Mapping[str, StoredFile], file: LocalFile) -> str | None:
    """The entity tag of what is stored under the file's name."""
    return stored[file.name].tag if file.name in stored else None


def _local(folder: Path, path: Path) -> LocalFile:
    digests, size = [], 0
    with path.open("rb") as body:
        while data := body.read(PART_BYTES):
            digests.append(_digest(data))
            size += len(data)
    if size < PART_BYTES:
        tag = (digests[0] if digests else _digest(b"")).hexdigest()
    else:
        whole = _digest(b"".join(one.digest() for one in digests))
        tag = f"{whole.hexdigest()}-{len(digests)}"
    return LocalFile(path.relative_to(folder).as_posix(), path, size, tag)


def _digest(data: bytes) -> hashlib._Hash:
    return hashlib.md5(data, usedforsecurity=False)


def _content_type(file: LocalFile) -> str:
    return mimetypes.guess_type(file.name)[0] or "application/octet-stream"


def _cache_control(file: LocalFile) -> str:
    return _ASK_AGAIN if is_page(file.name) else _FOREVER


def _initiated(upload: MultipartUploadTypeDef) -> float:
    return upload["Initiated"].timestamp()

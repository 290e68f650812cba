"""Manifests on the worker's disk: YAML files and kustomizations, read into objects."""

from __future__ import annotations

import os
import shutil
import string
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import yaml
from pydantic import JsonValue, TypeAdapter, ValidationError

from launch.errors import PermanentFaultError, TransientFaultError

Object = dict[str, JsonValue]
_OBJECT: TypeAdapter[Object] = TypeAdapter(Object)
_KUSTOMIZATION = ("kustomization.yaml", "kustomization.yml", "Kustomization")
_BUILDERS = (("kustomize", ("build",)), ("kubectl", ("kustomize",)))
_LONGEST = 160


def objects(folder: Path, names: Sequence[str], values: Mapping[str, str], *, seconds: float) -> list[Object]:
    """Every object of the named files and kustomizations, in their order; lists are taken apart.

    Raises `PermanentFaultError` for what is not there, is no manifest, lacks a value or is a Secret.
    """
    found = [body for name in names for body in _of(folder, name, values, seconds)]
    for body in found:
        if body["kind"] == "Secret":
            raise _refused(_named(body), "a Secret", "take it out of the manifests and use `replace-secret`")
    return found


def _of(folder: Path, name: str, values: Mapping[str, str], seconds: float) -> Iterator[Object]:
    path = folder / name
    if not path.resolve().is_relative_to(folder.resolve()):
        raise _refused(name, "outside the manifests folder", "keep manifests below the folder of the block")
    if path.is_dir() and any((path / one).is_file() for one in _KUSTOMIZATION):
        text = _built(path, name, seconds)
    elif path.is_file():
        text = path.read_text()
    else:
        raise _refused(name, "no such file or kustomization", "check the name in the plan and the block's folder")
    try:
        filled = string.Template(text).substitute(values) if values else text
        documents = list(yaml.load_all(filled, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)))
    except KeyError as error:
        raise _refused(name, f"no value for ${{{error.args[0]}}}", "give it in `values` of the effect") from error
    except ValueError as error:
        raise _refused(name, str(error), "write $$ for a dollar that is no value") from error
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f"{name}:{mark.line + 1}" if mark is not None else name
        raise _refused(place, "no YAML", "mend the file") from error
    for document in documents:
        if document is not None:
            yield from _whole(document, name)


def _whole(document: JsonValue, name: str) -> Iterator[Object]:
    try:
        body = _OBJECT.validate_python(document)
    except ValidationError as error:
        raise _refused(name, "a document that is no object", "mend the file") from error
    if str(body.get("kind", "")).endswith("List") and isinstance(items := body.get("items"), list):
        for item in items:
            yield from _whole(item, name)
        return
    metadata = body.get("metadata")
    named = isinstance(metadata, dict) and isinstance(metadata.get("name"), str)
    if not named or not isinstance(body.get("kind"), str) or not isinstance(body.get("apiVersion"), str):
        raise _refused(name, "an object without apiVersion, kind or metadata.name", "mend the file")
    yield body


def _built(path: Path, name: str, seconds: float) -> str:
    """By the tool itself: what a kustomization means is kustomize's to say."""
    tools = [[binary, *arguments] for program, arguments in _BUILDERS if (binary := shutil.which(program))]
    if not tools:
        raise _refused(name, "neither kustomize nor kubectl is here", "install one of them where the worker runs")
    try:
        done = subprocess.run(  # noqa: S603  an argument list, no shell
            [*tools[0], str(path)],
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
            env={name: os.environ[name] for name in ("PATH", "HOME") if name in os.environ},
            stdin=subprocess.DEVNULL,
        )
    except subprocess.TimeoutExpired as error:
        raise TransientFaultError(
            system="manifests",
            question=f"build {name}",
            answer=f"not done in {seconds:g} s",
            next_step="keep remote bases out of the kustomization, or raise the block's time-out",
        ) from error
    if done.returncode:
        last = (done.stderr.strip().splitlines() or [f"status {done.returncode}"])[-1]
        raise _refused(name, last.replace(str(path), name)[:_LONGEST], "mend the kustomization")
    return done.stdout


def _named(body: Object) -> str:
    metadata = body["metadata"]
    return f"{body['kind']} {metadata.get('name') if isinstance(metadata, dict) else ''}"


def _refused(what: str, answer: str, next_step: str) -> PermanentFaultError:
    return PermanentFaultError(system="manifests", question=f"read {what}", answer=answer, next_step=next_step)

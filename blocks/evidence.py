"""A store of evidence: results of tests and scans, each with where, when and from which commit it came."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar, TypeVar, assert_never

from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, PrivateAttr, SecretStr, TypeAdapter, ValidationError

from blocks import evidence_formats as formats
from blocks.endpoint import Endpoint
from blocks.evidence_pieces import Piece, Unusable, admit
from blocks.payloads import read
from launch.errors import PermanentFaultError
from launch.ports import Occasion
from launch.probes.base import Probe
from launch.probes.evidence import (
    AccessibilityScan,
    BrowserMatrix,
    BuildLog,
    BundleSize,
    ChaosJournal,
    Coverage,
    DependencyAudit,
    Evidence,
    EvidenceProbe,
    Lighthouse,
    LoadTest,
    SecurityScans,
    SuiteReport,
)
from launch.readings import Quantity, Reading

T = TypeVar("T")


class EvidenceStore(Block):
    """An HTTP store of evidence: `GET <url>/<name>.json` gives `{name, commit, environment, produced_at, result}`."""

    _block_type_name = "Evidence Store"
    _block_type_slug = "evidence-store"
    _description = (
        "Results of tests and scans as pipelines upload them, each in its tool's own format: JUnit XML, Playwright, "
        "Istanbul, k6, Locust, Chaos Toolkit, axe-core, Lighthouse, size-limit, OWASP ZAP, Snyk, npm audit."
    )
    _documentation_url = HttpUrl("https://www.rfc-editor.org/rfc/rfc9110")
    needs: ClassVar[str] = "read"

    answers: ClassVar[tuple[type[Probe], ...]] = (
        SuiteReport,
        BrowserMatrix,
        Coverage,
        LoadTest,
        ChaosJournal,
        AccessibilityScan,
        Lighthouse,
        BuildLog,
        BundleSize,
        SecurityScans,
        DependencyAudit,
    )

    url: str = Field(description="Address of the folder that holds the evidence.")
    token: SecretStr | None = Field(default=None, description="Bearer token, where the store asks for one.")
    timeout_seconds: float = Field(default=15.0, gt=0, description="Longest wait for any one step of an exchange.")
    _endpoint: Endpoint | None = PrivateAttr(default=None)

    def check(self) -> str:
        """Proves that the store answers and takes the token. Raises `SystemFaultError`."""
        self._api.send("GET", "/", question="what it holds", ok={200, 404})
        return f"the evidence store answers at {self.url}"

    def answer(self, probe: EvidenceProbe, occasion: Occasion) -> Reading:
        """Raises `SystemFaultError`; evidence that is missing, stale or about something else carries no value."""
        try:
            values = self._read(probe, occasion)
            evidence = f"produced within {probe.not_older_than} before now"
        except Unusable as reason:
            values, evidence = {}, str(reason)[:256]
        return Reading(values=values, where=f'evidence "{probe.name}"', at=occasion.now, evidence=evidence)

    def _read(self, probe: EvidenceProbe, occasion: Occasion) -> Mapping[str, Quantity]:  # noqa: C901 - one per format
        match probe:
            case SuiteReport():
                return formats.junit(self._as(str, probe, occasion), probe.suites)
            case BrowserMatrix():
                return formats.playwright(self._as(formats.Playwright, probe, occasion), probe)
            case Coverage():
                return formats.istanbul(self._as(formats.Istanbul, probe, occasion))
            case LoadTest():
                found = self._as(formats.LoadReport, probe, occasion)
                return formats.load(found, probe.pilot_users)
            case ChaosJournal():
                return formats.chaostoolkit(self._as(formats.Journal, probe, occasion), probe)
            case AccessibilityScan():
                return formats.axe(self._as(formats.Axe, probe, occasion))
            case Lighthouse():
                return formats.lighthouse(self._as(formats.LighthouseReport, probe, occasion), probe.categories)
            case BuildLog():
                return formats.build_log(self._as(formats.Build, probe, occasion))
            case BundleSize():
                return formats.size_limit(self._as(list[formats.Bundle], probe, occasion))
            case SecurityScans():
                return formats.scanners(
                    zap=self._as(formats.Zap, probe, occasion, part="-zap"),
                    snyk=self._as(formats.Snyk, probe, occasion, part="-snyk"),
                    npm=self._as(formats.NpmAudit, probe, occasion, part="-npm-audit"),
                )
            case DependencyAudit():
                return formats.dependencies(
                    npm=self._as(formats.NpmAudit, probe, occasion, part="-npm-audit"),
                    packages=self._as(list[formats.Package], probe, occasion, part="-packages"),
                    now=occasion.now,
                )
            case _:
                assert_never(probe)

    def _as(self, shape: type[T], probe: Evidence, occasion: Occasion, *, part: str = "") -> T:
        """The tool's result as `shape`. Raises `Unusable` or `SystemFaultError`."""
        name = f"{probe.name}{part}"
        question = f'the evidence "{name}"'
        response = self._api.send("GET", f"/{name}.json", question=question, ok={200, 404})
        if response.status_code == 404:
            raise Unusable(f'there is no evidence "{name}" yet')
        piece = read(Piece, response, system=self._api.system, question=question)
        admit(piece, probe, occasion)
        try:
            return TypeAdapter(shape).validate_python(piece.result)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(step) for step in first["loc"]) or "the result"
            raise PermanentFaultError(
                system=self._api.system,
                question=question,
                answer=f"a result of another form ({field}: {first['type']})",
                next_step=f'check that the pipeline uploads the format that "{probe.ask}" reads',
            ) from error

    @property
    def _api(self) -> Endpoint:
        if self._endpoint is None:
            headers = {"Authorization": f"Bearer {self.token.get_secret_value()}"} if self.token else {}
            self._endpoint = Endpoint(
                "the evidence store", self.url, headers=headers, timeout_seconds=self.timeout_seconds, needs=self.needs
            )
        return self._endpoint

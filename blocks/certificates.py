"""TLS certificates as a host presents them, judged by the launch clock, and who renews them."""

from __future__ import annotations

import contextlib
import socket
import ssl
import warnings
from datetime import datetime, timedelta
from typing import ClassVar, NamedTuple

import httpx
from cryptography import x509
from cryptography.utils import CryptographyDeprecationWarning
from cryptography.x509.oid import ExtensionOID
from cryptography.x509.verification import Criticality, ExtensionPolicy, PolicyBuilder, Store, VerificationError
from prefect.blocks.core import Block
from pydantic import Field, HttpUrl, JsonValue, SecretStr

from blocks import wire
from blocks.faults import connection_fault
from blocks.payloads import Payload, read
from launch.ports import Occasion
from launch.probes.base import Probe
from launch.probes.web_edges import TlsCertificate
from launch.readings import Reading, quantities


class _Condition(Payload):
    type: str
    status: str


class _Status(Payload):
    conditions: tuple[_Condition, ...] = ()
    renewal_time: datetime | None = Field(default=None, alias="renewalTime")


class _Listed(Payload):
    items: list[dict[str, JsonValue]]


class _Managed(Payload):
    """A `Certificate` of cert-manager.io/v1, as far as renewal goes."""

    status: _Status = _Status()


_LIST = "which certificates are renewed"


class _Endpoint(NamedTuple):
    host: str
    port: int


class Certificates(Block):
    """Hosts that serve TLS, and the cert-manager that renews their certificates."""

    _block_type_name = "Certificates"
    _block_type_slug = "certificates"
    _description = (
        "Reads certificates by a TLS handshake, and their renewal from cert-manager (https://cert-manager.io/docs/) "
        "over the Kubernetes API."
    )
    _documentation_url = HttpUrl("https://cert-manager.io/docs/reference/api-docs/")
    needs: ClassVar[str] = "none for handshakes; get on cert-manager's certificates"

    answers: ClassVar[tuple[type[Probe], ...]] = (TlsCertificate,)

    addresses: dict[str, str] = Field(
        default_factory=dict, description="Host name -> `address:port` to shake hands with instead of `<host>:443`."
    )
    trusted_roots_pem: str = Field(
        default="", description="Root certificates to trust; empty for the public web's (certifi)."
    )
    cluster_url: str = Field(description="Base URL of the Kubernetes API that runs cert-manager.")
    cluster_token: SecretStr = Field(description="Service account token that may read certificates.")
    cluster_ca_pem: str = Field(default="", description="The Kubernetes API's own authority; empty for public ones.")
    namespace: str = Field(default="production", description="Namespace of the cert-manager certificates.")
    timeout_seconds: float = Field(default=10.0, gt=0, description="Longest wait for any one step.")

    def check(self) -> str:
        """Proves that certificates may be read in the cluster. Raises `SystemFaultError`."""
        read(_Listed, self._managed(""), system=self.cluster_url, question=_LIST)
        return f"{self.cluster_url} lets certificates of namespace {self.namespace} be read"

    def answer(self, probe: TlsCertificate, occasion: Occasion) -> Reading:
        """Raises `SystemFaultError`."""
        chain = self._presented(probe.host)
        leaf = chain[0]
        left = leaf.not_valid_after_utc - occasion.now
        names = _names(leaf)
        managed = read(
            _Managed,
            self._managed(probe.renewed_as),
            system=self.cluster_url,
            question=f"who renews {probe.renewed_as}",
        )
        return Reading(
            values={
                **quantities("days", cert_days_left=left.total_seconds() / 86_400),
                **quantities(
                    chain_complete=_leads_to(self._roots(), chain),
                    host_matches=any(_covers(name, probe.host) for name in names),
                    auto_renewal=_renews(managed.status, leaf.not_valid_after_utc, occasion.now),
                ),
            },
            where=probe.host,
            at=occasion.now,
            evidence=f"{', '.join(names)} until {leaf.not_valid_after_utc:%Y-%m-%d %H:%M} UTC, {len(chain)} sent"[:256],
        )

    def _presented(self, host: str) -> list[x509.Certificate]:
        # Trust is judged below at the launch clock's moment; OpenSSL would judge it at this machine's.
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        endpoint = self._endpoint(host)
        question = "its certificate"
        try:
            with (
                socket.create_connection(endpoint, timeout=self.timeout_seconds) as plain,
                context.wrap_socket(plain, server_hostname=host) as shaken,
            ):
                sent = _chain_of(shaken)
        except OSError as error:
            raise connection_fault(error, system=host, question=question) from error
        return [x509.load_der_x509_certificate(der) for der in sent]

    def _endpoint(self, host: str) -> _Endpoint:
        address, _, port = self.addresses.get(host, f"{host}:443").rpartition(":")
        return _Endpoint(address, int(port))

    def _roots(self) -> Store:
        if self.trusted_roots_pem:
            return Store(x509.load_pem_x509_certificates(self.trusted_roots_pem.encode()))
        return Store(_loaded(httpx.create_ssl_context().get_ca_certs(binary_form=True)))

    def _managed(self, name: str) -> httpx.Response:
        question = f"who renews {name}" if name else _LIST
        trust = ssl.create_default_context(cadata=self.cluster_ca_pem) if self.cluster_ca_pem else None
        headers = {"Authorization": f"Bearer {self.cluster_token.get_secret_value()}"}
        path = f"/apis/cert-manager.io/v1/namespaces/{self.namespace}/certificates/{name}".rstrip("/")
        with wire.client(
            self.cluster_url, timeout_seconds=self.timeout_seconds, headers=headers, trust=trust
        ) as client:
            return wire.fetch(client, "GET", path, system=self.cluster_url, question=question, needs=self.needs)


def _loaded(roots: list[bytes]) -> list[x509.Certificate]:
    """Those of the machine's roots that can be read; bundles carry a few old ones that break RFC 5280."""
    readable = []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CryptographyDeprecationWarning)
        for der in roots:
            with contextlib.suppress(ValueError):
                readable.append(x509.load_der_x509_certificate(der))
    return readable


def _chain_of(shaken: ssl.SSLSocket) -> list[bytes]:
    """What the server sent, leaf first, in DER.

    `SSLSocket.get_unverified_chain` is public from Python 3.13 on; 3.10 to 3.12 have it on the inner object only.
    """
    public = getattr(shaken, "get_unverified_chain", None)
    if public is not None:
        return list(public())
    inner = shaken._sslobj.get_unverified_chain()  # type: ignore[attr-defined]  # noqa: SLF001
    return [ssl.PEM_cert_to_DER_cert(certificate.public_bytes()) for certificate in inner]


def _names(leaf: x509.Certificate) -> list[str]:
    try:
        extension = leaf.extensions.get_extension_for_oid(ExtensionOID.SUBJECT_ALTERNATIVE_NAME)
    except x509.ExtensionNotFound:
        return []
    value = extension.value
    return value.get_values_for_type(x509.DNSName) if isinstance(value, x509.SubjectAlternativeName) else []


def _covers(name: str, host: str) -> bool:
    """RFC 9525: a wildcard stands for exactly one leftmost label."""
    name, host = name.lower(), host.lower()
    return name == host or (name.startswith("*.") and host.partition(".")[2] == name[2:])


def _leads_to(roots: Store, chain: list[x509.Certificate]) -> bool:
    """Whether the presented certificates alone lead to a root, at a moment when the leaf itself is valid.

    Expiry is told by the days left and the host by its own value; this is about the chain only.
    """
    leaf, names = chain[0], _names(chain[0])
    if not names:
        return False
    moment = leaf.not_valid_after_utc - timedelta(seconds=1)
    # The web's profile also fixes which extensions are marked critical; private authorities do not keep to that.
    of_a_host = (
        ExtensionPolicy.webpki_defaults_ee()
        .require_present(x509.SubjectAlternativeName, Criticality.AGNOSTIC, None)
        .may_be_present(x509.ExtendedKeyUsage, Criticality.AGNOSTIC, None)
    )
    builder = PolicyBuilder().store(roots).time(moment)
    builder = builder.extension_policies(ca_policy=ExtensionPolicy.webpki_defaults_ca(), ee_policy=of_a_host)
    verifier = builder.build_server_verifier(x509.DNSName(names[0].replace("*.", "any.", 1)))
    try:
        verifier.verify(leaf, chain[1:])
    except VerificationError:
        return False
    return True


def _renews(status: _Status, expires: datetime, now: datetime) -> bool:
    ready = any(condition.type == "Ready" and condition.status == "True" for condition in status.conditions)
    # A renewal time in the past on a certificate that is still served means that renewal was due and did not happen.
    return ready and status.renewal_time is not None and now <= status.renewal_time < expires

"""One sentence for one cause: real sockets, real handshakes, whatever client library stands in between."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from blocks import wire
from blocks.chat import SlackChat
from blocks.data.object_storage import ObjectStorage
from blocks.faults import status_fault
from blocks.mail import SmtpRelay
from blocks.mail_submission import SmtpServer
from blocks.platform.cluster import KubernetesCluster
from blocks.web_site import WebSite
from launch.errors import PermanentFaultError, SystemFaultError, TransientFaultError
from launch.ports import Checks

LIBRARIES: dict[str, Callable[[str], Checks]] = {
    "httpx": lambda url: WebSite(home=f"{url}/", timeout_seconds=1),
    "slack_sdk": lambda url: SlackChat(token="xoxb-secret", base_url=f"{url}/", timeout_seconds=1),
    "boto3": lambda url: ObjectStorage(
        region="eu-west-1", access_key_id="key", secret_access_key="secret", endpoint_url=url, timeout_seconds=1
    ),
    "kubernetes": lambda url: KubernetesCluster(namespace="production", server=url, token="secret", timeout_seconds=1),
}
each_library = pytest.mark.parametrize("library", LIBRARIES)


def fault_of(system: Checks) -> SystemFaultError:
    with pytest.raises(SystemFaultError) as caught:
        system.check()
    assert "secret" not in str(caught.value)
    return caught.value


@contextmanager
def listening(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """A port whose connections are given to `serve`, one after the other."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def accept() -> None:
            with suppress(OSError):
                while True:
                    connection, _ = server.accept()
                    with connection, suppress(OSError):
                        serve(connection)

        thread = threading.Thread(target=accept, daemon=True)
        thread.start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)
        thread.join(5)


@pytest.fixture(scope="module")
def expired(tmp_path_factory) -> ssl.SSLContext:
    """A server's side of TLS with a certificate of its own making that ran out yesterday."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=2))
        .not_valid_after(now - timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )
    written: Path = tmp_path_factory.mktemp("tls") / "server.pem"
    encoding, form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8
    secret = key.private_bytes(encoding, form, serialization.NoEncryption())
    written.write_bytes(certificate.public_bytes(encoding) + secret)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(written)
    return context


@each_library
def test_a_certificate_that_cannot_be_trusted_is_named_and_permanent(library, expired) -> None:
    def shake(connection: socket.socket) -> None:
        with expired.wrap_socket(connection, server_side=True):
            pass

    with listening(shake) as port:
        fault = fault_of(LIBRARIES[library](f"https://127.0.0.1:{port}"))
    assert isinstance(fault, PermanentFaultError)
    assert fault.answer.startswith("a certificate that cannot be trusted: ")
    assert "give its authority in the block" in fault.next_step


@each_library
def test_a_port_that_speaks_no_tls_is_permanent(library) -> None:
    with listening(lambda connection: connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")) as port:
        fault = fault_of(LIBRARIES[library](f"https://127.0.0.1:{port}"))
    assert isinstance(fault, PermanentFaultError)
    assert fault.answer.startswith("a failed TLS handshake")


@each_library
def test_a_name_that_nobody_knows_is_told_as_one(library) -> None:
    """RFC 6761 keeps `.invalid` for names that never resolve."""
    fault = fault_of(LIBRARIES[library]("http://launch.invalid:1"))
    assert isinstance(fault, TransientFaultError)
    assert fault.answer == "no address for its name"
    assert "check the host name" in fault.next_step


@each_library
def test_a_closed_port_is_no_connection(library) -> None:
    fault = fault_of(LIBRARIES[library]("http://127.0.0.1:1"))
    assert isinstance(fault, TransientFaultError)
    assert fault.answer == "no connection: refused"


@each_library
def test_a_line_that_drops_is_a_broken_exchange_and_may_be_tried_again(library) -> None:
    with listening(lambda connection: None) as port:
        fault = fault_of(LIBRARIES[library](f"http://127.0.0.1:{port}"))
    assert isinstance(fault, TransientFaultError)


@pytest.mark.parametrize(
    ("host", "port", "answer"),
    [("launch.invalid", 25, "no address for its name"), ("127.0.0.1", 1, "no connection: refused")],
)
def test_a_relay_out_of_reach_is_told_in_the_same_words(host, port, answer) -> None:
    relay = SmtpRelay(server=SmtpServer(host=host, port=port), sender="a@b.example", timeout_seconds=1)
    assert fault_of(relay).answer == answer


@pytest.mark.parametrize(
    ("status", "more", "next_step"),
    [
        (401, {}, "renew the credentials in the system's block"),
        (403, {"right": "`query:read`"}, "give the account of the system's block the missing right: `query:read`"),
        (403, {}, "give the account of the system's block the missing right"),
        (429, {"wait_seconds": "30"}, "wait 30 s, or ask for a higher limit"),
        (429, {"wait_seconds": "Fri, 27 Nov 2026 07:28:00 GMT"}, "wait, or ask for a higher limit"),
        (503, {"wait_seconds": "120"}, "wait 120 s and look at the system's own status"),
        (503, {}, "look at the system's own status"),
    ],
)
def test_the_next_step_says_which_right_and_how_long(status, more, next_step) -> None:
    assert status_fault(status, system="x", question="y", **more).next_step == next_step


def test_a_limit_without_a_header_is_known_by_its_words_which_are_not_told() -> None:
    """https://docs.github.com/rest/using-the-rest-api/rate-limits-for-the-rest-api#about-secondary-rate-limits"""
    body = b'{"message": "You have exceeded a secondary rate limit. s3cr3t"}'
    fault = wire.answer_fault(httpx.Response(403, content=body), system="GitHub", question="the runs")
    assert isinstance(fault, TransientFaultError)
    assert "HTTP 429" in str(fault)
    assert "s3cr3t" not in str(fault)


@pytest.mark.parametrize(
    ("status", "headers", "words"),
    [
        (403, {"x-accepted-github-permissions": "actions=read"}, "missing right: actions=read"),
        (
            403,
            {"www-authenticate": 'Bearer error="insufficient_scope", scope="flags:read"'},
            "missing right: flags:read",
        ),
        (403, {}, "missing right: what the block needs"),
        (403, {"x-ratelimit-remaining": "0"}, "HTTP 429"),
        (403, {"retry-after": "60"}, "wait 60 s"),
        (
            403,
            {
                "x-ratelimit-remaining": "0",
                "x-ratelimit-reset": "1796626842",
                "date": "Mon, 07 Dec 2026 07:00:00 GMT",
            },
            "wait 42 s",
        ),
        (429, {"x-ratelimit-remaining": "0", "x-ratelimit-reset": "soon", "date": "today"}, "wait, or ask"),
    ],
)
def test_a_right_that_the_answer_names_is_told_before_what_the_block_needs(status, headers, words) -> None:
    answer = httpx.Response(status, headers=headers)
    fault = wire.answer_fault(answer, system="GitHub", question="the runs", needs="what the block needs")
    assert words in str(fault)

"""No event goes to an address that was not checked, and the checked address is the one connected to."""

from __future__ import annotations

import datetime
import ipaddress
import socket
import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from payos.kernel import tenancy
from payos.kernel.errors import Problem
from tests.webhooks.conftest import deliver, publish, register
from tests.webhooks.receiver import Receiver
from webhooks import addresses
from webhooks.addresses import Refused
from webhooks.models import Attempt

PRIVATE = [
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "169.254.1.1", "100.64.0.1", "100.100.100.200",
    "168.63.129.16", "0.0.0.0", "224.0.0.1", "255.255.255.255", "192.0.0.192", "198.18.0.1",
    "[::1]", "[::]", "[fe80::1]", "[fc00::1]", "[fd00:ec2::254]", "[ff02::1]", "[::ffff:127.0.0.1]", "[::ffff:169.254.169.254]",
    "[2002:7f00:0001::]", "[64:ff9b::7f00:1]", "[64:ff9b::a9fe:a9fe]", "[2001:0:0:0:0:0:80ff:fffe]",
]  # fmt: skip


@pytest.mark.parametrize("host", PRIVATE)
def test_private_and_metadata_addresses_are_refused(host, settings):
    settings.WEBHOOKS_ALLOW_PRIVATE = False
    with pytest.raises(Refused):
        addresses.check_url(f"https://{host}/hook", livemode=True)


@pytest.mark.parametrize(
    "host", ["169.254.169.254", "[fe80::1]", "[fd00:ec2::254]", "168.63.129.16", "0.0.0.0", "224.0.0.1", "[::ffff:169.254.169.254]"]
)
def test_metadata_and_link_local_addresses_are_refused_even_where_private_ones_are_allowed(host, settings):
    settings.WEBHOOKS_ALLOW_PRIVATE = True
    with pytest.raises(Refused):
        addresses.check_url(f"https://{host}/hook", livemode=False)


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("http://example.com/", "url_not_https"),
        ("https://user@example.com/", "url_credentials"),
        ("https://user:pw@example.com/", "url_credentials"),
        ("https://@example.com/", "url_credentials"),
        ("ftp://example.com/", "url_invalid"),
        ("https:///x", "url_invalid"),
        ("https://example.com:22/", "url_port"),
        ("https://example.com:99999/", "url_invalid"),
        ("https://example.com/#part", "url_invalid"),
        ("https://example.com/a b", "url_invalid"),
        ("https://example.com\\@evil.test/", "url_invalid"),
        ("https://example.com/\r\nX: y", "url_invalid"),
        ("https://2130706433/", "url_invalid"),
        ("https://0x7f000001/", "url_invalid"),
        ("https://127.1/", "url_invalid"),
        ("https://0177.0.0.1/", "url_invalid"),
        ("https://localhost/", "address_private"),
        ("https://db.internal/", "address_private"),
        ("https://" + "a" * 2000 + ".com/", "url_invalid"),
        ("", "url_invalid"),
    ],
)
def test_urls_that_nobody_should_register(url, code, settings):
    settings.WEBHOOKS_ALLOW_PRIVATE = False
    with pytest.raises(Refused) as refused:
        addresses.check_url(url, livemode=True, resolver=lambda host, port: answer("93.184.216.34"))
    assert refused.value.code == code


def answer(*found: str):
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in found]


def test_a_name_with_one_private_address_among_public_ones_is_refused(settings):
    settings.WEBHOOKS_ALLOW_PRIVATE = False
    addresses.check_url("https://example.com/", livemode=True, resolver=lambda host, port: answer("93.184.216.34"))
    with pytest.raises(Refused) as refused:
        addresses.check_url("https://example.com/", livemode=True, resolver=lambda host, port: answer("93.184.216.34", "10.0.0.5"))
    assert refused.value.code == "address_private"


@pytest.mark.django_db(transaction=True)
def test_a_name_that_points_inside_after_registration_is_refused_at_the_attempt(partner, receiver, settings):
    """DNS rebinding: public when it is registered, private when it is called. Nothing is connected to."""
    settings.WEBHOOKS_ALLOW_PRIVATE = True
    endpoint = register(partner, f"http://127.0.0.1:{receiver.port}/ok")
    with tenancy.platform_scope():
        type(endpoint).objects.filter(pk=endpoint.pk).update(url=f"https://rebind.example.com:{receiver.port}/ok")
    publish(partner)
    settings.WEBHOOKS_ALLOW_PRIVATE = False
    deliver(resolver=lambda host, port: answer("127.0.0.1"))
    with tenancy.platform_scope():
        attempt = Attempt.objects.get()
    assert (attempt.succeeded, attempt.error_code) == (False, "address_private")
    assert receiver.requests == []


@pytest.mark.django_db(transaction=True)
def test_the_address_that_was_checked_is_the_one_connected_to(partner, receiver):
    """The resolver is asked once per connection: a second answer, which would point elsewhere, is never used."""
    asked: list[str] = []

    def resolver(host, port):
        asked.append(host)
        return answer("127.0.0.1" if len(asked) == 1 else "169.254.169.254")

    endpoint = register(partner, f"http://127.0.0.1:{receiver.port}/ok")
    with tenancy.platform_scope():
        type(endpoint).objects.filter(pk=endpoint.pk).update(url=f"http://partner.example.com:{receiver.port}/ok")
    publish(partner)
    deliver(resolver=resolver)
    (request,) = receiver.requests
    assert request.headers["host"] == f"partner.example.com:{receiver.port}"
    assert asked == ["partner.example.com"]
    with tenancy.platform_scope():
        assert Attempt.objects.get().address == "127.0.0.1"


@pytest.mark.django_db(transaction=True)
def test_a_name_that_does_not_resolve_is_a_failed_attempt(partner, receiver):
    def nobody(host, port):
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    endpoint = register(partner, receiver.url("/ok"))
    with tenancy.platform_scope():
        type(endpoint).objects.filter(pk=endpoint.pk).update(url="http://nowhere.example.com/ok")
    publish(partner)
    deliver(resolver=nobody)
    with tenancy.platform_scope():
        assert Attempt.objects.get().error_code == "dns"


def certificate(tmp_path, *, names: list[str], expired: bool = False):
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "receiver")])
    now = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name).issuer_name(name).public_key(key.public_key()).serial_number(7)
        .not_valid_before(now - datetime.timedelta(days=30))
        .not_valid_after(now + datetime.timedelta(days=-1 if expired else 30))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(n)) if n[0].isdigit() else x509.DNSName(n) for n in names]), False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = tmp_path / "receiver.pem"
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
        + made.public_bytes(serialization.Encoding.PEM)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(path)
    return server, made.public_bytes(serialization.Encoding.PEM).decode()


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize(
    ("names", "expired", "trusted", "succeeded"),
    [
        (["127.0.0.1"], False, True, True),
        (["127.0.0.1"], False, False, False),
        (["other.example"], False, True, False),
        (["127.0.0.1"], True, True, False),
    ],
    ids=["good", "self-signed", "another name", "expired"],
)
def test_tls_is_verified(partner, tmp_path, names, expired, trusted, succeeded):
    server, pem = certificate(tmp_path, names=names, expired=expired)
    client = ssl.create_default_context(cadata=pem) if trusted else ssl.create_default_context()
    with Receiver(tls=server) as receiver:
        register(partner, receiver.url("/ok"))
        publish(partner)
        deliver(tls=client)
        assert len(receiver.requests) == int(succeeded)
    with tenancy.platform_scope():
        attempt = Attempt.objects.get()
    assert (attempt.succeeded, attempt.error_code) == (succeeded, "" if succeeded else "tls")


@pytest.mark.django_db
@pytest.mark.parametrize(
    "headers",
    [{"Webhook-Id": "x"}, {"Content-Length": "3"}, {"X y": "1"}, {"X": "a\r\nB: c"}, {"X": ""}, {"X": "é"}, {"X": "1", "x": "2"}, "X: 1"],
)
def test_headers_that_would_change_the_request_are_refused(partner, headers, platform):
    from webhooks import services

    with pytest.raises(Problem):
        services.endpoint_create(partner=partner, livemode=False, url="http://127.0.0.1:9999/", headers=headers)

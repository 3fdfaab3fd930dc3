"""Which addresses a webhook may go to. Checked when an endpoint is registered and again by every connection.

A name is resolved once and the very address that passed the check is the one connected to (`sending.py`), so a name
that points elsewhere a moment later (DNS rebinding) changes nothing. One bad address among several refuses them all:
a name that mixes public and private addresses is an attack or a mistake, never a webhook receiver.
"""

from __future__ import annotations

import ipaddress
import socket
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from django.conf import settings

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
# Metadata services of clouds, which some keep on addresses that are public by the registries.
METADATA = {
    ipaddress.ip_address(text)
    for text in ("169.254.169.254", "169.254.170.2", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::254")
}
NAT64 = [ipaddress.ip_network(text) for text in ("64:ff9b::/96", "64:ff9b:1::/48")]
MAX_URL = 2000


class Refused(Exception):
    """The address may not be used; the text says why and is fit for the partner."""

    def __init__(self, code: str, detail: str) -> None:
        super().__init__(detail)
        self.code, self.detail = code, detail


@dataclass(frozen=True, slots=True)
class Target:
    scheme: str
    host: str
    port: int
    path: str

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        usual = {"https": 443, "http": 80}[self.scheme]
        return host if self.port == usual else f"{host}:{self.port}"


def parse(url: str, *, livemode: bool) -> Target:
    """The parts of an URL that may be called, or Refused. Looks at the text only."""
    if not isinstance(url, str):
        raise Refused("url_invalid", "the URL is text such as https://example.com/webhooks")
    return _parse(url, livemode, bool(settings.WEBHOOKS_ALLOW_PRIVATE))


@lru_cache(maxsize=4096)
def _parse(url: str, livemode: bool, allow_private: bool) -> Target:
    if len(url) > MAX_URL or not url.isascii() or any(c <= " " or c == "\\" for c in url):
        raise Refused("url_invalid", f"the URL must be plain ASCII without spaces, at most {MAX_URL} characters")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise Refused("url_invalid", f"the URL cannot be read: {error}") from None
    if parts.scheme not in {"https", "http"} or not parts.hostname:
        raise Refused("url_invalid", "the URL must look like https://example.com/webhooks")
    if parts.scheme == "http" and livemode and not allow_private:
        raise Refused("url_not_https", "live events are only sent over https")
    if "@" in parts.netloc:
        raise Refused("url_credentials", "the URL carries a user name or password: use a custom header instead")
    if parts.fragment:
        raise Refused("url_invalid", "the URL has a part after #, which is never sent: leave it out")
    port = port if port is not None else {"https": 443, "http": 80}[parts.scheme]
    if port not in {80, 443} and port < 1024:
        raise Refused("url_port", f"port {port} belongs to another service: use 443, 80 or one from 1024")
    host = parts.hostname.rstrip(".")
    literal = as_literal(host)
    if literal is None:
        _check_name(host, allow_private)
    else:
        check(literal)
    path = parts.path or "/"
    return Target(parts.scheme, host, port, f"{path}?{parts.query}" if parts.query else path)


def _check_name(host: str, allow_private: bool) -> None:
    labels = host.split(".")
    if len(host) > 253 or not all(0 < len(label) <= 63 for label in labels):
        raise Refused("url_invalid", f"{host[:80]!r} is no host name")
    # 2130706433, 0x7f.1 and 127.1 are addresses to the C library, in notations nobody uses in earnest.
    if labels[-1].isdigit() or labels[-1].lower().startswith("0x"):
        raise Refused("url_invalid", f"{host[:80]!r} is neither a host name nor an address in its usual notation")
    if not allow_private and (len(labels) == 1 or labels[-1].lower() in {"localhost", "local", "internal"}):
        raise Refused("address_private", f"{host[:80]!r} is a name of a private network")


def as_literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def check(address: Address) -> None:
    """Refuse what is not a public address of one machine. With WEBHOOKS_ALLOW_PRIVATE loopback and private networks
    pass; metadata services and link-local addresses never do."""
    inner = _inside(address)
    if inner is not None:
        check(inner)
        return
    if address in METADATA or address.is_link_local:
        raise Refused("address_metadata", f"{address} is a link-local or metadata address: nothing is ever sent there")
    if address.is_multicast or address.is_unspecified or address.is_reserved:
        raise Refused("address_invalid", f"{address} is not the address of one machine")
    if not address.is_global and not (settings.WEBHOOKS_ALLOW_PRIVATE and (address.is_loopback or address.is_private)):
        raise Refused("address_private", f"{address} is private: webhooks go to public addresses only")


def check_text(address: str) -> None:
    _check_text(address, bool(settings.WEBHOOKS_ALLOW_PRIVATE))


@lru_cache(maxsize=4096)
def _check_text(address: str, allow_private: bool) -> None:
    check(ipaddress.ip_address(address))


def _inside(address: Address) -> Address | None:
    """The IPv4 address that an IPv6 one stands for (mapped, 6to4, Teredo, NAT64)."""
    if isinstance(address, ipaddress.IPv4Address):
        return None
    if address.ipv4_mapped:
        return address.ipv4_mapped
    if address.sixtofour:
        return address.sixtofour
    if address.teredo:
        return address.teredo[1]
    if any(address in network for network in NAT64):
        return ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
    return None


def checked(host: str, found: Iterable[Any]) -> list[str]:
    """The addresses of a getaddrinfo answer, all of them allowed; IPv4 first, because it is reachable more often."""
    addresses: list[Address] = []
    for entry in found:
        address = ipaddress.ip_address(str(entry[4][0]).partition("%")[0])
        check(address)
        if address not in addresses:
            addresses.append(address)
    if not addresses:
        raise Refused("dns", f"the name {host!r} has no address")
    return [str(address) for address in sorted(addresses, key=lambda a: a.version)[:4]]


Resolver = Callable[[str, int], list[Any]]


def resolve(host: str, port: int) -> list[Any]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


def check_url(url: str, *, livemode: bool, resolver: Resolver = resolve) -> Target:
    """What registration asks: the text, and every address the name has right now."""
    target = parse(url, livemode=livemode)
    if as_literal(target.host) is None:
        try:
            checked(target.host, resolver(target.host, target.port))
        except OSError as error:
            raise Refused("dns", f"the name {target.host!r} cannot be resolved ({error.strerror or error})") from None
    return target

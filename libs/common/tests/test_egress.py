"""The egress guard's judgement, address by address."""

from __future__ import annotations

import pytest

from queue_common.egress.addresses import read_address
from queue_common.egress.policy import EgressGuard, Rules


def guard(
    allow: str = "", deny: str = "", *, protected: tuple[tuple[str, int], ...] = ()
) -> EgressGuard:
    """Return a guard with the defaults of a worker, unless arguments say otherwise."""
    return EgressGuard.from_settings(allow=allow, deny=deny, protected=protected)


PUBLIC = [
    "1.1.1.1", "93.184.216.34", "172.32.0.1", "172.15.255.255", "192.167.1.1", "100.63.0.1",
    "100.128.0.1", "198.20.0.1", "11.0.0.1", "223.255.255.255", "2606:4700::1111",
    "::ffff:1.1.1.1", "64:ff9b::101:101", "2002:101:101::1",
]  # fmt: skip

NEVER = [
    "169.254.169.254", "169.254.0.1", "169.254.170.2", "100.100.100.200", "192.0.0.192",
    "168.63.129.16", "fe80::1", "fe80::1%eth0", "febf::1", "fd00:ec2::254", "fd00:ec2::23",
    "fd20:ce::254", "fd00:c1::a9fe:a9fe", "fd00:42::42",
    "::ffff:169.254.169.254", "::ffff:a9fe:a9fe", "::169.254.169.254", "64:ff9b::169.254.169.254",
    "64:ff9b:1::a9fe:a9fe", "64:ff9b:1:a9fe:a9:fe00::", "2002:a9fe:a9fe::1",
    "2001:0:a9fe:a9fe::1", "2001:0:101:101::5601:5601", "::ffff:0:169.254.169.254",
    "2606:4700::5efe:169.254.169.254", "2606:4700::200:5efe:a9fe:a9fe",
]  # fmt: skip

INTERNAL = [
    "127.0.0.1", "127.255.255.254", "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.96.0.1", "172.16.0.1",
    "172.31.255.255", "192.168.1.1", "100.64.0.1", "100.127.255.255", "192.0.0.1", "192.0.2.1",
    "198.18.0.1", "198.51.100.1", "203.0.113.1", "192.88.99.1", "224.0.0.1", "239.1.1.1",
    "240.0.0.1", "255.255.255.255", "::", "::1", "fc00::1", "fdff::1", "fec0::1", "ff02::1",
    "100::1", "2001:db8::1", "3fff::1", "2001::1", "2001:10::1", "4000::1", "5f00::1",
    "::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:0.0.0.0", "::127.0.0.1", "::10.0.0.1",
    "64:ff9b::10.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1.1.1.1", "2002:7f00:1::",
    "2002:c0a8:101::1", "2001:0:101:101::f5ff:fffe", "2606:4700::5efe:10.0.0.1",
    "::ffff:0:127.0.0.1",
]  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses(address: str) -> None:
    """The public internet may be delivered to, in whatever spelling."""
    assert guard().denial_reason("name", address) is None


@pytest.mark.parametrize("address", NEVER)
def test_metadata_addresses(address: str) -> None:
    """Link-local and metadata addresses are refused even where everything is allowed."""
    everything = guard("0.0.0.0/0, ::/0, name")

    for judge in (guard(), everything):
        reason = judge.denial_reason("name", address)

        assert reason is not None
        assert "never" in reason


@pytest.mark.parametrize("address", INTERNAL)
def test_internal_addresses(address: str) -> None:
    """What is not of the public internet is refused where nothing allows it."""
    reason = guard().denial_reason("name", address)

    assert reason == f"name ({address}) is not public, and not listed in EGRESS_ALLOW"


@pytest.mark.parametrize(
    ("allow", "host", "address", "allowed"),
    [
        ("10.0.0.0/8", "x", "10.1.2.3", True),
        ("10.0.0.0/8", "x", "::ffff:10.1.2.3", True),
        ("10.0.0.0/8", "x", "64:ff9b::10.1.2.3", True),
        ("10.0.0.0/8", "x", "11.1.2.3", True),
        ("10.0.0.0/8", "x", "192.168.0.1", False),
        ("10.1.2.3", "x", "10.1.2.3", True),
        ("10.1.2.3", "x", "10.1.2.4", False),
        ("::/0", "x", "::ffff:127.0.0.1", False),
        ("::/0", "x", "fd00::1", True),
        ("10.0.0.0/8", "x", "2001:0:a00:1::f5ff:fffe", False),
        ("internal.example", "internal.example", "10.0.0.1", True),
        ("internal.example", "a.b.Internal.Example.", "10.0.0.1", True),
        (".internal.example", "a.internal.example", "10.0.0.1", True),
        ("*.internal.example", "a.internal.example", "10.0.0.1", True),
        ("internal.example", "evilinternal.example", "10.0.0.1", False),
        ("internal.example", "internal.example.evil.example", "10.0.0.1", False),
        ("localhost", "localhost", "127.0.0.1", True),
    ],
)
def test_allow(allow: str, host: str, address: str, allowed: bool) -> None:
    """EGRESS_ALLOW opens addresses and names, and nothing beside them."""
    assert (guard(allow).denial_reason(host, address) is None) is allowed


@pytest.mark.parametrize(
    ("allow", "host", "address", "listed"),
    [
        ("10.0.0.0/8", "x", "10.1.2.3", True),
        ("10.0.0.0/8", "x", "::ffff:10.1.2.3", True),
        ("10.0.0.0/8", "x", "64:ff9b::10.1.2.3", True),
        ("10.0.0.0/8", "x", "2606:4700::5efe:10.1.2.3", False),
        ("10.0.0.0/8", "x", "1.1.1.1", False),
        ("::/0", "x", "::ffff:1.1.1.1", False),
        ("::/0", "x", "2606:4700::1", True),
        ("internal.example", "a.internal.example", "1.1.1.1", True),
        ("", "x", "1.1.1.1", False),
    ],
)
def test_what_is_listed(allow: str, host: str, address: str, listed: bool) -> None:
    """EGRESS_ALLOW lists what it names and what its networks hold, not what may be reached too."""
    assert guard(allow).lists(host, address) is listed


@pytest.mark.parametrize(
    ("deny", "host", "address"),
    [
        ("1.1.1.0/24", "x", "1.1.1.1"),
        ("1.1.1.0/24", "x", "::ffff:1.1.1.1"),
        ("2606:4700::/32", "x", "2606:4700::1"),
        ("evil.example", "www.EVIL.example.", "1.1.1.1"),
        ("10.1.0.0/16", "x", "10.1.0.1"),
        ("kubernetes.default.svc", "kubernetes.default.svc", "10.0.0.1"),
    ],
)
def test_deny(deny: str, host: str, address: str) -> None:
    """EGRESS_DENY stands over EGRESS_ALLOW."""
    reason = guard("10.0.0.0/8", deny).denial_reason(host, address)

    assert reason is not None
    assert reason.endswith("listed in EGRESS_DENY")


@pytest.mark.parametrize(
    ("known", "address"),
    [
        ("10.0.0.5", "10.0.0.5"),
        ("10.0.0.5", "::ffff:10.0.0.5"),
        ("127.0.0.1", "127.0.0.2"),
        ("127.0.0.1", "::1"),
        ("::1", "127.0.0.1"),
    ],
)
def test_protected_addresses(known: str, address: str) -> None:
    """Redis and the API server are refused at their port, however widely the rest is opened."""
    judge = guard("10.0.0.0/8, 127.0.0.0/8, ::1", protected=(("redis", 6379),))

    reason = judge.denial_reason("name", address, frozenset({read_address(known)}))

    assert reason is not None
    assert "the queue's own infrastructure" in reason
    assert judge.denial_reason("name", address) is None


@pytest.mark.parametrize(
    "entry",
    [
        "10.0.0.0/33", "10.0.0.1/8", "10.0.0", "256.1.1.1", "0x7f.1", "2130706433", "fe80::zz",
        "fd00::/129", "http://example.com", "example..com", "-example.com", "exa mple.com/8",
        "bücher.example", "*", ".", "a@b",
    ],
)  # fmt: skip
def test_a_mistake(entry: str) -> None:
    """What is neither an address nor a name is refused, and the message names it."""
    with pytest.raises(ValueError, match=r"is no address or CIDR|is neither a CIDR nor") as caught:
        Rules.read(f"192.0.2.1, {entry}")

    assert repr(entry.split()[-1]) in str(caught.value)


@pytest.mark.parametrize("entry", ["169.254.169.254", "169.254.0.0/16", "fe80::/64"])
def test_allowing_what_is_never_allowed(entry: str) -> None:
    """Allowing a metadata address is an error; it is not ignored silently."""
    with pytest.raises(ValueError, match=f"'{entry}.*never allowed"):
        guard(entry)


def test_names_through_a_proxy() -> None:
    """Through a proxy, which looks names up itself, denied and protected names are refused."""
    judge = guard(deny="evil.example", protected=(("redis", 6379),))

    assert judge.name_denial_reason("www.evil.example", 80) is not None
    assert judge.name_denial_reason("Redis.", 6379) is not None
    assert judge.name_denial_reason("redis", 80) is None
    assert judge.name_denial_reason("example.com", 443) is None

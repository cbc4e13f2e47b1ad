"""Which addresses are this machine's own."""

from __future__ import annotations

import pytest

from queue_common.egress.own import is_own_address


@pytest.mark.parametrize("address", ["127.0.0.1", "127.1.2.3", "::1", "::ffff:127.0.0.1"])
def test_own_addresses(address: str) -> None:
    """An address of an interface is the machine's own, however it is spelled."""
    assert is_own_address(address)


@pytest.mark.parametrize("address", ["8.8.8.8", "192.0.2.1", "2606:4700::1111", "2001:db8::1"])
def test_addresses_of_others(address: str) -> None:
    """All other addresses are not."""
    assert not is_own_address(address)

"""Whose address counts: nobody's word, but that of a proxy which the settings name."""

import pytest

from malote.api.proxies import Trusted

PROXIES = Trusted(["10.0.0.1", "192.168.7.0/24", "fd00::/8"])


@pytest.mark.parametrize(
    ("forwarded", "peer", "client"),
    [
        ([], "10.0.0.1", "10.0.0.1"),
        (["203.0.113.9"], "10.0.0.1", "203.0.113.9"),
        (["1.1.1.1", "203.0.113.9"], "10.0.0.1", "203.0.113.9"),  # what the client itself wrote stands before
        (["203.0.113.9", "192.168.7.4"], "10.0.0.1", "203.0.113.9"),
        (["1.1.1.1", "203.0.113.9", "192.168.7.4"], "10.0.0.1", "203.0.113.9"),
        (["192.168.7.4"], "10.0.0.1", "192.168.7.4"),  # nothing but proxies: the farthest
        (["203.0.113.9:4711"], "10.0.0.1", "203.0.113.9"),
        (["[2001:db8::1]:4711"], "10.0.0.1", "2001:db8::1"),
        (["2001:db8::1"], "fd00::7", "2001:db8::1"),
        (["::ffff:203.0.113.9"], "10.0.0.1", "203.0.113.9"),
        (["unknown"], "10.0.0.1", "10.0.0.1"),
        (["203.0.113.9", "_hidden", "192.168.7.4"], "10.0.0.1", "192.168.7.4"),
        (["<script>"], "10.0.0.1", "10.0.0.1"),
        ([""], "10.0.0.1", "10.0.0.1"),
    ],
)
def test_the_last_address_that_is_no_proxys(forwarded: list[str], peer: str, client: str) -> None:
    assert PROXIES.client(forwarded, peer) == client


def test_proxies_are_addresses_and_networks() -> None:
    assert PROXIES.has("192.168.7.200")
    assert PROXIES.has("::ffff:10.0.0.1")
    assert not PROXIES.has("10.0.0.2")
    assert not PROXIES.has("testclient")
    assert not Trusted([]).has("127.0.0.1")
    assert Trusted(["10.0.0.7/24"]).has("10.0.0.9")
    with pytest.raises(ValueError, match="proxy"):
        Trusted(["proxy.example"])

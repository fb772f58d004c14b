"""Where a webhook may be: never within, unless the settings say so."""

import socket
from typing import Any

import pytest

from malote.consumers.calling import CallError, check_address, resolve


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("ftp://a/", "webhook_address_invalid"),
        ("hook.example/path", "webhook_address_invalid"),
        ("https:///path", "webhook_address_invalid"),
        ("https://user:password@a/", "webhook_address_invalid"),
        ("https://a/#part", "webhook_address_invalid"),
        ("https://a:b/", "webhook_address_invalid"),
        ("http://hook.example/", "webhook_in_clear"),
        *(
            (f"https://{host}/", "webhook_address_private")
            for host in (
                "127.0.0.1", "10.0.0.1", "192.168.1.2", "172.16.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",  # noqa: S104
                "[::1]", "[::]", "[fe80::1]", "[fc00::1]", "[::ffff:127.0.0.1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]",
                "224.0.0.1", "255.255.255.255",
            )
        ),
    ],
)  # fmt: skip
def test_what_can_be_no_webhooks_address(url: str, code: str) -> None:
    with pytest.raises(CallError) as caught:
        check_address(url, private=False)
    assert caught.value.reason.code == code


def _leads_to(monkeypatch: pytest.MonkeyPatch, *addresses: str) -> None:
    def found(*_: Any, **__: Any) -> list[Any]:
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", found)


@pytest.mark.parametrize("addresses", [("10.1.1.1",), ("93.184.215.14", "127.0.0.1")])
def test_a_name_that_leads_within_is_refused(monkeypatch: pytest.MonkeyPatch, addresses: tuple[str, ...]) -> None:
    _leads_to(monkeypatch, *addresses)
    with pytest.raises(CallError) as caught:
        resolve("https://hook.example/", private=False)
    assert caught.value.reason.code == "webhook_address_private"


def test_the_connection_goes_to_what_was_looked_up(monkeypatch: pytest.MonkeyPatch) -> None:
    _leads_to(monkeypatch, "93.184.215.14")
    target = resolve("https://hook.example:8443/a?b=c", private=False)
    assert (target.url, target.host, target.authority) == (
        "https://93.184.215.14:8443/a?b=c", "hook.example", "hook.example:8443",
    )  # fmt: skip


def test_clear_text_is_for_private_networks_only(monkeypatch: pytest.MonkeyPatch) -> None:
    _leads_to(monkeypatch, "93.184.215.14")
    with pytest.raises(CallError) as caught:
        resolve("http://hook.example/", private=True)
    assert caught.value.reason.code == "webhook_in_clear"
    _leads_to(monkeypatch, "127.0.0.1")
    assert resolve("http://127.0.0.1:8/x", private=True).url == "http://127.0.0.1:8/x"

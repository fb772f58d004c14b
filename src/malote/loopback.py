"""Whether an address is this computer's own, so that nothing said to it leaves the computer."""

import ipaddress


def is_loopback(host: str) -> bool:
    """``host``: an address or a name. A name is believed only if it is the one that always means this."""
    bare = host.strip("[]").partition("%")[0].rstrip(".").lower()
    if bare == "localhost" or bare.endswith(".localhost"):
        return True
    try:
        address = ipaddress.ip_address(bare)
    except ValueError:
        return False
    mapped = getattr(address, "ipv4_mapped", None)
    return bool((mapped or address).is_loopback)

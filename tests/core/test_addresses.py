"""Which addresses are anybody's, and which show the inside of a network."""

import ipaddress

import pytest

from ccx_addons.core.addresses import is_public

PUBLIC = """
    93.184.216.34 8.8.8.8 2606:2800:220:1::1 2a00:1450:4001:80b::200e
    ::ffff:8.8.8.8 ::ffff:0:808:808 64:ff9b::5db8:d822 2606:2800:220:1:0:5efe:808:808
"""
INSIDE = """
    0.0.0.0 0.1.2.3 10.0.0.1 100.64.0.1 100.100.100.200 127.0.0.1 127.255.255.254 169.254.169.254 172.16.0.1 192.0.0.192
    192.0.2.1 192.168.1.1 198.18.0.1 198.51.100.7 203.0.113.9 224.0.0.1 240.0.0.1 255.255.255.255 168.63.129.16
    :: ::1 ::127.0.0.1 ::ffff:127.0.0.1 ::ffff:169.254.169.254 ::ffff:0:7f00:1 ::ffff:0:a00:1
    fd00::1 fd00:ec2::254 fc00::1 fe80::1 fec0::1 ff02::1 2001:db8::1 100::1
    2002:808:808::1 2002:7f00:1:: 2002:a9fe:a9fe::1 2002:c0a8:101::1 2001:0:4136:e378:8000:63bf:3fff:fdd2
    64:ff9b::7f00:1 64:ff9b::a9fe:a9fe 64:ff9b:1::7f00:1 64:ff9b:1::808:808 2606:2800:220:1:0:5efe:7f00:1
    2606:2800:220:1:200:5efe:a00:1 4000::1 192.0.0.9 192.88.99.1 2001:1::1 2001:20::1 3fff::1
"""


@pytest.mark.parametrize("text", PUBLIC.split())
def test_public(text: str) -> None:
    assert is_public(ipaddress.ip_address(text))


@pytest.mark.parametrize("text", INSIDE.split())
def test_inside(text: str) -> None:
    assert not is_public(ipaddress.ip_address(text))

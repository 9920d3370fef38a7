import pytest

from ccx_addons.auth import login
from ccx_addons.core.exchange import Headers
from tests.addons.flows import flow

TOKEN = ("authorization", "Bearer sk-ant-oat01-0123456789abcdef")
ACCOUNT = ("chatgpt-account-id", "acc")


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ((TOKEN,), (TOKEN,)),
        ((TOKEN, ACCOUNT, ("user-agent", "codex")), (TOKEN, ACCOUNT)),
        ((ACCOUNT,), ()),
        ((("authorization", " "),), ()),
        ((("x-goog-api-key", "AIza"),), (("x-goog-api-key", "AIza"),)),
    ],
)
def test_login_of(headers: Headers, found: Headers) -> None:
    assert login.login_of(headers) == found


def test_a_mask_tells_logins_apart_and_gives_none_away() -> None:
    one, other = (login.masked((("authorization", f"Bearer sk-ant-oat01-0123456789ab{end}"),)) for end in "xy")
    assert (
        one != other and "0123456789" not in one and one == login.masked((("x-api-key", "sk-ant-oat01-0123456789abx"),))
    )


def test_gateway_keys_are_those_of_the_own_header() -> None:
    assert login.gateway_keys((TOKEN, ("x-ccx-key", " k "), ("x-ccx-key", ""))) == [["k"]]


@pytest.mark.parametrize(
    ("host", "peer", "more", "here"),
    [
        ("127.0.0.1:3000", "127.0.0.1", {}, True),
        ("localhost", "::1", {}, True),
        ("[::1]:3000", "::1", {}, True),
        ("evil.test:3000", "127.0.0.1", {}, False),
        ("127.0.0.1:3000", "10.0.0.7", {}, False),
        ("127.0.0.1:3000", "127.0.0.1", {"origin": "null"}, False),
        ("127.0.0.1:3000", "127.0.0.1", {"x-forwarded-for": "1.1.1.1"}, False),
    ],
)
def test_who_is_on_this_machine(host: str, peer: str, more: dict[str, str], here: bool) -> None:
    found = flow()
    found.request.headers["host"] = host
    for name, value in more.items():
        found.request.headers[name] = value
    assert login.is_from_here(found, peer) is here

"""Every problem at once, each with its place."""

from tests.core.configs import CHANNEL, CLIENT, channel, problems

BROKEN = {
    "versoin": 1,
    "clients": [1, {**CLIENT, "kinds": ["x"]}, {**CLIENT, "name": "bob"}],
    "channels": [
        {**CHANNEL, "protocol": "x"},
        {**CHANNEL, "name": "two", "base_urls": ["nowhere"], "priority": "1"},
        {**CHANNEL, "name": "three", "proxy": "ftp://x", "route_prefix": "v1"},
    ],
    "policy": {"errors": "x", "bodies": {"redact": ["("]}},
    "prices": {"m": {}},
}
LINES = {"versoin": 1, "clients": 2, "clients[0]": 3, "clients[1]": 4, "channels[0]": 9, "channels[1].priority": 12}


def test_every_problem_at_once_in_the_order_of_the_file() -> None:
    found = problems(BROKEN, lines=LINES)
    assert {p.path: p.line for p in found} == {
        "versoin": 1,
        "clients[0]": 3,
        "clients[1].kinds[0]": 4,
        "clients[2].key": 2,
        "channels[0].protocol": 9,
        "channels[1].base_urls[0]": 0,
        "channels[1].priority": 12,
        "channels[2].proxy": 0,
        "channels[2].route_prefix": 0,
        "policy.errors": 0,
        "policy.bodies.redact[0]": 0,
        "prices.m": 0,
    }
    assert [p.line for p in found] == sorted(p.line for p in found)


def test_a_problem_without_a_line_of_its_own_has_its_parents() -> None:
    lines = {"channels": 3, "channels[0]": 4, "channels[0].limits": 7}
    assert problems(channel(limits={"rpm": -1}), lines=lines)[0].line == 7
    assert problems(channel(keys=[{"key": "a", "weight": 0}]), lines=lines)[0].line == 4

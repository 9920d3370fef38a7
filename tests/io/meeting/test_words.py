import pytest

from ccx_addons.io.meeting.words import names_of, refused_of
from ccx_addons.scheduler.budgets import Budget, Sums
from ccx_addons.scheduler.limits import Held, Refused
from ccx_addons.scheduler.tokens import Pace
from tests.io.meeting.rooms import ask


def test_a_budget_is_held_under_its_client() -> None:
    assert list(names_of(Held(("channel:c",), ("client:alice",)))) == ["channel:c", "client:alice"]
    assert list(names_of(Held(("client:alice",), ("client:alice",)))) == ["client:alice"]


@pytest.mark.parametrize(
    ("index", "wait", "expected"),
    [
        (0, 0, None),
        (1, 1500, Refused("a", "rpm", 1.5)),
        (2, -1, Refused("b", "concurrency", float("inf"))),
        (3, 0, Refused("p", "pace", 0.001)),
    ],
)
def test_what_an_answer_means(index: int, wait: int, expected: Refused | None) -> None:
    asked = ask("1", ("a", 1, 0), ("b", 0, 1))._replace(paces=(Pace("p", 5),))
    assert refused_of(asked, index, wait) == expected


@pytest.mark.parametrize(
    ("index", "wait", "expected"),
    [
        (-2, 0, ("a", "requests_per_month")),
        (-4, 0, ("a", "usd_per_month")),
        (-7, 0, ("a", "usd_per_day")),
        (-9, 0, ("b", "tokens_per_month")),
        (-9, 1000, ("b", "reserved")),
    ],
)
def test_whose_budget_it_is(index: int, wait: int, expected: tuple[str, str]) -> None:
    asked = ask("1")._replace(budgets=(Budget("a", Sums()), Budget("b", Sums())))
    refused = refused_of(asked, index, wait)
    assert refused and (refused.name, refused.why) == expected and refused.wait > 0

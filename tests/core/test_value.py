from dataclasses import replace

from ccx_addons.core.value import value


@value(frozen=True, slots=True)
class Place:
    row: int
    name: str = ""


def test_values_are_told_apart_by_what_they_hold_and_only_mypy_keeps_them_as_they_are() -> None:
    place = Place(1, "a")
    assert place == Place(1, "a") and hash(place) == hash(Place(1, "a")) and {place: 1}[Place(1, "a")]
    assert replace(place, row=2) == Place(2, "a") != place and repr(place) == "Place(row=1, name='a')"
    place.row = 3  # type: ignore[misc]
    assert place.row == 3 and "__setattr__" not in vars(Place), "to set a field costs no call"

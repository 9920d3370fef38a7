"""Names of functions as models say them back."""

import pytest

from ccx_addons.core.call_names import client_name

NAMES = {"bash": "bash", "get_weather": "get weather", "functions.own": "functions.own"}


@pytest.mark.parametrize(
    ("said", "name"),
    [
        ("bash", "bash"),
        ("get_weather", "get weather"),
        ("default_api.bash", "bash"),
        ("default_api:get_weather", "get weather"),
        ("functions.bash", "bash"),
        ("functions.bash:0", "bash"),
        ("functions.own", "functions.own"),
        ("bash<|channel|>commentary", "bash"),
        ("bash ", "bash"),
        ("other.bash", "other.bash"),
        ("functions.other", "functions.other"),
        ("bash2", "bash2"),
        ("", ""),
    ],
)
def test_client_name(said: str, name: str) -> None:
    assert client_name(NAMES, said) == name

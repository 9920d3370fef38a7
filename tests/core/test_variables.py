import pytest

from ccx_addons.core.variables import filled, missing, names, whole

ENVIRON = {"HOST": "a.example", "KEY": " sk-1\n", "EMPTY": " "}


@pytest.mark.parametrize(
    ("text", "named", "value", "lacks"),
    [
        ("env:KEY", ("KEY",), "sk-1", ()),
        ("${KEY}", ("KEY",), "sk-1", ()),
        ("Bearer ${KEY}", ("KEY",), "Bearer sk-1", ()),
        ("https://${HOST}/${KEY}/v1", ("HOST", "KEY"), "https://a.example/sk-1/v1", ()),
        ("env:GONE", ("GONE",), "env:GONE", ("GONE",)),
        ("${HOST}:${GONE}", ("HOST", "GONE"), "a.example:${GONE}", ("GONE",)),
        ("${EMPTY}", ("EMPTY",), "${EMPTY}", ("EMPTY",)),
        ("an env:KEY inside", (), "an env:KEY inside", ()),
        ("$KEY ${} ${1} env:", (), "$KEY ${} ${1} env:", ()),
    ],
)
def test_variables(text: str, named: tuple[str, ...], value: str, lacks: tuple[str, ...]) -> None:
    assert (names(text), filled(text, ENVIRON), missing(text, ENVIRON)) == (named, value, lacks)


def test_whole() -> None:
    assert [whole(text) for text in ("env:A", "${A}", "${A}b", "A")] == ["A", "A", "", ""]

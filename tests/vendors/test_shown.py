import pytest

from ccx_addons.vendors.shown import render, words


@pytest.mark.parametrize(
    ("value", "text"), [(True, "yes"), (False, "no"), ((), "none"), (("low", "max"), "low max"), (128, "128")]
)
def test_words(value: object, text: str) -> None:
    assert words(value) == text


def test_every_fact_is_a_line_with_its_page() -> None:
    first, *lines = render("https://api.groq.com/openai/v1", "zai-org/GLM-5.3").splitlines()
    assert first == "Groq answers there; zai-org/GLM-5.3 is made by Zhipu"
    (efforts,) = [line.split() for line in lines if " efforts " in line and line.startswith("Chat")]
    assert efforts[2:6] == ["efforts", "low", "high", "max"] and efforts[-1].startswith("https://docs.z.ai/")


def test_who_is_not_known_has_the_defaults() -> None:
    assert render("https://relay.example.com", "m").splitlines() == [
        "nobody known answers there; nobody known makes m", "the defaults of each protocol hold",
    ]  # fmt: skip

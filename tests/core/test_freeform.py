import pytest

from ccx_addons.core.freeform import text_in


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ('{"input":"a\\nb"}', "a\nb"),
        ('{"input":"a","why":"x"}', "a"),
        ('{"patch":"a"}', "a"),
        ('{"input":{"patch":"a"}}', "a"),
        ('"a"', "a"),
        ("{}", ""),
        ("", ""),
        ("*** Begin Patch", "*** Begin Patch"),
        ("{broken", "{broken"),
        ('{"path":"a","diff":"b"}', '{"path":"a","diff":"b"}'),
        ('{"patch":["a"]}', '{"patch":["a"]}'),
        ('{"input":5}', '{"input":5}'),
    ],
)
def test_text_in(arguments: str, text: str) -> None:
    assert text_in(arguments) == text

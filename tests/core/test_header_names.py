import pytest

from ccx_addons.core.header_names import is_ours, is_private


@pytest.mark.parametrize(
    ("name", "ours", "private"),
    [
        ("Authorization", True, True),
        ("x_api_key", True, True),
        ("x-ccx-channel", True, True),
        ("Transfer-Encoding", True, True),
        ("api-key", False, True),
        ("x-amz-security-token", False, True),
        ("cf-aig-authorization", False, True),
        ("OpenAI-Project", False, True),
        ("anthropic-workspace-id", False, True),
        ("set-cookie", False, True),
        ("x-user-id", False, False),
        ("x-tokenizer", False, False),
        ("http-referer", False, False),
        ("x-author", False, False),
    ],
)
def test_whose_a_header_is(name: str, ours: bool, private: bool) -> None:
    assert (is_ours(name), is_private(name)) == (ours, private)

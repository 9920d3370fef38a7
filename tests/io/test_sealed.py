import re

import pytest

from ccx_addons.core.errors import ConfigErrors
from ccx_addons.core.settings import Settings
from ccx_addons.io.sealed import PLAIN, Seal, is_sealed, seal_of

TEXT = "keys: [sk-ant-0123456789]  # 你好"
OLD, NEW, BOTH = (
    Seal("old-secret-0123456789"),
    Seal("new-secret-0123456789"),
    Seal("new-secret-0123456789", "old-secret-0123456789"),
)


@pytest.mark.parametrize(("closes", "opens"), [(OLD, OLD), (OLD, BOTH), (BOTH, NEW), (PLAIN, PLAIN), (PLAIN, NEW)])
def test_who_has_the_secret_reads_it(closes: Seal, opens: Seal) -> None:
    text = closes.closed(TEXT, "r1")
    assert opens.opened(text, "r1") == TEXT
    assert ("sk-ant" in text) == (closes is PLAIN) != is_sealed(text)


def test_the_same_text_is_never_sealed_alike() -> None:
    assert OLD.closed(TEXT, "r1") != OLD.closed(TEXT, "r1") and OLD.closed(TEXT, "r1").startswith(OLD.mark)
    assert BOTH.mark == NEW.mark != OLD.mark and PLAIN.mark == ""


@pytest.mark.parametrize(
    ("text", "seal", "words"),
    [
        (OLD.closed(TEXT, "r1"), PLAIN, "CCX_CONFIG_SECRET: is not set here"),
        (OLD.closed(TEXT, "r1"), NEW, "CCX_CONFIG_SECRET: is another one"),
        (OLD.closed(TEXT, "another revision"), OLD, "version r1 was changed in the database by somebody else"),
        (OLD.closed(TEXT, "r1")[:-8] + "AAAAAAA=", OLD, "was changed"),
        (OLD.mark + "no base64!", OLD, "was changed"),
        (OLD.mark, OLD, "was changed"),
    ],
)
def test_who_has_not_is_told_why(text: str, seal: Seal, words: str) -> None:
    with pytest.raises(ConfigErrors, match=re.escape(words)):
        seal.opened(text, "r1")


def test_settings_name_the_secrets_and_the_first_seals() -> None:
    seal = seal_of(Settings(ccx_config_secret=" new-secret-0123456789 ,old-secret-0123456789,"))
    assert seal.mark == NEW.mark and seal.opened(OLD.closed(TEXT, "r"), "r") == TEXT
    assert seal_of(Settings()).mark == "" and seal is seal_of(
        Settings(ccx_config_secret="new-secret-0123456789,old-secret-0123456789")
    )

"""Receivers in the text of ccx.yaml: what nobody touched stays as it was written."""

import pytest

from ccx_addons.io.yaml_file import edited
from ccx_admin.alerts import edits
from ccx_admin.api.problem import Failure

TEXT = """\
version: 1
# whom we tell
alerts:
  - {name: ops, url: env:OPS_WEBHOOK, secret: env:OPS_SECRET}   # on call
  - {name: team, url: env:TEAM_WEBHOOK, format: slack}
"""


def test_a_receiver_is_added_behind_the_others() -> None:
    after = edited(TEXT, edits.add_alert({"name": "new", "url": "env:NEW", "chat": None}))
    assert after.startswith(TEXT) and "name: new" in after and "chat" not in after


def test_only_what_is_named_is_changed() -> None:
    after = edited(TEXT, edits.patch_alert("ops", {"enabled": False}))
    assert "url: env:OPS_WEBHOOK, secret: env:OPS_SECRET, enabled: false" in after and "# on call" in after
    assert after.splitlines()[-1] == TEXT.splitlines()[-1]
    assert "format" not in edited(TEXT, edits.patch_alert("team", {"format": None}))


def test_one_is_deleted() -> None:
    assert edited(TEXT, edits.delete_alert("team")) == TEXT[: TEXT.index("  - {name: team")]


@pytest.mark.parametrize("values", [{"name": "x", "password": "y"}, {"events": [], "to": 1}])
def test_settings_that_nobody_knows(values: dict[str, object]) -> None:
    with pytest.raises(Failure):
        edits.add_alert(values)
    with pytest.raises(Failure):
        edits.patch_alert("ops", values)

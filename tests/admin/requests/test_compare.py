from ccx_addons.protocols.compare import Difference
from ccx_admin.requests.compare import GROUPS, MARKS


def test_every_group_and_mark_has_its_words() -> None:
    hints = Difference.__annotations__
    assert {group for group, _words in GROUPS} == set(hints["group"].__value__.__args__)
    assert MARKS.keys() == set(hints["mark"].__value__.__args__) - {"same"}

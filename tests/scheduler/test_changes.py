"""What changed, until it is written down and told."""

from ccx_addons.scheduler.changes import Changes, Event


def test_there_is_something_to_write_down_until_it_is() -> None:
    changes = Changes()
    assert not changes
    for name, what in (
        ("breakers", ("chat", "c", ("", "", ""))),
        ("keys", ("chat", "c", "k", "m")),
        ("traces", ("chat", "t")),
    ):
        getattr(changes, name).add(what)
        assert changes
        changes.clear()
        assert not changes
    changes.events.append(Event("info", "key", "words"))
    assert changes
    changes.clear()
    assert not changes

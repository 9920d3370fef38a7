from ccx_addons.telemetry import Ids, new


def test_an_attempt_keeps_its_id() -> None:
    ids = Ids(1, 2)
    assert ids.of(2) == ids.of(2) != ids.of(1) and len(ids.attempts) == 2


def test_ids_are_never_zero_and_fit() -> None:
    assert all(0 < new(8) < 1 << 64 for _ in range(100))

from ccx_addons.core import hooks


def test_every_function_is_told_of() -> None:
    assert hooks.__doc__ and all(f"def {name}(" in hooks.__doc__ for name in hooks.NAMES)

from ccx_addons.vendors.facts import Facts, Family, names

SINCE = Family(
    names(r"m-(?P<major>\d)(?:\.(?P<minor>\d))?|m-latest"), Facts("https://example.com"), (2, 1), (3, 0), (2, 5)
)


def test_a_family_is_bounded_by_versions() -> None:
    found = [name for name in ("m-2", "m-2.1", "m-2.9", "m-3", "m-latest", "other") if SINCE.has(name)]
    assert found == ["m-2.1", "m-2.9", "m-latest"]

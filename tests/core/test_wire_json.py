import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.core.wire_json import MAX_DEPTH, BadJson, JsonBody, dumps, loads, loads_object

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
OBJECTS = st.dictionaries(st.text(), JSON, max_size=5)


@given(OBJECTS, st.booleans(), st.sampled_from([None, 1]))
def test_parse_agrees_with_json(value: dict[str, object], ascii_only: bool, indent: int | None) -> None:
    body = JsonBody.parse(json.dumps(value, ensure_ascii=ascii_only, indent=indent).encode("utf-8", "surrogatepass"))
    assert body.members == value


@given(OBJECTS, OBJECTS, st.lists(st.text()), st.sampled_from([None, 1]))
def test_edit_is_json_with_the_changes(
    value: dict[str, object], changes: dict[str, object], drop: list[str], indent: int | None
) -> None:
    body = JsonBody.parse(json.dumps(value, indent=indent).encode())
    dropped = frozenset([*drop, *list(value)[:1]])
    expected = {k: v for k, v in value.items() if k not in dropped or k in changes} | changes
    assert json.loads(body.edit(changes, dropped)) == expected
    assert json.loads(body.edit(changes)) == value | changes


def test_a_member_takes_the_place_of_another() -> None:
    body = JsonBody.parse(b'{ "a": 1 ,"b" :{"c":2}, "d":[] }')
    assert body.spliced({"b": '{ "c":3}', "a": '"x"', "z": "1"}) == b'{ "a": "x" ,"b" :{ "c":3}, "d":[] }'


def test_an_edit_touches_only_its_member() -> None:
    body = JsonBody.parse(b' { "model" : "a", "x":[1,{"y":2.50}] ,"s":"\\ud800\\/"} ')
    assert body.edit({"model": "b"}) == b' { "model" : "b", "x":[1,{"y":2.50}] ,"s":"\\ud800\\/"} '
    assert body.edit({}) == b' { "model" : "a", "x":[1,{"y":2.50}] ,"s":"\\ud800\\/"} '


@pytest.mark.parametrize(
    ("body", "words"),
    [
        pytest.param(b"", "Expecting value", id="empty"),
        pytest.param(b"[1]", "must be a JSON object", id="array"),
        pytest.param(b"nul", "Expecting value", id="half a word"),
        pytest.param(b'{"a":1,"a":2}', "twice", id="member twice"),
        pytest.param(b'{"a":NaN}', "NaN", id="NaN"),
        pytest.param(b'{"a":1}x', "extra data", id="rest"),
        pytest.param(b'{"a":1,}', "member name", id="trailing comma"),
        pytest.param(b'{"a" 1}', "':'", id="no colon"),
        pytest.param(b'{"a":1 "b":2}', "','", id="no comma"),
        pytest.param(b'{"a":', "expected a value", id="cut"),
        pytest.param(b'{"a":' + b"[" * 200_000, "nested too deeply", id="deep"),
        pytest.param(b'{"a":' + b"[" * 200 + b"]" * 200 + b"}", "nested too deeply", id="201 levels"),
        pytest.param(b"{" + b",".join(b'"%d":0' % n for n in range(1001)) + b"}", "1000 members", id="1,001 members"),
        pytest.param(b'{"a":' + b"1" * 6000 + b"}", "digits", id="6,000 digits"),
        pytest.param(b"\xff", "not UTF-8", id="not UTF-8"),
    ],
)
def test_bad_bodies_say_what_is_wrong(body: bytes, words: str) -> None:
    with pytest.raises(BadJson, match=words):
        JsonBody.parse(body)


def test_depth_counts_what_is_inside_each_other() -> None:
    deepest = "[" * MAX_DEPTH + "]" * MAX_DEPTH
    assert (
        loads(deepest) and loads(f"[{deepest[1:-1]},{deepest[1:-1]}]") and loads(json.dumps("[" * 1000)) == "[" * 1000
    )
    inside = deepest[1:-1].replace("[]", "[{}]"), deepest[1:-1].replace("[]", '[1,"[",{"a":"]"}]')
    assert all(loads(text) for text in inside)
    for text in (f"[{deepest}]", f'[1,{{"a":{deepest}}}]', *(f"[{text}]" for text in inside)):
        with pytest.raises(BadJson, match="nested too deeply"):
            loads(text)
    assert len(JsonBody.parse(f'{{ \n\t"a" :  {deepest[1:-1]}\r\n}} '.encode()).members) == 1


@given(st.binary(max_size=200))
def test_any_bytes_parse_or_are_bad_json(body: bytes) -> None:
    try:
        JsonBody.parse(body)
    except BadJson:
        assert loads_object(body) is None or b'"' in body


def test_lone_surrogates_stay_escaped() -> None:
    assert dumps("\ud800") == b'"\\ud800"'
    assert loads(dumps({"a": "é"})) == {"a": "é"}

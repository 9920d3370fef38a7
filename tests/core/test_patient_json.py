"""Reading and writing in steps gives what the json module gives, wherever the steps end."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.core import patient_json, wire_json
from ccx_addons.core.patient_json import MAX_INSIDE, pieces, weight
from ccx_addons.core.wire_json import BadJson, JsonBody, dump_text, dumps_from, loads

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text('ab,"\\]}é'),
    lambda inner: st.lists(inner, max_size=6) | st.dictionaries(st.text('k,"]}'), inner, max_size=6),
    max_leaves=40,
)


@pytest.fixture(autouse=True, params=[(4, 8), (16, 64)], ids=["tiny steps", "small steps"])
def steps(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Everything is large."""
    monkeypatch.setattr(patient_json, "FIRST_STEP", request.param[0])
    monkeypatch.setattr(patient_json, "STEP", request.param[1])
    monkeypatch.setattr(patient_json, "MAX_INSIDE", 50)
    monkeypatch.setattr(wire_json, "BIG", 0)


def outcome(text: str, read: Any) -> Any:
    """The value in a list; None: it was refused."""
    try:
        return [read(text)]
    except ValueError:
        return None


@given(JSON, st.sampled_from([None, 0, 3]), st.booleans())
def test_reading_agrees_with_json(value: Any, indent: int | None, ascii_only: bool) -> None:
    text = json.dumps(value, indent=indent, ensure_ascii=ascii_only)
    assert loads(text) == value
    assert JsonBody.parse(f'{{"a": {text}, "b":1}}'.encode()).members == {"a": value, "b": 1}


@given(JSON, st.integers(0, 200), st.sampled_from([*'[]{},:"\\ 1x', ""]))
def test_what_is_wrong_is_refused(value: Any, at: int, change: str) -> None:
    text = json.dumps(value)
    text = text[:at] + change + text[at + 1 :]
    assert outcome(text, loads) == outcome(text, json.loads)


@given(JSON)
def test_writing_agrees_with_json(value: Any) -> None:
    assert dumps_from(1, value).decode() == dump_text(value) == "".join(pieces(value, dump_text))


def test_an_outline_is_a_body_without_the_inside_of_large_strings() -> None:
    file, text = "QUJD" * 300_000, "ü\n" * 300_000
    value = {"model": "m", "files": [{"type": "image", "data": file}, {"file_id": "f1"}], "text": text, "ü": "x"}
    data = json.dumps(value, ensure_ascii=False).encode()
    assert JsonBody.parse(data).outline.decode() == (
        f'{{"model": "m", "files": [{{"type": "image", "data": "{file[:255]}{file[-255:]}"}}, {{"file_id": "f1"}}], '
        f'"text": {json.dumps(text, ensure_ascii=False)[:256]}{json.dumps(text, ensure_ascii=False)[-256:]}, '
        f'"ü": "x"}}'
    )
    small = b'{"model": "m"}'
    assert JsonBody.parse(small).outline == small


def test_no_call_gets_more_than_a_step() -> None:
    calls: list[int] = []
    whole = wire_json._scan

    def scan(text: str, at: int) -> tuple[Any, int]:
        value, end = whole(text, at)
        calls.append(end - at)
        return value, end

    def write(value: Any) -> str:
        calls.append(len(text := dump_text(value)))
        return text

    value = [{"a": [1, 2, {"b": "xyz"}] * 9, "c": [0] * 500}] * 20 + [7] * 1000
    text = json.dumps(value)
    assert patient_json.PatientScanner(scan).scan(text, 0) == (value, len(text))
    assert max(calls) <= patient_json.STEP + len("[]")
    calls.clear()
    assert json.loads("".join(pieces(value, write))) == value
    assert max(calls) <= 4 * patient_json.STEP and weight("x" * 99) > patient_json.STEP


def test_lone_surrogates_stay_escaped() -> None:
    assert dumps_from(1, ["\ud800"] * 99) == wire_json.dumps(["\ud800"] * 99)


def test_large_containers_stand_in_few_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(patient_json, "MAX_INSIDE", MAX_INSIDE)
    inner = json.dumps("x" * 200)
    with pytest.raises(BadJson, match="nested too deeply"):
        loads(f"[{inner},".replace(" ", "") * 30 + "1" + "]" * 30)

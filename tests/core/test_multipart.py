import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.core.multipart import MAX_FIELD, MAX_HEAD, MAX_PARTS, BadForm, edited, fields

KIND = "multipart/form-data; boundary=frontier"
WANTED = frozenset({"model", "stream"})


def part(head: str, value: bytes) -> bytes:
    return f"--frontier\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + value + b"\r\n"


IMAGE = part('name="image"; filename="a.png"\r\nContent-Type: image/png', b"\x89PNG\r\n\r\n--front" * 3)
END = b"--frontier--\r\n"


def test_a_field_is_replaced_and_all_else_stays() -> None:
    body = IMAGE + part('name="model"', b"gpt-image-2") + part('name="prompt"', b"a cat") + END
    found = fields(body, KIND, WANTED)
    assert found["model"].value == "gpt-image-2" and "prompt" not in found
    assert edited(body, {found["model"]: "other"}) == body.replace(b"gpt-image-2", b"other")


@pytest.mark.parametrize("last", [False, True])
def test_a_field_is_left_out_with_its_part(last: bool) -> None:
    stream = part('name="stream"', b"true")
    parts = [part('name="model"', b"m"), IMAGE]
    body = b"".join([*parts, stream] if last else [stream, *parts]) + END
    found = fields(body, KIND, WANTED)
    changes = {found["model"]: "other", found["stream"]: None}
    assert edited(body, changes) == b"".join(parts).replace(b"\r\n\r\nm\r\n", b"\r\n\r\nother\r\n") + END


def test_files_and_long_values_are_no_fields() -> None:
    body = part('name="model"; filename="x"', b"a") + part('name="stream"', b"a" * (MAX_FIELD + 1)) + END
    assert fields(body, KIND, WANTED) == {}


WHOLE = IMAGE + part('name="model"', b"m") + END
MODEL = part('name="model"', b"other")


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        pytest.param(WHOLE, "multipart/form-data", id="no boundary"),
        pytest.param(WHOLE, KIND + "; boundary=other", id="two boundaries"),
        pytest.param(b"", KIND, id="empty"),
        pytest.param(WHOLE[:-20], KIND, id="cut"),
        pytest.param(b"--frontier\r\n--frontier--", KIND, id="a part without a head"),
        pytest.param(b"x\r\n" + WHOLE, KIND, id="words before it"),
        pytest.param(WHOLE + MODEL, KIND, id="parts after its end"),
        pytest.param(WHOLE.replace(END, b"--frontier--x\r\n" + MODEL + END), KIND, id="an end that is none"),
        pytest.param(WHOLE.replace(b"\x89PNG\r\n", b"\x89PNG\n" + MODEL), KIND, id="a boundary after a bare line feed"),
        pytest.param(WHOLE.replace(END, b"--frontierx\r\n" + MODEL + END), KIND, id="a longer boundary"),
        pytest.param(WHOLE.replace(END, MODEL + END), KIND, id="a name twice"),
        pytest.param(WHOLE.replace(END, part("name=model", b"o") + END), KIND, id="a name twice, once without quotes"),
        pytest.param(WHOLE.replace(END, part('name="model"; filename="m"', b"o") + END), KIND, id="a file of the name"),
        pytest.param(WHOLE.replace(END, part('name="a"; name="model"', b"o") + END), KIND, id="two names"),
        pytest.param(WHOLE.replace(END, part("name=\"a\"; name*=utf-8''model", b"o") + END), KIND, id="another form of it"),
        pytest.param(WHOLE.replace(END, part('name="mod\\el"', b"o") + END), KIND, id="an escape"),
        pytest.param(WHOLE.replace(END, part('name="Model"', b"o") + END), KIND, id="other letters"),
        pytest.param(WHOLE.replace(END, part('x="a"', b"o") + END), KIND, id="no name"),
        pytest.param(
            WHOLE.replace(END, part('name="a"\r\nContent-Disposition: form-data; name="model"', b"o") + END), KIND,
            id="two dispositions",
        ),
        pytest.param(WHOLE.replace(END, part('name="a"\r\n ; name="model"', b"o") + END), KIND, id="a folded line"),
    ],
)  # fmt: skip
def test_what_readers_disagree_about_is_refused(body: bytes, kind: str) -> None:
    assert fields(WHOLE, KIND, WANTED)["model"].value == "m"
    with pytest.raises(BadForm):
        fields(body, kind, WANTED)


def test_quotes_in_a_files_name() -> None:
    body = WHOLE.replace(b"a.png", rb"a \"; name=\"b\" \\.png")
    assert fields(body, KIND, WANTED)["model"].value == "m"
    with pytest.raises(BadForm):
        fields(WHOLE.replace(b"a.png", rb'a\"; name="model"; x='), KIND, WANTED)


def test_another_headers_name_is_none() -> None:
    odd = b'--frontier\r\ncontent-type: text/plain; name="x"\r\ncontent-disposition: form-data; name=model\r\n\r\nm\r\n'
    assert fields(odd + END, KIND, WANTED)["model"].value == "m"


def test_parts_and_their_heads_are_bounded() -> None:
    def body(parts: int, head: int) -> bytes:
        return part('name="a"', b"") * parts + part('name="model"; x=' + "x" * head, b"m") + END

    assert fields(body(MAX_PARTS - 2, 1), KIND, WANTED)["model"].value == "m"
    for parts, head in ((MAX_PARTS, 1), (0, MAX_HEAD)):
        with pytest.raises(BadForm):
            fields(body(parts, head), KIND, WANTED)


@given(st.binary(), st.text(max_size=20))
def test_any_bytes_give_fields_or_are_refused(body: bytes, boundary: str) -> None:
    for raw, kind in ((body, f"multipart/form-data; boundary={boundary}"), (b"--frontier" + body, KIND)):
        with contextlib.suppress(BadForm):
            fields(raw, kind, WANTED)

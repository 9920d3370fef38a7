from hypothesis import given
from hypothesis import strategies as st

from ccx_addons.core.multipart import MAX_FIELD, MAX_HEAD, MAX_PARTS, fields, replace

KIND = "multipart/form-data; boundary=frontier"
WANTED = frozenset({"model", "stream"})


def part(head: str, value: bytes) -> bytes:
    return f"--frontier\r\nContent-Disposition: form-data; {head}\r\n\r\n".encode() + value + b"\r\n"


IMAGE = part('name="image"; filename="a.png"\r\nContent-Type: image/png', b"\x89PNG\r\n\r\n--front" * 3)
END = b"--frontier--\r\n"


def test_a_field_is_replaced_and_all_else_stays() -> None:
    body = IMAGE + part('name="model"', b"gpt-image-2") + part('name="prompt"', b"a cat") + END
    found = fields(body, KIND, WANTED)
    assert found and found["model"].value == "gpt-image-2" and "prompt" not in found
    assert replace(body, found["model"], "other") == body.replace(b"gpt-image-2", b"other")


def test_files_and_long_values_are_no_fields() -> None:
    body = part('name="model"; filename="x"', b"a") + part('name="stream"', b"a" * (MAX_FIELD + 1)) + END
    assert fields(body, KIND, WANTED) == {}


def test_malformed_bodies_are_none() -> None:
    whole = IMAGE + part('name="model"', b"m") + END
    assert fields(whole, "multipart/form-data", WANTED) is None
    assert fields(b"", KIND, WANTED) is None
    assert fields(whole[:-20], KIND, WANTED) is None
    assert fields(b"--frontier\r\n--frontier--", KIND, WANTED) is None, "a part without a head"


def test_parts_and_their_heads_are_bounded() -> None:
    def body(parts: int, head: int) -> bytes:
        return part('name="a"', b"") * parts + part('name="model"; x=' + "x" * head, b"m") + END

    assert fields(body(MAX_PARTS - 2, 0), KIND, WANTED) is not None
    assert fields(body(MAX_PARTS, 0), KIND, WANTED) is None
    assert fields(body(0, MAX_HEAD), KIND, WANTED) is None


@given(st.binary(), st.text(max_size=20))
def test_any_bytes_give_fields_or_none(body: bytes, boundary: str) -> None:
    fields(body, f"multipart/form-data; boundary={boundary}", WANTED)
    fields(b"--frontier" + body, KIND, WANTED)

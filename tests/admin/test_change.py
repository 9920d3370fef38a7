"""Two changes at once, and the way back."""

from pathlib import Path

import pytest
from flask import Flask, g

from ccx_admin import change
from ccx_admin.access.users import THE_ADMIN
from tests.admin import seed
from tests.admin.conftest import Api

MAIN = "/api/channels/ch_main0001"


@pytest.mark.parametrize(
    ("tag", "revision"),
    [('"abc"', "abc"), ('W/"abc"', "abc"), ("abc", "abc"), ("*", None), ("", None), (None, None)],
)
def test_what_the_caller_saw(app: Flask, tag: str | None, revision: str | None) -> None:
    with app.test_request_context(headers={"If-Match": tag} if tag is not None else {}):
        g.user = THE_ADMIN
        assert change.asked().expected == revision


@pytest.mark.parametrize("text", ["", "x", "[]", "1", '{"/a": "both"}', "[" * 10_000])
def test_choices_that_are_none(app: Flask, text: str) -> None:
    with app.test_request_context(headers={"X-Resolve": text}):
        g.user = THE_ADMIN
        assert change.asked().chosen == {}


def stale(api: Api) -> dict[str, str]:
    return {"If-Match": api.get("/api/config")["revision"]}


def test_changes_of_different_things_go_together(api: Api) -> None:
    seen = stale(api)
    api.do("PATCH", MAIN, {"note": "by ann"}, headers=seen)
    api.do("PATCH", MAIN, {"tags": ["by-bob"]}, headers=seen)
    found = api.get("/api/channels")["channels"][0]
    assert (found["note"], found["tags"]) == ("by ann", ["by-bob"])


def test_a_clash_shows_three_sides_without_secrets_and_is_settled_by_a_choice(api: Api) -> None:
    seen = stale(api)
    api.do("PATCH", MAIN, {"note": "theirs", "headers": {"x-one": "their-secret-123456"}}, headers=seen)
    found = api.do("PATCH", MAIN, {"note": "mine", "headers": {"x-one": "my-secret-1234567"}}, 409, headers=seen)
    note = next(clash for clash in found["clashes"] if clash["place"].endswith("note"))
    assert (note["theirs"], note["mine"]) == ("theirs", "mine")
    assert "secret-123" not in str(found)
    assert all(secret not in str(found) for secret in seed.SECRETS)
    choice = str({clash["pointer"]: "theirs" for clash in found["clashes"]}).replace("'", '"')
    api.do("PATCH", MAIN, {"note": "mine", "tags": ["t"]}, headers=seen | {"X-Resolve": choice})
    found = api.get("/api/channels")["channels"][0]
    assert (found["note"], found["tags"]) == ("theirs", ["t"])


def test_a_version_nobody_knows_is_told_with_the_way_on(api: Api) -> None:
    found = api.do("PATCH", MAIN, {"note": "mine"}, 409, headers={"If-Match": "0" * 16})
    assert found["clashes"] == [] and "+    note: mine" in found["mine"]
    api.do("PATCH", MAIN, {"note": "mine"}, headers={"If-Match": found["revision"]})


def test_every_change_says_how_to_take_it_back(api: Api, folder: Path) -> None:
    answer = api("PATCH", MAIN, {"note": "x"})
    revision = answer.headers["X-Undo"]
    api.do("PATCH", MAIN, {"tags": ["later"]})
    assert "X-Undo" not in api("PATCH", MAIN, {"note": "x"}).headers, "nothing changed"
    back = api("POST", "/api/config/undo", {"revision": revision})
    found = api.get("/api/channels")["channels"][0]
    assert (found["note"], found["tags"]) == ("", ["later"])
    api.do("POST", "/api/config/undo", {"revision": back.headers["X-Undo"]})
    assert api.get("/api/channels")["channels"][0]["note"] == "x"
    api.do("POST", "/api/config/undo", {"revision": "nothing"}, 404)


def test_the_whole_text_is_merged(api: Api, folder: Path) -> None:
    seen, text = stale(api), api.get("/api/config")["text"]
    api.do("PATCH", MAIN, {"note": "by ann"}, headers=seen)
    mine = text + "# by bob\n"
    assert "+# by bob" in api.do("POST", "/api/config/validate", {"text": mine}, headers=seen)["diff"]
    answer = api("PUT", "/api/config", {"text": mine}, headers=seen)
    assert answer.status_code == 200 and answer.headers["X-Undo"]
    saved = (folder / "ccx.yaml").read_text()
    assert "note: by ann" in saved and saved.endswith("# by bob\n") and "kept:" not in saved

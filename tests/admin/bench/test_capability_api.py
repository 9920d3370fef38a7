from pathlib import Path

import pytest

from tests.admin.conftest import Api
from tests.patience import wait_for
from tests.wire.program import Fake


@pytest.fixture(autouse=True)
def config(folder: Path, fake: Fake) -> None:
    urls = f'base_urls: ["{fake.url}"], keys: [k-0123456789ab]'
    (folder / "ccx.yaml").write_text(
        "version: 1\nchannels:\n"
        f"  - {{name: one, id: ch_one, protocol: chat, {urls}}}\n"
        f"  - {{name: two, id: ch_two, protocol: images, {urls}}}\n"
    )


def test_start_and_follow(api: Api) -> None:
    body = {"models": ["m"], "checks": ["text", "image"], "protocols": ["gemini", "chat"], "rpm": 60}
    job = api.do("POST", "/api/channels/ch_one/capability", body, 202)
    assert (job["state"], job["done"], len(job["cells"])) == ("running", 0, 4)
    place = f"/api/capability/{job['id']}"
    wait_for(lambda: api.get(place)["state"] != "running")
    job = api.get(place)
    assert job["state"] == "done" and {cell["state"] for cell in job["cells"]} == {"ok"}
    assert [cell["text"] for cell in job["cells"] if cell["check"] == "image"] == ["Red.", "Red."]


def test_cancel(api: Api) -> None:
    job = api.do("POST", "/api/channels/ch_one/capability", {"models": ["m"], "rpm": 1}, 202)
    api.do("POST", "/api/channels/ch_one/capability", {"models": ["m"]}, 409)
    assert api.do("DELETE", f"/api/capability/{job['id']}")["state"] in ("cancelling", "cancelled")
    wait_for(lambda: api.get(f"/api/capability/{job['id']}")["state"] == "cancelled")


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        pytest.param("ch_none", {"models": ["m"]}, 404, id="no such channel"),
        pytest.param("ch_two", {"models": ["m"]}, 409, id="pictures cost"),
        pytest.param("ch_one", {}, 422, id="no model"),
        pytest.param("ch_one", {"models": []}, 422, id="empty"),
        pytest.param("ch_one", {"models": ["m"], "protocols": ["images"]}, 422, id="no conversation"),
        pytest.param("ch_one", {"models": ["m"], "checks": ["dance"]}, 422, id="unknown question"),
        pytest.param("ch_one", {"models": ["m"], "rpm": 61}, 422, id="too fast"),
        pytest.param("ch_one", {"models": ["m"], "key_id": "k_none"}, 404, id="no such key"),
    ],
)
def test_what_is_refused(api: Api, path: str, body: dict[str, object], status: int) -> None:
    api.do("POST", f"/api/channels/{path}/capability", body, status)


def test_an_unknown_test(api: Api) -> None:
    api.do("GET", "/api/capability/none", status=404)
    api.do("DELETE", "/api/capability/none", status=404)

"""GET /metrics of the running gateway."""

from pathlib import Path

import httpx
import pytest

from tests.patience import wait_for
from tests.wire.program import ADMIN_KEY, CLIENT_KEY, Fake, Program, all_kinds, running_program

ASK = {"model": "gpt-4.1", "messages": [{"role": "user", "content": "hello"}]}


@pytest.mark.parametrize(
    ("headers", "query", "status"),
    [
        pytest.param({"authorization": f"Bearer {ADMIN_KEY}"}, "", 200, id="bearer"),
        pytest.param({"x-api-key": ADMIN_KEY}, "", 200, id="x-api-key"),
        pytest.param({}, "", 401, id="no key"),
        pytest.param({"authorization": f"Bearer {CLIENT_KEY}"}, "", 401, id="a client's key"),
        pytest.param({}, f"?key={ADMIN_KEY}", 401, id="in the URL"),
    ],
)
def test_only_the_admin_may_read(program: Program, headers: dict[str, str], query: str, status: int) -> None:
    answer = httpx.get(f"{program.url}/metrics{query}", headers=headers)
    assert answer.status_code == status
    assert ("ccx_config_info" in answer.text) == (status == 200)


def test_requests_are_counted(program: Program) -> None:
    def sample(name: str) -> float:
        text = httpx.get(f"{program.url}/metrics", headers={"x-api-key": ADMIN_KEY}).text
        return float(next((line.split()[-1] for line in text.splitlines() if line.startswith(name)), 0))

    name = 'ccx_requests_total{worker="0",kind="chat",channel="chat-a",state="ok"}'
    before = sample(name)
    program.post("/v1/chat/completions", ASK)
    wait_for(lambda: sample(name) == before + 1)
    assert sample('ccx_tokens_total{worker="0",kind="chat",channel="chat-a",direction="output"}') > 0
    assert sample('ccx_request_seconds_bucket{worker="0",kind="chat",le="+Inf"}') >= before + 1


def test_one_scrape_has_all_workers(fake: Fake, tmp_path: Path) -> None:
    with running_program(tmp_path, *all_kinds(fake), env={"WORKERS": "2"}) as program:
        for _ in range(12):
            program.post("/v1/chat/completions", ASK)

        def counted() -> list[float]:
            """What every scrape sees, whichever worker it reaches."""
            return [
                sum(
                    float(line.split()[-1])
                    for line in httpx.get(f"{program.url}/metrics", headers={"x-api-key": ADMIN_KEY}).text.splitlines()
                    if line.startswith("ccx_requests_total{")
                )
                for _ in range(8)
            ]

        wait_for(lambda: counted() == [12] * 8)

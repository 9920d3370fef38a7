"""One gateway for all cases; each case has a channel of its own, so that none disturbs another."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.field.upstream import Scripted, scripted
from tests.wire.program import Program, channel, running_program

CASES: dict[str, dict[str, Any]] = {
    path.stem: json.loads(path.read_text()) for path in sorted((Path(__file__).parent / "cases").glob("*.json"))
}
VERSIONS = {"gemini": "v1beta"}
SERVES = ["messages", "chat", "responses", "gemini"]


@pytest.fixture(scope="session")
def script() -> Iterator[Scripted]:
    with scripted(CASES) as upstream:
        yield upstream


@pytest.fixture(scope="session")
def gateway(script: Scripted, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Program]:
    channels = [
        channel(
            name,
            f"{script.url}/{name}/{VERSIONS.get(case['upstream'], 'v1')}",
            case["upstream"],
            f"key-of-{name}",
            serves=SERVES,
            **case.get("channel", {}),
        )
        for name, case in CASES.items()
    ]
    with running_program(
        tmp_path_factory.mktemp("field"), *channels, policy={"affinity": {"enabled": False}}
    ) as program:
        yield program

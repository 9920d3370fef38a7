"""No reader of what comes from outside does more than twice the work for twice the input."""

import json
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any, Final

import pytest

from ccx_addons.protocols import PROTOCOLS, TEXT_PROTOCOLS, quirks
from tests.growth.counting import NAME, Work, noted, work_of
from tests.growth.readers import READERS

ROOT: Final = Path(__file__).resolve().parent.parent.parent
PARTS: Final = 3
MOST: Final = 2.3
"""Twice, and what a threshold between two ways may add."""


@pytest.mark.parametrize("part", range(PARTS))
def test_twice_the_input_is_twice_the_work(part: int) -> None:
    command = [sys.executable, "-m", "tests.growth.measure", str(part), str(PARTS)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    found = json.loads(done.stdout)["work"]
    assert len(found) > 50 and all(once > 0 for once, _ in found.values())
    grows = {name: f"{once} -> {twice}" for name, (once, twice) in found.items() if twice > MOST * once}
    assert grows == {}


def test_every_protocol_and_quirk_is_measured() -> None:
    names = " | ".join(READERS)
    for kind in PROTOCOLS:
        assert f"error {kind}:" in names and f"watch {kind}:" in names
    for kind in TEXT_PROTOCOLS:
        for act in ("decode", "encode", "answer", "stream", "to client"):
            assert f"{act} {kind}:" in names
    for name, quirk in quirks.QUIRKS.items():
        assert f"quirk {name} " in names or not quirk.change or not quirk.protocols & TEXT_PROTOCOLS.keys()


# ---- the counter itself ----------------------------------------------------------------------------------------------
LINEAR = """
def act(n):
    kept = []
    for i in range(n):
        kept.append("x")
        kept[-1].startswith("x")
    data, at = "x," * n, 0
    while (end := data.find(",", at)) >= 0:
        at = end + 1
    seen = {i for i in range(n)}
    return "".join(kept), [i for i in range(n) if i in seen], sum(i for i in kept if i == 1)
"""
QUADRATIC = {
    "bytes that grow": "out = b''\nfor _ in range(n): out += b'x'",
    "a tuple that grows": "out = ()\nfor i in range(n): out = (*out, i)",
    "an object copied": "out = {}\nfor i in range(n): out = {**out, i: 1}",
    "sums of lists": "out = []\nfor i in range(n): out = out + [i]",
    "cut from the front": "data = b'x' * n\nwhile data: data = data[1:]",
    "popped from the front": "data = list(range(n))\nwhile data: data.pop(0)",
    "in a list": "seen = []\nfor i in range(n):\n  if i not in seen: seen.append(i)",
    "in a text": "for i in range(n): 'y' in 'x' * n",
    "found from the start": "data = 'x' * n + 'y'\nfor i in range(n): data.find('y')",
    "matched from the start": "import re\np, data = re.compile('y'), 'x' * n\nfor i in range(n): p.search(data)",
    "counted": "data = [0] * n\nfor i in range(n): data.count(1)",
    "placed": "data = list(range(n))\nfor i in data: data.index(i)",
    "summed": "data = [0] * n\nfor i in data: sum(data)",
    "joined": "data = ['x'] * n\nfor i in data: ''.join(data)",
    "looped": "[0 for i in range(n) for k in range(n)]",
    "written": "import json\ndata = [0] * n\nfor i in data: json.dumps(data)",
}


def grows(source: str) -> bool:
    work = Work()
    names: dict[str, Any] = {NAME: work}
    exec(compile(noted(source), "source", "exec"), names)
    once, twice = (work_of(partial(names["act"], n), work) for n in (200, 400))
    return twice > MOST * once


def test_linear_work_is_linear() -> None:
    assert not grows(LINEAR)


@pytest.mark.parametrize("body", QUADRATIC.values(), ids=QUADRATIC)
def test_quadratic_work_shows_also_where_c_does_it(body: str) -> None:
    assert grows("def act(n):\n  " + body.replace("\n", "\n  "))

"""Every text of the panel in every language: none missing, none left over, with the same places to fill."""

import ast
import re
import string
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Final, get_args

import pytest
from flask import Flask
from flask.testing import FlaskClient
from jinja2 import Environment, nodes

from ccx_addons.core import config, config_changes, lessons, verdict
from ccx_addons.core.settings import Settings
from ccx_addons.io import versions
from ccx_addons.scheduler import rules
from ccx_admin import i18n
from ccx_admin.access import audit
from ccx_admin.access.users import HARMLESS
from ccx_admin.alerts import page as alerts
from ccx_admin.api.operation import OPERATIONS
from ccx_admin.channels import find, settings_form
from ccx_admin.channels import page as channels
from ccx_admin.clients import page as clients
from ccx_admin.clients.snippets import snippets
from ccx_admin.i18n.reasons import JOINTS, REASONS
from ccx_admin.i18n.singular import ONE
from ccx_admin.i18n.zh_help import HELP
from ccx_admin.i18n.zh_losses import LOSSES, SAID
from ccx_admin.i18n.zh_losses import PATTERNS as SAID_IN_PARTS
from ccx_admin.machines import page as machines
from ccx_admin.mirrors import page as mirrors
from ccx_admin.requests import compare
from ccx_admin.requests import detail as request_detail
from ccx_admin.requests import page as requests
from ccx_admin.sessions import cache_loss, context
from ccx_admin.settings import page as settings
from ccx_admin.settings.api import PRESETS
from ccx_admin.shell import format, vocabulary
from ccx_admin.shell import page as shell
from ccx_admin.usage import money, ranges
from ccx_admin.usage import page as usage

ADMIN: Final = Path(i18n.__file__).parents[1]
ROOT: Final = "http://localhost"
"""A note that names it is another text for each gateway, and stays English."""
MARKERS: Final = frozenset({"_", "fill", "words"})


def in_templates() -> Iterator[str]:
    for path in sorted(ADMIN.rglob("*.html")):
        tree = Environment().parse(path.read_text())
        for call in tree.find_all(nodes.Call):
            if isinstance(call.node, nodes.Name) and call.node.name == "_":
                for constant in call.args[:1]:
                    yield from constants(constant)


def constants(node: nodes.Node) -> Iterator[str]:
    """A text, or both texts of a choice."""
    match node:
        case nodes.Const(value=str(text)):
            yield text
        case nodes.CondExpr(expr1=first, expr2=second):
            yield from constants(first)
            if second is not None:
                yield from constants(second)


def in_code() -> Iterator[str]:
    for path in sorted(ADMIN.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text())):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in MARKERS):
                continue
            if node.args and isinstance(node.args[0], ast.Constant) and isinstance(node.args[0].value, str):
                yield node.args[0].value


def in_scripts() -> Iterator[str]:
    for path in sorted((ADMIN / "static/js").glob("*.js")):
        yield from re.findall(r'\b_\("((?:[^"\\]|\\.)*)"', path.read_text())


def in_tables() -> Iterator[str]:
    for badges in (
        vocabulary.STATES,
        vocabulary.PHASES,
        vocabulary.ENDS,
        vocabulary.SAME,
        vocabulary.CHANNELS,
        vocabulary.KEYS,
        vocabulary.LEVELS,
        vocabulary.CELLS,
        vocabulary.JOBS,
        machines.STATES,
    ):
        yield from (badge.word for badge in badges.values())
    yield vocabulary.UNKNOWN.word
    yield from vocabulary.OUTCOMES.values()
    yield from vocabulary.ACTIONS.values()
    yield from vocabulary.CHECKS.values()
    yield from vocabulary.EVENTS.values()
    yield from machines.ENGINES.values()
    yield from shell.THEMES
    yield from (word for _endpoint, word, _icon in shell.NAVIGATION)
    yield from shell.SCRIPT_WORDS
    for _limit, _unit, past, future in format.AGES:
        yield from (past, future)
    yield from (word for word, _term in requests.QUICK)
    yield from (word for _name, word in requests.SHOW)
    yield from (*alerts.EVENTS.values(), *alerts.NAMES.values())
    yield from (*mirrors.WHYS.values(), *mirrors.STOPS.values(), *(word for _by, word in mirrors.HEADS), "mirror")
    yield from (badge.word for badge in alerts.OUTCOMES.values())
    pairs = (*request_detail.TABS, *usage.BY, *usage.SHOW, *settings.TABS, *settings.TIMEOUTS, *settings.ATTEMPTS)
    yield from (word for _name, word in pairs)
    yield from (row[1] for row in settings.BREAKER)
    yield from (words for _name, words, _step in clients.LIMITS)
    yield from (words for _code, words in clients.SYMPTOMS)
    yield from PRESETS
    yield from lessons.CURES.values()
    yield from ranges.CALENDAR
    yield from (words for _name, words, _measure in money.KINDS)
    yield from (
        "test",
        "health",
        "off",
        "errors",
        "all",
        "user",
        "assistant",
        "system",
        "tool",
        "redacted",
        "error",
    )
    for _id, label, entries in settings_form.FORM:
        yield label
        for entry in entries:
            yield entry.label
            if entry.unit:
                yield entry.unit
            owner = settings_form.TABLES.get(entry.name.rpartition(".")[0], config.Channel)
            if help := config.help_of(owner, entry.name.rpartition(".")[2]):
                yield help
    yield from (entry.metadata["help"] for entry in fields(Settings))
    yield from (note for snippet in snippets(ROOT) for note in snippet.notes if ROOT not in note)
    yield from (
        block.place for found in snippets(ROOT) for block in found.blocks if re.fullmatch("[a-z ]+", block.place)
    )
    yield from (word for _name, word, _class in find.COLUMNS)
    yield from (word for _name, word, _is_it in channels.KEY_FILTERS)
    yield from ("no longer", "an hour", "a day", "a week", "30 days")
    yield from ("reported", "estimated", *get_args(config.Role.__value__))
    yield from (*config_changes.TEXTS, *(text for text, _ in (*versions.UNREADABLE, *versions.FOUND)), versions.BY_HAND)
    yield from cache_loss.TEXTS.values()
    yield from context.NAMES.values()
    yield from (*(words for _group, words in compare.GROUPS), *compare.MARKS.values())
    yield from ("this request continues none that is known",)
    yield from ("what the client and the upstream were sent was not kept",)


def in_the_audit() -> Iterator[str]:
    """What the list of who did what calls an operation."""
    for name, found in OPERATIONS.items():
        if found.method != "GET" and name not in HARMLESS:
            yield audit.sentence(found.summary)
    yield audit.LOOKED


def in_verdicts() -> Iterator[str]:
    """Reasons that the gateway writes into its rows."""
    for table in (verdict.BY_KIND, verdict.BY_CATEGORY):
        yield from (found.reason for found in table.values() if found.reason)


def marked() -> set[str]:
    return {
        *in_templates(),
        *in_code(),
        *in_scripts(),
        *in_tables(),
        *in_verdicts(),
        *in_the_audit(),
        *i18n.FROM_API,
    } - {""}


@pytest.fixture(scope="module")
def texts() -> set[str]:
    return marked()


OTHERS: Final = [code for code in i18n.LANGUAGES if code != "en"]


@pytest.mark.parametrize("code", OTHERS)
def test_every_text_is_there(code: str, texts: set[str]) -> None:
    assert sorted(texts - set(i18n.TEXTS[code])) == []


@pytest.mark.parametrize("code", OTHERS)
def test_no_text_is_left_over(code: str, texts: set[str]) -> None:
    """Reasons stay: rows that were written earlier still have them."""
    assert sorted(set(i18n.TEXTS[code]) - texts - {*HELP, *LOSSES, *SAID}) == []


@pytest.mark.parametrize("code", OTHERS)
def test_places_are_the_same(code: str) -> None:
    for text, other in i18n.TEXTS[code].items():
        assert places(other) == places(text), text


def places(text: str) -> set[str]:
    return {name for _before, name, _spec, _conversion in string.Formatter().parse(text) if name is not None}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("the upstream failed", "上游失败", id="a known one"),
        pytest.param("does not offer the model gpt-5", "不提供模型 gpt-5", id="a pattern"),
        pytest.param(
            "half-open: 5 failures in a row, the last: the upstream is overloaded",
            "半开：连续失败 5 次，最后一次：上游过载",
            id="patterns inside each other",
        ),
        pytest.param("rate limited (429)", "被限速 (429)", id="with a status"),
        pytest.param(
            "a relay: key sk-a…9 for glm-5 is blocked for 60 s: the upstream does not have this model (404)",
            "a relay: 密钥 sk-a…9 的 glm-5 已封锁 60 秒：上游没有此模型 (404)",
            id="an event",
        ),
        pytest.param(
            "place 1: next by priority; its pause is over", "第 1 位：按优先级的下一个; 暂停已结束", id="joined"
        ),
        pytest.param(
            "trying without seed; at most 8192 tokens of an answer are asked for",
            "去掉 seed 重试；回答最多请求 8192 个令牌",
            id="the next try",
        ),
        pytest.param("trying again: it is always asked for a stream", "再试一次：总是以流式请求", id="a cure"),
        pytest.param("glm-5: its pause is over", "glm-5: 暂停已结束", id="of a model"),
        pytest.param("Oops (500): a; b, c", "Oops (500): a; b, c", id="an upstream's own words"),
        pytest.param("something new", "something new", id="unknown"),
    ],
)
def test_reasons(app: Flask, text: str, expected: str) -> None:
    with app.test_request_context("/", headers={"Accept-Language": "zh"}):
        assert i18n.told(text) == expected
    with app.test_request_context("/", headers={"Accept-Language": "en"}):
        assert i18n.told(text) == text


def test_places_of_reasons_are_the_same() -> None:
    for text, other in {**REASONS, **SAID_IN_PARTS, **JOINTS}.items():
        assert places(other) == places(text), text


PLACES_OF_WORDS: Final = {"Loss": 1, "Fault": 1, "put_event": 2, "note": 2, "Failure": 2, "QueryError": 0}
"""What makes a text for people -> which of its arguments that is."""


def in_the_gateway() -> Iterator[tuple[str, str]]:
    """(where, text) of what the gateway and the panel's API say; a number stands in each place of the text."""
    for path in sorted([*ADMIN.rglob("*.py"), *(ADMIN.parent / "ccx_addons").rglob("*.py")]):
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            place = PLACES_OF_WORDS.get(getattr(node.func, "id", getattr(node.func, "attr", "")))
            if place is None or len(node.args) <= place:
                continue
            match node.args[place]:
                case ast.Constant(value=str(text)) if " " in text:
                    yield path.name, text
                case ast.JoinedStr(values=parts) if any(isinstance(part, ast.Constant) for part in parts):
                    yield path.name, "".join(str(p.value) if isinstance(p, ast.Constant) else "7" for p in parts)


def test_what_the_gateway_says_is_told(app: Flask) -> None:
    """Losses, faults, events and refusals."""
    with app.test_request_context("/", headers={"Accept-Language": "zh"}):
        left = {(where, text) for where, text in in_the_gateway() if i18n.told(text) == text}
    assert left == set()


REASONED: Final = (
    "core/verdict",
    *map("scheduler/{}".format, ("breaker", "index", "ranking", "rules", "search", "state")),
)
"""Modules of the gateway that put reasons together."""
PARTS: Final = frozenset(
    {
        *("larger window", "lists the model", "all others"),
        *("7 (7)", "; 7", "7: 7", "7 7: 7", "7 7 s: 7", "; trying once more"),
        *("key 7", "key 7 for 7", "for 7", "is 7", "is blocked", "the breaker 7: 7", "opened for", "opened for 7,"),
        "7 context window of 7 tokens is too small for about 7",
    }
)
"""What a channel may lack, a name, and parts: the reasons made of them are below."""
WHOLE: Final = (
    "x: opened for 30 s: rate limited (429)",
    "x: opened for glm-5, 30 s: rate limited (429)",
    "x: key a…b is blocked for 60 s: the key is refused (401)",
    "key a…b rests: rate limited (429), 30 s more",
    "key a…b for glm-5 is blocked: the upstream does not have this model (404)",
    "the breaker is half-open: its pause is over",
    "glm-5's context window of 7 tokens is too small for about 7",
    "the key 'bob' has used its 7 tokens of this day (UTC)",
    "the key 'bob' has used its 0.5 dollars of this month (UTC)",
    "the key 'bob' may ask 7 times a minute of glm-*",
    "the key 'bob' may use 7 tokens a minute on glm-*",
    "the key 'bob' may have 7 requests at the same time",
    "what is left to the key 'bob' may be used up by its requests under way",
    "the answer broke off; trying once more",
)


def in_the_reasons() -> Iterator[tuple[str, str]]:
    """(module, text) of all words there but docstrings of anything else than a preference, which are reasons, too."""
    for name in REASONED:
        tree = ast.parse((ADMIN.parent / "ccx_addons" / f"{name}.py").read_text())
        parts = {id(part) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for part in node.values}
        told = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
        for node in ast.walk(tree):
            if isinstance(node, ast.JoinedStr):
                text = "".join(str(p.value) if isinstance(p, ast.Constant) else "7" for p in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str) and not {id(node)} & (parts | told):
                text = node.value
            else:
                continue
            if " " in text.strip() and not re.search(r"\[|\|", text):
                yield name, text.strip()
    yield from (
        ("scheduler/rules", found.__doc__ or "")
        for found in {*rules.RARE, *(p for usual in rules.USUAL.values() for p in usual)}
    )


def test_reasons_of_the_gateway_are_told(app: Flask) -> None:
    """Whatever a channel, key or request is passed over for."""
    found = [*((name, text) for name, text in in_the_reasons() if text not in PARTS), *(("", text) for text in WHOLE)]
    assert len(found) > 60
    with app.test_request_context("/", headers={"Accept-Language": "zh"}):
        assert sorted({pair for pair in found if not re.search("[\u4e00-\u9fff]", i18n.told(pair[1]))}) == []


@pytest.mark.parametrize(
    ("code", "n", "expected"),
    [("en", 1, "1 row"), ("en", "1", "1 row"), ("en", 0, "0 rows"), ("en", 11, "11 rows"), ("zh", 1, "1 行")],
)
def test_one_is_no_plural(code: str, n: object, expected: str, texts: set[str]) -> None:
    assert i18n.translate(code, "{n} rows", n=n) == expected
    assert set(ONE) <= texts | set(REASONS)
    assert all(places(one) <= places(text) for text, one in ONE.items())


def test_scripts_get_their_words() -> None:
    assert set(in_scripts()) <= set(shell.SCRIPT_WORDS)


@pytest.mark.parametrize(
    ("header", "cookie", "expected"),
    [
        pytest.param("zh-CN,zh;q=0.9,en;q=0.8", "", "zh", id="the browser's"),
        pytest.param("fr", "", "en", id="none that is known"),
        pytest.param("zh", "en", "en", id="the cookie wins"),
        pytest.param("en", "xx", "en", id="an unknown cookie"),
    ],
)
def test_language(app: Flask, header: str, cookie: str, expected: str) -> None:
    with app.test_request_context("/", headers={"Accept-Language": header, "Cookie": f"{i18n.COOKIE}={cookie}"}):
        assert i18n.language() == expected


def test_choosing_a_language(session: FlaskClient) -> None:
    answer = session.get("/requests?q=opus&language=zh")
    assert (answer.status_code, answer.location) == (303, "/requests?q=opus")
    assert '<html lang="zh-CN"' in session.get("/requests").text
    assert session.get("/requests?language=xx").status_code == 303
    assert '<html lang="zh-CN"' in session.get("/requests").text


def test_ranges_have_no_other_words() -> None:
    assert set(ranges.CALENDAR) == {name for name in ranges.NAMES if not name[0].isdecimal()}

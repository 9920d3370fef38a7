from collections.abc import Iterator

import psycopg
import pytest

from ccx_addons.io import said
from ccx_addons.io.postgres import FOUND, Link, is_broken, is_trouble, translated, words_of
from tests.postgres import Server


@pytest.fixture
def link(postgres: Server) -> Iterator[Link]:
    link = Link(postgres.made(), "tests", 5.0)
    yield link
    link.close()


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT * FROM t INDEXED BY i WHERE a = ? AND b = :b", "SELECT * FROM t WHERE a = %s AND b = %(b)s"),
        ("SELECT '?:x' || ?, \"a?\"", "SELECT '?:x' || %s, \"a?\""),
        ("SELECT 7 % 3 WHERE m LIKE 'a % b'", "SELECT 7 %% 3 WHERE m ILIKE 'a %% b'"),
        ("SELECT 'it''s ?' -- why? :no\nFROM t", "SELECT 'it''s ?' \nFROM t"),
        (f"id IN ({said.FOUND})", f"id IN ({FOUND})".replace("?", "%s")),
    ],
)
def test_sql(sql: str, expected: str) -> None:
    assert translated(sql) == expected


@pytest.mark.parametrize(
    ("sql", "value"),
    [
        ("iif(true, 1, 2)", 1),
        ("iif(NULL, 'a', 'b')", "b"),
        ("max(3, 2)", 3),
        ("min(3, 2.5)", 2.5),
        ("max(3, NULL)", None),
        ("(SELECT total(x) FROM (VALUES (1), (NULL), (2)) v(x))", 3.0),
        ("(SELECT total(x > 1) FROM (VALUES (1), (NULL), (2)) v(x))", 1.0),
        ("(SELECT total(x) FROM (SELECT 1 AS x WHERE false) v)", 0.0),
        ("(SELECT sum(x) FROM (VALUES (1), (2)) v(x))", 3),
        ("(SELECT sum(x) FROM (VALUES (1.5), (2)) v(x))", 3.5),
        ("json_extract('{\"who\": \"ann\"}', '$.who')", "ann"),
        ("json_extract('', '$.who')", None),
        ("7 / 2", 3),
    ],
)
def test_functions_of_sqlite(link: Link, sql: str, value: object) -> None:
    found = link.execute(f"SELECT {sql}").fetchall()[0][0]
    assert found == value and type(found) is type(value)


def test_rows_are_read_by_name_place_and_slice(link: Link) -> None:
    (row,) = link.execute("SELECT 1 AS a, 'x' AS b, ? AS c", (2.5,)).fetchall()
    assert (row["a"], row[1], row[1:], dict(row), row.keys()) == (
        1,
        "x",
        ("x", 2.5),
        {"a": 1, "b": "x", "c": 2.5},
        ["a", "b", "c"],
    )
    one, *rest = row
    assert [one, *rest] == list(row) and len(row) == 3


def test_texts_are_in_the_order_of_their_bytes(link: Link) -> None:
    for name in ("b", "A", "a", "B"):
        link.execute("INSERT INTO views (name, query, at) VALUES (?, '', 0)", (name,))
    assert [name for (name,) in link.execute("SELECT name FROM views ORDER BY name")] == ["A", "B", "a", "b"]


def test_nothing_takes_for_ever(postgres: Server) -> None:
    link = Link(postgres.made(), "tests", 0.2)
    with pytest.raises(psycopg.OperationalError) as caught:
        link.script("SELECT pg_sleep(60)")
    assert is_trouble(caught.value) and is_broken(caught.value)
    link.close()


def test_words_of_errors_hold_no_value(link: Link) -> None:
    with pytest.raises(psycopg.Error) as caught:
        link.execute("INSERT INTO views (name, query) VALUES ('geheim', 'geheim')")
    assert words_of(caught.value).startswith("null value in column") and "geheim" not in words_of(caught.value)
    assert not is_trouble(caught.value)

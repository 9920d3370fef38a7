"""The shape of the tree: what mirrors what, what may import what, how large and how named."""

import ast
import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = {"ccx_addons": "addons", "ccx_admin": "admin"}
ROOMS = ("commands", "core", "io", "processes", "protocols", "proxy", "scheduler", "vendors")
"""Folders of ccx_addons that are no addon: their tests stand in a folder of their own."""
MAX_LINES = 600
NO_NAMES = ("utils", "helpers", "manager", "handler", "base", "misc", "common")
DOCUMENTS = ("README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md")
MACHINE_PATH = re.compile(r"(?<![\w.:/~])/(?:home|root|work|tmp|Users|private|mnt)/[\w.-]+")


def modules(*folders: str) -> Iterator[Path]:
    for folder in folders:
        yield from sorted(path.relative_to(ROOT) for path in (ROOT / folder).rglob("*.py"))


def has_code(path: Path) -> bool:
    """Whether a module defines anything; a face that only names what is elsewhere has nothing to test."""
    tree = ast.parse((ROOT / path).read_text())
    return any(isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) for node in tree.body)


def mirrors(path: Path) -> list[Path]:
    """Where the tests of a module may stand. A package, and what is only data in it, is tested as one module."""
    package, *folders, name = path.with_suffix("").parts
    if package == "ccx_addons" and folders and folders[0] in ROOMS:
        where = Path("tests", *folders)
    else:
        where = Path("tests", PACKAGES[package], *folders)
    found = [where / ("test_init.py" if name == "__init__" else f"test_{name}.py")]
    if folders and (name == "__init__" or not has_code(path)):
        found.append(where.parent / f"test_{folders[-1]}.py")
    return found


def needs_mirror(path: Path) -> bool:
    return path.name != "__init__.py" or has_code(path)


SOURCES = [path for path in modules(*PACKAGES) if needs_mirror(path)]


@pytest.mark.parametrize("path", SOURCES, ids=str)
def test_every_module_has_its_test_module(path: Path) -> None:
    assert [str(mirror) for mirror in mirrors(path) if (ROOT / mirror).is_file()], f"add {mirrors(path)[0]}"


@pytest.mark.parametrize("path", [*modules("ccx_addons", "ccx_admin", "scripts", "tests"), Path("run.py")], ids=str)
def test_size_and_name(path: Path) -> None:
    assert len((ROOT / path).read_text().splitlines()) <= MAX_LINES, "split it into a package"
    words = set(path.stem.split("_"))
    assert not words & set(NO_NAMES), "name it by what it is"


@pytest.mark.parametrize("path", modules("ccx_addons", "ccx_admin"), ids=str)
def test_texts_are_in_one_encoding_everywhere(path: Path) -> None:
    """Else a file reads otherwise where a machine speaks GB18030, or ASCII alone."""
    calls = [node for node in ast.walk(ast.parse((ROOT / path).read_text())) if isinstance(node, ast.Call)]
    texts = [(call, getattr(call.func, "attr", "")) for call in calls]
    named = {"read_text": 1, "write_text": 2}
    wrong = [
        call.lineno
        for call, name in texts
        if name in named and len(call.args) < named[name] and all(word.arg != "encoding" for word in call.keywords)
    ]
    assert not wrong, f"name the encoding in lines {wrong}"


def test_every_package_is_installed() -> None:
    named = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["setuptools"]["packages"]
    assert {name for name in named if not name.startswith("ccx_offline")} == {
        ".".join(path.parent.parts) for path in modules(*PACKAGES)
    }


@pytest.mark.parametrize("path", modules("tests"), ids=str)
def test_every_folder_of_tests_is_a_package(path: Path) -> None:
    """Two test modules of one name in different folders are told apart by their package."""
    assert (ROOT / path.parent / "__init__.py").is_file()


@pytest.mark.parametrize("path", [p for p in modules("tests") if p.name.startswith("test_")], ids=str)
def test_no_test_is_skipped_or_empty(path: Path) -> None:
    tree = ast.parse((ROOT / path).read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            assert node.attr not in ("skip", "skipif", "xfail", "importorskip"), f"line {node.lineno}"
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("test_"):
            assert not all(isinstance(entry, ast.Pass | ast.Expr) and not _calls(entry) for entry in node.body), (
                node.name
            )


def _calls(node: ast.AST) -> bool:
    return any(isinstance(inner, ast.Call) for inner in ast.walk(node))


@pytest.mark.parametrize("name", DOCUMENTS)
def test_documents_name_no_path_of_a_machine(name: str) -> None:
    assert MACHINE_PATH.findall((ROOT / name).read_text()) == []


PROMISES = re.findall(r"^(\d+)\. \*\*", (ROOT / "SECURITY.md").read_text(), re.M)
KEPT = {
    number: (re.findall(r"`(.+?)`", kept), re.findall(r"`(.+?)`", tests))
    for number, kept, tests in re.findall(
        r"^\| (\d+) \|[^|]+\|([^|]+)\|([^|]+)\|$", (ROOT / "CONTRIBUTING.md").read_text(), re.M
    )
}
"""Number of a promise -> the modules that keep it, and their tests."""


def test_every_promise_has_its_place() -> None:
    assert [str(n) for n in range(1, len(PROMISES) + 1)] == PROMISES and list(KEPT) == PROMISES


@pytest.mark.parametrize("number", KEPT)
def test_promises_are_kept_where_they_say(number: str) -> None:
    kept, tests = KEPT[number]
    assert kept and tests and all((ROOT / name).is_file() for name in (*kept, *tests))
    assert {*kept} <= {str(path) for path in SOURCES}
    for name in tests:
        tree = ast.parse((ROOT / name).read_text())
        names = [node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
        assert any(found.startswith("test_") for found in names), name


def imports(path: Path) -> set[str]:
    """Top-level packages a module imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse((ROOT / path).read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module)
    return found


@pytest.mark.parametrize("ring", ["core", "vendors", "scheduler", "protocols"])
def test_pure_rings_use_the_standard_library_only(ring: str) -> None:
    """The contracts in pyproject.toml say which of our own they may use."""
    strange = {
        f"{path}: {name}"
        for path in modules(f"ccx_addons/{ring}")
        for name in imports(path)
        if name.split(".")[0] not in (*sys.stdlib_module_names, "ccx_addons")
    }
    assert strange == set()


@pytest.mark.parametrize("ring", ["core", "vendors", "scheduler", "protocols"])
def test_pure_rings_touch_nothing_outside(ring: str) -> None:
    forbidden = {"asyncio", "logging", "pathlib", "socket", "sqlite3", "ssl", "subprocess", "tempfile", "threading"}
    found = {f"{path}: {name}" for path in modules(f"ccx_addons/{ring}") for name in imports(path) & forbidden}
    assert found == set()


def test_the_import_contract_knows_every_module() -> None:
    """A new addon is one name more in the topmost layer."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = [contract["layers"] for contract in contracts if contract["type"] == "layers"]
    named = set(re.findall(r"ccx_addons\.\w+|ccx_admin", " ".join(layers)))
    there = {f"ccx_addons.{path.stem}" for path in (ROOT / "ccx_addons").iterdir() if path.stem[0] not in "_."}
    assert named == there | {"ccx_admin"}


def test_the_top_of_the_tree_is_the_owners() -> None:
    folders = {path.name for path in ROOT.iterdir() if path.is_dir() and path.name[0] not in "._"}
    assert folders - {"data", "node_modules", "build", "ccx.egg-info"} == {
        "ccx_addons",
        "ccx_admin",
        "config",
        "docs",
        "scripts",
        "tests",
    }

"""The rooms of the proxy hang together one way: no module knows, not even by a type, one that knows it."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

from ccx_addons.proxy import terms
from ccx_addons.proxy.layer import AttemptLayer

FOLDER = Path(terms.__file__).parent


def known(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            if node.module == "ccx_addons.proxy":
                found |= {alias.name for alias in node.names}
            elif node.module.startswith("ccx_addons.proxy."):
                found.add(node.module.rpartition(".")[2])
    return found


def test_no_ring_of_imports() -> None:
    order = list(TopologicalSorter({path.stem: known(path) for path in FOLDER.glob("*.py")}).static_order())
    assert order.index("terms") < order.index("http1") < order.index("stream") < order.index("layer")


def test_the_layer_is_what_its_children_see() -> None:
    asked = {name for name, value in vars(terms.ClientConnection).items() if callable(value) and name[0] != "_"}
    assert asked and asked <= set(dir(AttemptLayer))

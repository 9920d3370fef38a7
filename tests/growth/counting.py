"""Counts the work of the product's own code: not seconds, which differ, but steps and lengths, which never do.

While ``counted`` is installed, the product's modules are imported with every call, loop, comparison and copy in their
functions noted. A loop's step costs 1. What C does at once costs what it goes through: a search as far as it looks, a
slice, a sum or a joined text as long as the result is, ``in`` as far as the place in a list, ``pop(0)`` the whole list.
So quadratic work shows, also where the interpreter does it inside one call.
"""

import ast
import importlib.abc
import importlib.machinery
import importlib.util
import re
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, Final

PACKAGES: Final = ("ccx_addons", "ccx_admin")
NAME: Final = "_work_"
SEQUENCES: Final = (str, bytes, bytearray, list, tuple, deque)
SIZED: Final = (*SEQUENCES, dict, set, frozenset)
UNTOUCHED: Final = frozenset({"super", "locals", "isinstance", "len", "cast", "type", "getattr", "assert_never"})
"""Functions that cost nothing worth a note, or must be called from where they stand."""
WHOLE: Final = frozenset({
    "split", "rsplit", "splitlines", "partition", "rpartition", "replace", "strip", "lstrip", "rstrip", "lower", "upper",
    "translate", "join", "encode", "decode", "count", "copy", "sort", "reverse", "remove", "isdecimal", "isprintable",
    "isalnum", "isdigit", "casefold", "title", "insert",
})  # fmt: skip
"""Methods that go through all of what they belong to."""


class Work:
    """What the instrumented code calls. ``done``: the sum so far."""

    def __init__(self) -> None:
        self.done = 0
        self.modules: set[str] = set()
        """The product's modules whose functions were called."""

    def over(self, values: Iterable[Any]) -> Iterator[Any]:
        for value in values:
            self.done += 1
            yield value

    def tick(self) -> None:
        self.done += 1

    def sized(self, value: Any) -> Any:
        """A value that was just made."""
        self.done += len(value) if isinstance(value, SIZED) else 1
        return value

    def grown(self, before: Any, added: Any) -> Any:
        """``before += added``: what cannot change is copied."""
        if isinstance(before, str | bytes | tuple):
            self.done += len(before)
        return self.sized(added)

    def has(self, needle: Any, inside: Any) -> bool:
        if isinstance(inside, str | bytes | bytearray):
            place = inside.find(needle)
            self.done += len(inside) if place < 0 else place + 1
            return place >= 0
        if isinstance(inside, list | tuple | deque):
            for value in inside:
                self.done += 1
                if value is needle or value == needle:
                    return True
            return False
        self.done += 1
        return needle in inside

    def same(self, one: Any) -> Any:
        """A side of a comparison for equality."""
        self.done += len(one) if isinstance(one, list | tuple | dict) else 1
        return one

    def call(self, function: Callable[..., Any], *args: Any, **named: Any) -> Any:
        self.done += 1
        owner = getattr(function, "__self__", None)
        name = getattr(function, "__name__", "")
        if isinstance(owner, re.Pattern):
            return self._match(function, name, args, named)
        result = function(*args, **named)
        if type(function).__name__ == "Scanner" or name == "scanstring":  # json's: text and place -> value and end
            self.done += result[1] - args[1]
        elif isinstance(owner, SIZED):
            self.done += self._method(owner, name, args, result)
        elif (module := getattr(function, "__module__", None) or "").partition(".")[0] in PACKAGES:
            self.modules.add(module)
        else:
            self.done += sum(len(arg) for arg in args if isinstance(arg, SIZED))
            if isinstance(result, str | bytes | list):
                self.done += len(result)
        return result

    def _method(self, owner: Any, name: str, args: tuple[Any, ...], result: Any) -> int:
        if name in ("find", "index", "rfind", "rindex") and isinstance(owner, SEQUENCES):
            first = args[1] if len(args) > 1 else 0
            last = min(args[2] if len(args) > 2 else len(owner), len(owner))
            if name.startswith("r"):
                return max(0, last - max(int(result), first))
            return max(0, (last if int(result) < 0 else int(result)) - first)
        if name == "pop" and isinstance(owner, list):
            return len(owner) + 1 if args and args[0] >= 0 else 1
        if name in ("extend", "update"):
            return sum(len(arg) for arg in args if isinstance(arg, SIZED))
        return len(owner) + (len(result) if isinstance(result, SIZED) else 0) if name in WHOLE else 1

    def _match(self, function: Any, name: str, args: tuple[Any, ...], named: dict[str, Any]) -> Any:
        text = args[1] if name in ("sub", "subn") else args[0]
        start = args[1] if name not in ("sub", "subn", "split", "findall") and len(args) > 1 else 0
        end = min(args[2] if name == "finditer" and len(args) > 2 else len(text), len(text))
        result = function(*args, **named)
        if name == "finditer":
            return self._each_match(result, start, end)
        self.done += (result.end() if isinstance(result, re.Match) else end) - start
        return result

    def _each_match(self, matches: Iterator[re.Match[Any]], at: int, end: int) -> Iterator[re.Match[Any]]:
        for found in matches:
            self.done += found.end() - at + 1
            at = found.end()
            yield found
        self.done += end - at


WORK: Final = Work()


class _Notes(ast.NodeTransformer):
    """Puts the notes into the bodies of functions."""

    def __init__(self) -> None:
        self.depth = 0

    def _function(self, node: Any) -> Any:
        self.depth += 1
        node.body = [self.visit(statement) for statement in node.body]
        self.depth -= 1
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = _function

    def visit_AnnAssign(self, node: ast.AnnAssign) -> Any:
        if node.value:
            node.value = self.visit(node.value)
        return node

    def visit_match_case(self, node: ast.match_case) -> Any:
        node.guard = self.visit(node.guard) if node.guard else None
        node.body = [self.visit(statement) for statement in node.body]
        return node

    def _note(self, method: str, *args: ast.expr, keywords: Sequence[ast.keyword] = ()) -> Any:
        function = ast.Attribute(ast.Name(NAME, ast.Load()), method, ast.Load())
        return ast.Call(function, list(args), list(keywords))

    def visit_For(self, node: ast.For) -> Any:
        self.generic_visit(node)
        if self.depth:
            node.iter = self._note("over", node.iter)
        return node

    def visit_comprehension(self, node: ast.comprehension) -> Any:
        self.generic_visit(node)
        if self.depth:
            node.iter = self._note("over", node.iter)
        return node

    def visit_While(self, node: ast.While) -> Any:
        self.generic_visit(node)
        if self.depth:
            node.body.insert(0, ast.Expr(self._note("tick")))
        return node

    def visit_Call(self, node: ast.Call) -> Any:
        self.generic_visit(node)
        plain = isinstance(node.func, ast.Name) and node.func.id in UNTOUCHED
        if not self.depth or plain or _is_super(node.func):
            return node
        return self._note("call", node.func, *node.args, keywords=node.keywords)

    def _made(self, node: Any) -> Any:
        self.generic_visit(node)
        copies = getattr(node, "elts", None) or getattr(node, "keys", None)
        starred = copies and any(part is None or isinstance(part, ast.Starred) for part in copies)
        plain = isinstance(node, ast.List | ast.Tuple | ast.Set | ast.Dict) and not starred
        if not self.depth or plain or not isinstance(getattr(node, "ctx", ast.Load()), ast.Load):
            return node
        return self._note("sized", node)

    visit_List = visit_Tuple = visit_Set = visit_Dict = visit_BinOp = _made

    def visit_JoinedStr(self, node: ast.JoinedStr) -> Any:
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                part.value = self.visit(part.value)
        return self._note("sized", node) if self.depth else node

    def visit_Subscript(self, node: ast.Subscript) -> Any:
        self.generic_visit(node)
        if self.depth and isinstance(node.ctx, ast.Load) and isinstance(node.slice, ast.Slice):
            return self._note("sized", node)
        return node

    def visit_AugAssign(self, node: ast.AugAssign) -> Any:
        self.generic_visit(node)
        if self.depth and isinstance(node.target, ast.Name | ast.Attribute):
            before: ast.expr = ast.parse(ast.unparse(node.target), mode="eval").body
            node.value = self._note("grown", before, node.value)
        return node

    def visit_Compare(self, node: ast.Compare) -> Any:
        self.generic_visit(node)
        if not self.depth or len(node.ops) != 1:
            return node
        match node.ops[0]:
            case ast.In():
                return self._note("has", node.left, node.comparators[0])
            case ast.NotIn():
                return ast.UnaryOp(ast.Not(), self._note("has", node.left, node.comparators[0]))
            case ast.Eq() | ast.NotEq():
                node.left = self._note("same", node.left)
        return node


def _is_super(function: ast.expr) -> bool:
    return isinstance(function, ast.Attribute) and isinstance(function.value, ast.Call) and _named(function.value.func)


def _named(function: ast.expr) -> bool:
    return isinstance(function, ast.Name) and function.id == "super"


class _Loader(importlib.machinery.SourceFileLoader):
    def get_code(self, fullname: str) -> Any:
        path = self.get_filename(fullname)
        return compile(noted(Path(path).read_text()), path, "exec", dont_inherit=True)

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__[NAME] = WORK
        super().exec_module(module)


def noted(source: str) -> ast.Module:
    tree: ast.Module = _Notes().visit(ast.parse(source))
    return ast.fix_missing_locations(tree)


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(self, fullname: str, path: Sequence[str] | None, target: Any = None) -> Any:
        if fullname.partition(".")[0] not in PACKAGES:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path)
        if spec and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = _Loader(fullname, spec.loader.path)
        return spec


def install() -> None:
    """From here on the product's modules are imported with notes; none may be there already."""
    assert not any(name.partition(".")[0] in PACKAGES for name in sys.modules)
    sys.meta_path.insert(0, _Finder())


def work_of(act: Callable[[], Any], work: Work = WORK) -> int:
    before = work.done
    act()
    return work.done - before

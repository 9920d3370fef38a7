"""mitmproxy's package of addons without its addons: a worker needs two of thirty, and starts a fifth sooner so."""

import sys
from importlib.util import find_spec, module_from_spec
from types import ModuleType
from typing import Any, Final

NAME: Final = "mitmproxy.addons"


class Lean(ModuleType):
    """A package that is not run before somebody asks for all that is in it, as mitmweb does."""

    def __getattr__(self, name: str) -> Any:
        if name != "default_addons":
            raise AttributeError(name)  # so that ``from mitmproxy.addons import NAME`` loads that module alone
        assert self.__spec__ and self.__spec__.loader
        self.__spec__.loader.exec_module(self)
        return self.__dict__[name]


def spare_the_addons() -> None:
    """Called before the first import of mitmproxy's master; afterwards it would change nothing."""
    if NAME in sys.modules:
        return
    spec = find_spec(NAME)
    assert spec
    module = module_from_spec(spec)
    module.__class__ = Lean
    sys.modules[NAME] = module
    sys.modules["mitmproxy"].addons = module  # type: ignore[attr-defined]  # as the import of a package leaves it

"""What a notebook imports and the sandbox has not: empty modules, so that an import alone breaks no cell.

`from ulmfit_lib import checks` gives checks that say nothing, `shipped_reviews()` a few texts; whatever else of these
packages is called says that it is not there. None of it holds an answer.
"""

import sys
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType, SimpleNamespace
from typing import Any

PACKAGES = (
    "ulmfit_lib fastai fastcore sklearn spacy pandas matplotlib IPython ipywidgets hypothesis torch numpy safetensors "
    "sentencepiece transformers scipy tqdm fastprogress"
).split()
_TEXTS = [
    "A GREAT film!!! The plot is thin, but the songs are soooo good. I saw it again, and again, and again.<br />10/10",
    "Not for me. Two hours of rain, one joke &amp; no ending. The LONGEST evening of the year...",
    "Slow at first... then it grips you. The old lighthouse keeper steals every scene (and the last boat).",
]


class NotHere:
    """Something of a package that the sandbox has not; to use it says so."""

    def __init__(self, name: str) -> None:
        self.__dict__["_name"] = name

    def _refuse(self, *_: Any, **__: Any) -> Any:
        raise ImportError(f"{self._name} is not there when your answers are marked: they must work without it.")

    def __or__(self, _: Any) -> "NotHere":
        return self  # in an annotation, such as `pd.Series | str`

    __ror__ = __or__

    def __setitem__(self, *_: Any) -> None:
        pass  # a setting, such as plt.rcParams["figure.figsize"] = (6, 3)

    __call__ = __iter__ = __len__ = __getitem__ = __enter__ = __add__ = __mro_entries__ = _refuse

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return NotHere(f"{self._name}.{name}")


class Shell:
    """What `get_ipython()` gives: its magics do nothing."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *_, **__: None


class _Module(ModuleType):
    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name != "__version__":
            raise AttributeError(name)
        return NotHere(f"{self.__name__}.{name}")


class _Silent(ModuleType):
    """`ulmfit_lib.checks`: every check takes anything and says nothing."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *_, **__: None


class _Finder(MetaPathFinder, Loader):
    def __init__(self, checks: str, packages: set[str]) -> None:
        self.checks, self.packages = checks, packages

    def find_spec(self, name: str, path: Any = None, target: Any = None) -> ModuleSpec | None:
        if name.partition(".")[0] not in self.packages or name.startswith("ulmfit_lib.checks."):
            return None
        spec = ModuleSpec(name, self, is_package=True)
        if name == "ulmfit_lib.checks":  # the adapters lie there; the finders of Python find them
            spec.submodule_search_locations = [self.checks]
        return spec

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = (_Silent if spec.name == "ulmfit_lib.checks" else _Module)(spec.name)
        module.__all__ = []
        if spec.name == "ulmfit_lib.data":
            module.shipped_reviews = _few_reviews
        return module

    def exec_module(self, module: ModuleType) -> None:
        pass


def _few_reviews() -> SimpleNamespace:
    """Return what `ulmfit_lib.data.shipped_reviews` returns, only small."""
    return SimpleNamespace(
        texts=list(_TEXTS),
        labels=["pos", "neg", "pos"],
        splits=["train", "train", "test"],
        label_names=("neg", "pos"),
        name="a few texts",
    )


def install(checks: str) -> None:
    """Put the stand-ins in front of what can really be imported, but for packages that are loaded by now.

    Args:
        checks: the folder that holds `adapters` and `forbidden`, as parts of `ulmfit_lib.checks`.
    """
    sys.meta_path.insert(0, _Finder(checks, set(PACKAGES) - set(sys.modules)))

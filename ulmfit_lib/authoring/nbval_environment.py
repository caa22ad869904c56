"""A pytest plugin: lets nbval run the notebooks in the environment in which `make notebooks` stored their outputs.

Load it with `pytest -p ulmfit_lib.authoring.nbval_environment --nbval --nbval-current-env book solutions`. It leaves
every other test in the environment that it finds.
"""

import os
from collections.abc import Iterator
from unittest import mock

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Build matplotlib's font cache before a kernel has to, and says so in a notebook's output."""
    if config.getoption("nbval", default=False):
        from ulmfit_lib.authoring.notebooks import build_font_cache

        build_font_cache()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_setup(item: pytest.Item) -> Iterator[None]:
    """Set the variables while a cell is made ready: for the first of a notebook, nbval starts the kernel here."""
    if type(item).__name__ != "IPyNbCell":
        return (yield)
    from ulmfit_lib.authoring.notebooks import kernel_environment

    with mock.patch.dict(os.environ, kernel_environment()):
        return (yield)

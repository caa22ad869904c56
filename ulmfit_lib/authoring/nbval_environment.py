"""A pytest plugin: lets nbval run the notebooks in the environment in which `make notebooks` stored their outputs.

Load it with `pytest -p ulmfit_lib.authoring.nbval_environment --nbval --nbval-current-env book solutions`; without
`--nbval` it does nothing.
"""

import os

import pytest


def pytest_configure(config: pytest.Config) -> None:
    """Set the variables that kernels inherit, and build matplotlib's font cache before a kernel has to."""
    if config.getoption("nbval", default=False):
        from ulmfit_lib.authoring.notebooks import build_font_cache, kernel_environment

        os.environ.update(kernel_environment())
        build_font_cache()

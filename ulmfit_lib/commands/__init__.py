"""The commands of `ulmfit`, a module each. What is heavy is imported inside of them, so that `--help` answers at once.

A new command is a module here that decorates a function with `@app.command`, and a name in the import below: the order
of the names is that of `ulmfit --help`.
"""

from ulmfit_lib.commands.app import app

from ulmfit_lib.commands import doctor, run  # isort: skip
from ulmfit_lib.commands import tokenize, pack, pretrain, finetune, classify  # isort: skip
from ulmfit_lib.commands import ensemble, predict, generate, show  # isort: skip
from ulmfit_lib.commands import students, grading  # isort: skip

__all__ = [
    "app",
    "classify",
    "doctor",
    "ensemble",
    "finetune",
    "generate",
    "grading",
    "pack",
    "predict",
    "pretrain",
    "run",
    "show",
    "students",
    "tokenize",
]

"""What runs inside the sandbox, beside the student's code: it holds no answer and no expected value.

Nothing here imports the rest of `ulmfit_lib`: these files, `checks.adapters` and `checks.forbidden` are all that the
sandbox sees of it.
"""

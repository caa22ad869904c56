"""What the authors of the course use: notebooks executed and kept in one form, the site built and verified.

Run as `python -m ulmfit_lib.authoring.notebooks` and `python -m ulmfit_lib.authoring.book`; a student needs neither.
"""

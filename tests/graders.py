"""What the proofs of the graders need: answers as functions and as the text of a student's cell."""

import ast
import inspect
import textwrap
from importlib import import_module

from ulmfit_lib.checks.sets import SLUGS, problem_set

EXERCISES = [exercise for slug in SLUGS for exercise in problem_set(slug).exercises]
MISTAKES = [(exercise, mistake) for exercise in EXERCISES for mistake in exercise.mistakes]


def as_student_code(function, name: str) -> str:
    """Return the source of a function under the exercise's name, as it would stand in an answer cell."""
    tree = ast.parse(textwrap.dedent(inspect.getsource(function)))
    definition = tree.body[0]
    definition.name, definition.decorator_list = name, []
    return ast.unparse(definition)


def as_student_function(function, name: str):
    """Return the function as if a student had written it in a notebook."""
    namespace = {"__name__": "__main__"}
    exec(compile(as_student_code(function, name), "<answer>", "exec"), namespace)
    return namespace[name]


def right_answers() -> list[tuple]:
    """Return (exercise, label, function) for every right answer in tests/right_answers."""
    found = []
    for slug in SLUGS:
        module = import_module(f"right_answers.{slug.split('_', 1)[1]}")
        exercises = {exercise.name: exercise for exercise in problem_set(slug).exercises}
        for label, function in inspect.getmembers(module, inspect.isfunction):
            if function.__module__ == module.__name__:
                found.append((exercises[label.split("__")[0]], label, function))
    return found


RIGHT_ANSWERS = right_answers()

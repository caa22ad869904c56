"""Small changes to a piece of code, one at a time: what a slip of the finger or of the mind makes of it."""

import ast
import copy
from collections.abc import Iterator
from dataclasses import dataclass

_COMPARED = {
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.In: ast.NotIn,
    ast.NotIn: ast.In,
    ast.Is: ast.IsNot,
    ast.IsNot: ast.Is,
}
_CALCULATED = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.FloorDiv,
    ast.FloorDiv: ast.Div,
    ast.Div: ast.Mult,
    ast.Mod: ast.FloorDiv,
    ast.Pow: ast.Mult,
    ast.MatMult: ast.Mult,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
_CALLED = {"min": "max", "max": "min", "any": "all", "all": "any", "append": "extend", "sum": "len"}
_METHODS = {"strip": "lstrip", "rows": "columns", "mean": "sum", "sum": "mean", "max": "min", "min": "max"}

_EITHER_WAY = ("min", "max", "maximum", "minimum", "isclose")  # calls in which the order says nothing


@dataclass(frozen=True)
class Mutant:
    """A changed piece of code.

    Args:
        line: the line of the change, from 1.
        before: the statement of the change (its first line), as Python writes it.
        after: the same statement, changed.
        tree: the whole, changed.
    """

    line: int
    before: str
    after: str
    tree: ast.Module


def mutants_of(source: str) -> Iterator[Mutant]:
    """Give every mutant of a piece of code; docstrings and annotations stay as they are.

    >>> [f"{m.before} -> {m.after}" for m in mutants_of("x = a + b")]
    ['x = a + b -> pass', 'x = a + b -> x = a - b']
    """
    tree = ast.parse(source)
    for number, node in enumerate(_open_to_change(tree)):
        for change in range(len(_changes(node))):
            fresh = copy.deepcopy(tree)
            target = _open_to_change(fresh)[number]
            statement = _statement_of(target, fresh)
            before, changed = _first_line(statement), _changes(target)[change]
            whole = ast.fix_missing_locations(_Put(target, changed).visit(fresh))
            yield Mutant(node.lineno, before, _first_line(changed if target is statement else statement), whole)


def _open_to_change(tree: ast.AST) -> list[ast.AST]:
    skipped = _left_alone(tree)
    return [node for node in ast.walk(tree) if node not in skipped and hasattr(node, "lineno")]


def _statement_of(node: ast.AST, tree: ast.AST) -> ast.AST:
    """Return the innermost statement that a node is, or is in."""
    above = {child: parent for parent in ast.walk(tree) for child in ast.iter_child_nodes(parent)}
    while not isinstance(node, ast.stmt):
        node = above[node]
    return node


def _first_line(statement: ast.AST) -> str:
    return ast.unparse(statement).split("\n")[0]


class _Put(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self.old, self.new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return self.new if node is self.old else self.generic_visit(node)


def _left_alone(tree: ast.AST) -> set[ast.AST]:
    """Docstrings, annotations and what raises an error: to change their words changes nothing that is asked for."""
    found: set[ast.AST] = set()
    for node in ast.walk(tree):
        roots: list[ast.AST | None] = []
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            roots = [node]
        elif isinstance(node, ast.FunctionDef):
            roots = [node.returns]
        elif isinstance(node, ast.arg | ast.AnnAssign):
            roots = [node.annotation]
        elif isinstance(node, ast.Raise | ast.Import | ast.ImportFrom):
            roots = [node]
        for root in roots:
            found |= set(ast.walk(root)) if root is not None else set()
    return found


def _changes(node: ast.AST) -> list[ast.AST]:
    """Return what may stand in the place of a node."""
    made: list[ast.AST] = []

    def one(**fields: object) -> None:
        changed = copy.copy(node)
        for name, value in fields.items():
            setattr(changed, name, value)
        made.append(changed)

    if isinstance(node, ast.Compare):
        for place, operation in enumerate(node.ops):
            if type(operation) in _COMPARED:
                one(ops=[*node.ops[:place], _COMPARED[type(operation)](), *node.ops[place + 1 :]])
    elif isinstance(node, ast.BinOp | ast.AugAssign) and type(node.op) in _CALCULATED:
        one(op=_CALCULATED[type(node.op)]())
    elif isinstance(node, ast.BoolOp):
        one(op=ast.Or() if isinstance(node.op, ast.And) else ast.And())
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not | ast.USub):
        made.append(node.operand)
    elif isinstance(node, ast.Constant):
        made += [ast.Constant(value) for value in _other_constants(node.value)]
    elif isinstance(node, ast.Slice):
        made += [_slice(node, part) for part in ("lower", "upper", "step") if getattr(node, part) is not None]
    elif isinstance(node, ast.If | ast.IfExp | ast.While) and not isinstance(node.test, ast.Constant):
        if not isinstance(node, ast.While):
            one(test=ast.Constant(True))
        one(test=ast.Constant(False))
    elif isinstance(node, ast.Break):
        made.append(ast.Continue())
    elif isinstance(node, ast.Continue):
        made.append(ast.Break())
    elif isinstance(node, ast.Call):
        made += _calls(node)
    if isinstance(node, ast.Assign | ast.AugAssign | ast.Expr):
        made.append(ast.Pass())
    return made


def _slice(node: ast.Slice, part: str) -> ast.Slice:
    changed = copy.copy(node)
    setattr(changed, part, None)
    return changed


def _other_constants(value: object) -> list[object]:
    if isinstance(value, bool):
        return [not value]
    if isinstance(value, int):
        return [value + 1, value - 1]
    if isinstance(value, float):
        return [value * 2 if value else 1.0]
    if isinstance(value, str):
        return [value + "x", ""] if value else ["x"]
    return []


def _calls(node: ast.Call) -> list[ast.AST]:
    made: list[ast.AST] = []
    name = node.func.id if isinstance(node.func, ast.Name) else getattr(node.func, "attr", "")
    other = (_CALLED if isinstance(node.func, ast.Name) else _METHODS).get(name)
    if other:
        function = copy.copy(node.func)
        setattr(function, "id" if isinstance(node.func, ast.Name) else "attr", other)
        made.append(ast.Call(function, node.args, node.keywords))
    if (
        len(node.args) >= 2
        and name not in _EITHER_WAY
        and not any(isinstance(one, ast.Starred) for one in node.args[:2])
    ):
        made.append(ast.Call(node.func, [node.args[1], node.args[0], *node.args[2:]], node.keywords))
    for place in range(len(node.keywords)):
        made.append(ast.Call(node.func, node.args, node.keywords[:place] + node.keywords[place + 1 :]))
    return made

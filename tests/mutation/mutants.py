"""Small wrong changes of a Python source, one at a time: what a test suite should notice."""

from __future__ import annotations

import ast
import copy
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

_COMPARISONS: Final[dict[type[ast.cmpop], type[ast.cmpop]]] = {
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
_ARITHMETIC: Final[dict[type[ast.operator], type[ast.operator]]] = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Mod: ast.Mult,
    ast.LShift: ast.RShift,
    ast.RShift: ast.LShift,
    ast.BitAnd: ast.BitOr,
    ast.BitOr: ast.BitAnd,
}
_CALLS: Final = {"min": "max", "max": "min", "any": "all", "all": "any"}
_UNTESTED: Final = ("logger", "warnings")
"""What is called on these is for people who read logs; a test that pinned it would pin words."""


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of a file: on which line it begins, what stood there, what stands there now, and the whole result.

    `text` is the line as it was. `within` are the names of the functions and classes that it lies in.
    """

    path: str
    line: int
    text: str
    within: frozenset[str]
    before: str
    after: str
    source: str

    @property
    def name(self) -> str:
        """Names the change, whichever of several like places in its file it is made at."""
        return f"{self.path}: {self.before} -> {self.after}"

    @property
    def place(self) -> str:
        """Names the change and its line by what stands there, so that this holds while the file grows elsewhere."""
        return f"{self.name}  in: {self.text}".replace("\n", " ")


def mutants_of(path: str, source: str) -> list[Mutant]:
    """Return every mutant of a file, in the order of their places."""
    made, tree, lines = [], ast.parse(source), source.splitlines()
    defined = [node for node in ast.walk(tree) if isinstance(node, _Definition)]
    for old, new in _changes(tree):
        after = f"({ast.unparse(new)})" if isinstance(old, ast.expr) else ast.unparse(new)
        changed = _replaced(source, old, after)
        before = ast.unparse(_head(old))
        made.append(
            Mutant(
                path,
                old.lineno,
                lines[old.lineno - 1].strip(),
                _around(defined, old.lineno),
                before,
                ast.unparse(_head(new)),
                changed,
            )
        )
    return sorted(made, key=lambda mutant: mutant.line)


_Node = ast.expr | ast.stmt
_Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def _around(defined: Sequence[_Definition], line: int) -> frozenset[str]:
    return frozenset(node.name for node in defined if node.lineno <= line <= (node.end_lineno or line))


def _changes(tree: ast.Module) -> Iterator[tuple[_Node, _Node]]:
    """Yield pairs of a node and what to put in its place."""
    for node in _code(tree):
        if isinstance(node, ast.expr):
            yield from ((node, new) for new in _expressions(node))
        elif isinstance(node, ast.stmt):
            yield from ((node, new) for new in _statements(node))
        for test in _tests(node):
            if not isinstance(test, ast.Compare | ast.UnaryOp | ast.Constant):  # these have changes of their own
                yield test, ast.UnaryOp(ast.Not(), test)


def _code(node: ast.AST) -> Iterator[ast.AST]:
    """Walk through what runs: no annotations, no decorators, no types by name, nothing for type checkers alone."""
    yield node
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list", "bases"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if not isinstance(child, ast.AST) or _is_for_types(child):
                continue
            if isinstance(node, ast.Call) and _called(node) == "isinstance" and child is not node.args[0]:
                continue
            yield from _code(child)


def _is_for_types(node: ast.AST) -> bool:
    if isinstance(node, ast.If):
        return "TYPE_CHECKING" in ast.unparse(node.test)
    if isinstance(node, ast.AnnAssign):
        return "TypeAlias" in ast.unparse(node.annotation)
    return isinstance(node, ast.JoinedStr | ast.MatchClass | ast.Import | ast.ImportFrom)


def _expressions(node: ast.expr) -> Iterator[ast.expr]:
    if isinstance(node, ast.Compare):
        for place, operator in enumerate(node.ops):
            new = copy.deepcopy(node)
            new.ops[place] = _COMPARISONS[type(operator)]()
            yield new
    elif isinstance(node, ast.BoolOp):
        yield ast.BoolOp(ast.Or() if isinstance(node.op, ast.And) else ast.And(), node.values)
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield node.operand
    elif isinstance(node, ast.BinOp) and type(node.op) in _ARITHMETIC and not _joins_paths(node):
        yield ast.BinOp(node.left, _ARITHMETIC[type(node.op)](), node.right)
    elif isinstance(node, ast.Constant):
        if isinstance(node.value, bool):
            yield ast.Constant(not node.value)
        elif isinstance(node.value, int):
            yield ast.Constant(node.value + 1)
        elif isinstance(node.value, float):
            yield ast.Constant(node.value * 1.5 if node.value else 1.0)
    elif isinstance(node, ast.Call) and _called(node) in _CALLS:
        yield ast.Call(ast.Name(_CALLS[_called(node)]), node.args, node.keywords)


def _statements(node: ast.stmt) -> Iterator[ast.stmt]:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call):
        if not ast.unparse(node.value.func).startswith(_UNTESTED):
            yield ast.Pass()
    elif isinstance(node, ast.Raise | ast.Delete):
        yield ast.Pass()
    elif isinstance(node, ast.AugAssign) and type(node.op) in _ARITHMETIC:
        yield ast.AugAssign(node.target, _ARITHMETIC[type(node.op)](), node.value)
    elif isinstance(node, ast.Break):
        yield ast.Continue()
    elif isinstance(node, ast.Continue):
        yield ast.Break()
    elif isinstance(node, ast.With) and all(item.optional_vars is None for item in node.items):
        yield ast.If(ast.Constant(value=True), node.body, [])  # such as a lock that is not taken


def _tests(node: ast.AST) -> Iterator[ast.expr]:
    if isinstance(node, ast.If | ast.IfExp | ast.While):
        yield node.test
    elif isinstance(node, ast.comprehension):
        yield from node.ifs


def _joins_paths(node: ast.BinOp) -> bool:
    """Whether a division may be a path; to break those is noticed at once, and shows nothing."""
    return (
        isinstance(node.op, ast.Div)
        and re.search(r"folder|path|file|cache|home|['\"]", ast.unparse(node).lower()) is not None
    )


def _called(node: ast.Call) -> str:
    return node.func.id if isinstance(node.func, ast.Name) else ""


def _head(node: _Node) -> _Node:
    """What to show of a node: of a statement that holds others, its first line."""
    if isinstance(node, ast.With | ast.If):
        shown = copy.copy(node)
        shown.body = [ast.Expr(ast.Constant(...))]
        return shown
    return node


def _replaced(source: str, node: _Node, text: str) -> str:
    """Put `text` where a node stands; places are in bytes of UTF-8, as `ast` counts them."""
    lines = source.encode().splitlines(keepends=True)
    starts = [0]
    for line in lines:
        starts.append(starts[-1] + len(line))
    data = b"".join(lines)
    start = starts[node.lineno - 1] + node.col_offset
    end = starts[(node.end_lineno or node.lineno) - 1] + (node.end_col_offset or 0)
    indented = text.replace("\n", "\n" + " " * node.col_offset)
    return (data[:start] + indented.encode() + data[end:]).decode()

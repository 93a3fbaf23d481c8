"""The metric math that alarms use: arithmetic and comparisons of metrics by their ids, FILL and IF."""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping

Value = float | None
_OPERATORS: dict[type[ast.AST], Callable[[float, float], float]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
}


class MathError(Exception):
    """An expression that is not understood here; one line."""


def evaluated(expression: str, values: Mapping[str, Value]) -> Value:
    """The value of an expression; None where a metric that it needs has none, and for a division by zero.

    Raises
    ------
    MathError
        When it uses anything but `+ - * /`, comparisons, FILL and IF on the ids in `values`.
    """
    try:
        return _value(ast.parse(expression, mode="eval").body, values)
    except (SyntaxError, RecursionError):
        raise MathError(f"metric math {expression!r} is not understood") from None


def _value(node: ast.AST, values: Mapping[str, Value]) -> Value:
    match node:
        case ast.Constant(value=int() | float() as number):
            return float(number)
        case ast.Name(id=name) if name in values:
            return values[name]
        case ast.UnaryOp(op=ast.USub(), operand=operand):
            return _applied(operator.mul, -1.0, _value(operand, values))
        case ast.BinOp(left=left, op=op, right=right) | ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in _OPERATORS:
            return _applied(_OPERATORS[type(op)], _value(left, values), _value(right, values))
        case ast.Call(func=ast.Name(id="FILL"), args=[metric, fill]):
            inner = _value(metric, values)
            return _value(fill, values) if inner is None else inner
        case ast.Call(func=ast.Name(id="IF"), args=[condition, then, otherwise]):
            return _value(then if _value(condition, values) else otherwise, values)
    raise MathError(f"metric math: {ast.unparse(node)!r} is not understood: use + - * /, comparisons, FILL and IF on the alarm's metrics")


def _applied(function: Callable[[float, float], float], left: Value, right: Value) -> Value:
    if left is None or right is None:
        return None
    try:
        return float(function(left, right))
    except ZeroDivisionError:
        return None

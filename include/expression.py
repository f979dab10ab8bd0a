"""Expressions in CEL (Common Expression Language, https://github.com/google/cel-spec), which a team may write.

In those that make numbers (`compiled`) every value is a double, and so is every number in an expression: `2 * reach` needs no
`2.0`. Those about documents (`about`) are CEL as it is.
"""

import math
import re
from collections.abc import Callable, Collection, Mapping
from functools import cache
from typing import Any

import cel

LONGEST = 1000  # characters
# Texts first, so that a number within one stays as it is; then names and doubles; then what is to become a double.
_TOKENS = re.compile(r"""("(?:\\.|[^"\\])*"|'(?:\\.|[^'\\])*'|[A-Za-z_]\w*|"""
                     r"""\d+\.\d+(?:[eE][+-]?\d+)?|\.\d+|\d+[eE][+-]?\d+)|(\d+)""")
# The names that macros bind, such as `f` in `fields.all(f, f.n > 1)`.
_BOUND = re.compile(r"\.\s*(?:all|exists|exists_one|map|filter)\s*\(\s*([A-Za-z_]\w*)\s*,")
_PARSE_ERROR = re.compile(r"ERROR: <input>:(\d+):(\d+): (?:Syntax error: )?(.*)")

Number = Callable[[Mapping[str, float]], float]


@cache
def compiled(expression: str, names: Collection[str]) -> Number:
    """A function that computes `expression` from values of `names`.

    Raises ValueError naming the column (from 1) and what is wrong there: a syntax error, a name that there is none of, or a
    result that is no number. The function raises ValueError where a result is not finite.
    """
    program = _parsed(_short(expression))
    for name in program.variables():
        if name not in names and name not in _FUNCTIONS:
            raise ValueError(f"column {_column(expression, name)}: there is no figure {name!r}; there are {', '.join(names)}")
    for name in program.functions():
        if name.isidentifier() and not name.startswith("_") and name not in _FUNCTIONS and name not in _BUILT_IN:
            raise ValueError(f"column {_column(expression, name)}: there is no function {name!r}; there are "
                             f"{', '.join(_FUNCTIONS)}")
    doubles = cel.compile(_TOKENS.sub(lambda match: match[1] or f"{match[2]}.0", expression))

    def number(values: Mapping[str, float]) -> float:
        if not math.isfinite(found := _number(doubles, values)):
            raise ValueError(f"column 1: the result is {found}; is something divided by 0?")
        return found

    _number(doubles, dict.fromkeys(names, 1.0))  # what is wrong with types is wrong whatever the values are
    return number


@cache
def about(expression: str, names: Collection[str]) -> Callable[[Mapping[str, Any]], Any]:
    """A function that judges documents (plain JSON values by name) by `expression`, and returns a plain value.

    Raises ValueError naming the column where it is no CEL or has a free name that is none of `names`. The function raises
    ValueError where the documents lack what it asks for, or an operation doesn't suit their types.
    """
    program = _parsed(_short(expression))
    bound = set(_BOUND.findall(expression))
    for name in program.variables():
        if name not in names and name not in bound:
            raise ValueError(f"column {_column(expression, name)}: there is no {name!r}; there are {', '.join(names)}")

    def judged(documents: Mapping[str, Any]) -> Any:
        try:
            return program.execute(cel.Context(variables={name: documents[name] for name in names}))
        except (ValueError, TypeError, RuntimeError, ArithmeticError, LookupError) as error:
            raise ValueError(f"{type(error).__name__}: {str(error)[:200]}") from error

    return judged


def _number(program: cel.Program, values: Mapping[str, float]) -> float:
    context = cel.Context(variables=dict(values), functions=dict(_FUNCTIONS))
    try:
        found = program.execute(context)
    except (ValueError, TypeError, RuntimeError, ArithmeticError, LookupError) as error:
        raise ValueError(f"column 1: {str(error)[:200]}") from error
    if isinstance(found, bool) or not isinstance(found, int | float):
        raise ValueError(f"column 1: the result is {type(found).__name__}, not a number")
    return float(found)


def _short(expression: str) -> str:
    if len(expression) > LONGEST:
        raise ValueError(f"column {LONGEST + 1}: longer than {LONGEST:,} characters")
    return expression


def _parsed(expression: str) -> cel.Program:
    try:
        return cel.compile(expression)
    except ValueError as error:
        if (found := _PARSE_ERROR.search(str(error))) is None:
            raise ValueError(f"column 1: {str(error)[:200]}") from error
        line, column, message = int(found[1]), int(found[2]), found[3]
        before = sum(len(text) + 1 for text in expression.split("\n")[: line - 1])
        raise ValueError(f"column {before + column}: {message[:200]}") from error


def _column(expression: str, name: str) -> int:
    found = re.search(rf"(?<!\w){re.escape(name)}\b", expression)
    return found.start() + 1 if found else 1


def _log(value: float) -> float:
    return math.log(value) if value > 0 else 0.0


_FUNCTIONS: dict[str, Callable[..., float]] = {"min": min, "max": max, "log": _log}
_BUILT_IN = ("double", "int", "size", "has")

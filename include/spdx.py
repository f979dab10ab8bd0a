"""Whether an SPDX licence expression is allowed by a product's policy."""

from collections.abc import Collection

from license_expression import ExpressionError, LicenseExpression, get_spdx_licensing

_SPDX = get_spdx_licensing()
MAX_LENGTH = 1000


def allows(allowed: Collection[str], expression: str) -> bool:
    """Whether `expression` leaves a choice that keeps to the licences `allowed` (SPDX ids). Raises ValueError where it is no
    SPDX licence expression."""
    parsed = _parsed(expression)
    return parsed is not None and _satisfied(parsed, allowed)


def normal(expression: str) -> str | None:
    """`expression` as SPDX writes it; None where it is none."""
    try:
        parsed = _parsed(expression)
    except ValueError:
        return None
    return None if parsed is None else str(parsed)


def _parsed(expression: str) -> LicenseExpression | None:
    if len(expression) > MAX_LENGTH:
        raise ValueError(f"longer than {MAX_LENGTH} characters")
    try:
        return _SPDX.parse(expression, validate=True, strict=True)
    except ExpressionError as error:
        raise ValueError(str(error)) from error


def _satisfied(expression: LicenseExpression, allowed: Collection[str]) -> bool:
    """OR offers a choice, AND asks for all, WITH only adds permissions to its licence."""
    if isinstance(expression, _SPDX.OR):
        return any(_satisfied(part, allowed) for part in expression.args)
    if isinstance(expression, _SPDX.AND):
        return all(_satisfied(part, allowed) for part in expression.args)
    return str(getattr(expression, "license_symbol", expression)) in allowed

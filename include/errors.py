"""The one error that says: the input is wrong, and trying again will not help."""


class InputError(ValueError):
    """Input from outside is wrong. The message names what and where; a task that meets it is not retried."""

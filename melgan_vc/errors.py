"""The one exception that reaches a user as a single line."""


class UserError(ValueError):
    """Something the user can mend: the text says what was found, what was expected and what to do."""

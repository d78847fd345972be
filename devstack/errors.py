"""The error of the local stack."""


class LocalSetupError(Exception):
    """The local stack cannot start. The message is one sentence that says what to do; no traceback
    is shown."""

"""What can go wrong on a developer's machine."""


class LocalSetupError(Exception):
    """The local stack cannot be set up. The message is one clear sentence that says what to do; no
    trace is shown."""

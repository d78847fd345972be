"""The simulated Kling: authentication, tasks, callbacks and its own records of what it would
bill."""

"""Process entry `python -m devstack run|demo|audit|reset`."""

import sys

# Before anything is imported that an older Python could not even read.
if sys.version_info < (3, 11):  # noqa: UP036
    sys.exit("Farebox needs Python 3.11 or newer; this is Python " + sys.version.split()[0] + ".")
if sys.platform == "win32":
    sys.exit(
        "The embedded stack runs on Linux and macOS; on Windows use WSL, or `docker compose up`."
    )

try:
    from devstack.commands import main
    from service.settings import process_environment
except ModuleNotFoundError as error:
    sys.exit(
        f"The Python package {error.name} is not installed; "
        "`make run` installs what is needed and starts."
    )

if __name__ == "__main__":
    sys.exit(main(sys.argv[1:], process_environment()))

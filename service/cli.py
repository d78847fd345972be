"""The operator's commands: `farebox COMMAND …`. Each feature contributes its own."""

import sys
from collections.abc import Callable, Iterable, Sequence
from functools import cache

import click

from service.app import FEATURES, build, load_settings
from service.core.console import print_message
from service.core.errors import FareboxError
from service.core.logs import configure
from service.core.settings import SettingsError
from service.feature import Declaration, Parts


class _ByHeading(click.Group):
    """Lists the commands of every feature under the headings that it declares."""

    def __init__(self, features: Iterable[Declaration]) -> None:
        super().__init__("farebox", help="Operator commands of Farebox.")
        self._headings = [heading for feature in features for heading in feature.commands.items()]
        for _, commands in self._headings:
            for command in commands:
                self.add_command(command)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        del ctx
        for heading, commands in self._headings:
            with formatter.section(heading):
                formatter.write_dl([(str(each.name), each.short_help or "") for each in commands])


def main(argv: Sequence[str] | None = None, features: Sequence[Declaration] = FEATURES) -> int:
    """Runs one command. Returns 0 on success; 1 for a violation, an unknown user or job, or a
    refused action; 2 if the command could not run or did not finish."""
    words = list(sys.argv[1:] if argv is None else argv)
    try:
        return _run(words, features)
    except SettingsError as error:
        print_message(str(error))
    except FareboxError as error:
        print_message(f"{error.code}: {error.message}")
    return 2


def _run(words: list[str], features: Sequence[Declaration]) -> int:
    """Raises `SystemExit(2)` for an unknown command or option, as shell tools do."""
    try:
        code = _ByHeading(features).main(
            words, "farebox", standalone_mode=False, obj=_parts(features)
        )
    except click.ClickException as error:
        error.show()
        raise SystemExit(error.exit_code) from None
    return int(code or 0)


def _parts(features: Sequence[Declaration]) -> Callable[[], Parts]:
    """Builds the parts when a command first needs them, so that help and usage errors need no
    settings."""

    @cache
    def parts() -> Parts:
        settings = load_settings(features=features)
        configure("WARNING", settings.core.log_format, sys.stderr)
        return build(settings, service="cli", features=features)

    return parts


if __name__ == "__main__":
    sys.exit(main())

"""Operator commands on data keys: `farebox rewrap-data-keys`, `farebox rotate-data-key USER`."""

from collections.abc import Callable, Mapping

import click

from service.core.console import print_message, print_result, stop_on_signal
from service.encryption.operations import Rewrapped, Rewrapping
from service.feature import Parts
from service.storage.data_keys import MAX_VERSIONS, DataErased, NoDataKey, TooManyVersions

_WHY: Mapping[type[Exception], str] = {
    NoDataKey: "There is no data key of that user.",
    TooManyVersions: f"The user has {MAX_VERSIONS} keys already.",
}


@click.command(
    "rewrap-data-keys",
    short_help="wrap every data key with the KMS key that KMS_KEY_ID names",
    help="Wrap every data key with the KMS key that KMS_KEY_ID names, after it was replaced. Reads "
    "the whole table; can be stopped and run again. Exits 2 if it did not come to the end.",
)
@click.option(
    "--reads-per-second",
    type=click.FloatRange(min=0, min_open=True),
    metavar="R",
    help="Maximum read units per second.",
)
@click.pass_obj
def rewrap_data_keys(parts: Callable[[], Parts], reads_per_second: float | None) -> int:
    with stop_on_signal() as stopping:
        done = parts().get(Rewrapping).run(reads_per_second, stopping, _print_progress)
    print_result(f"{done.keys} keys wrapped anew, of {done.items} users")
    if done.stopped:
        print_message("It was stopped before its end; run it again.")
        return 2
    return 0


@click.command(
    "rotate-data-key",
    short_help="encrypt what is private to a user with a new key from now on",
    help="Encrypt what is private to a user with a new key from now on; what older keys have "
    "encrypted stays readable. Exits 1 if the user has no data key, an erased one, or 12 already.",
)
@click.argument("user_id", metavar="USER")
@click.pass_obj
def rotate_data_key(parts: Callable[[], Parts], user_id: str) -> int:
    try:
        version = parts().core.data_keys.rotate(user_id)
    except DataErased as error:
        print_message(error.message)
        return 1
    except (NoDataKey, TooManyVersions) as error:
        print_message(_WHY[type(error)])
        return 1
    print_result(f"The data key of {user_id} is at version {version}")
    return 0


def _print_progress(done: Rewrapped) -> None:
    print_message(f"{done.items} data keys read, {done.keys} wrapped anew")


COMMANDS = (rewrap_data_keys, rotate_data_key)

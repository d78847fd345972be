"""What the audit proves of uploads."""

from collections.abc import Iterable
from typing import Any

import pytest

from service.storage.keys import Key
from service.uploads import keys
from service.uploads.checks import upload_checks
from service.uploads.entities import UploadUnusable
from tests.doubles.pictures import png
from tests.doubles.sounds import wav
from tests.uploads.conftest import World


def faults(item: dict[str, Any]) -> list[str]:
    kind = next(check for check in upload_checks() if check.kind.covers(Key.of_item(item)))
    found: Iterable[str] = kind.faults(item)
    return list(found)


def test_what_is_written_passes(world: World) -> None:
    world.uploads.begin("ann", "image/png", 5)
    world.ready()
    world.ready(wav(), "audio/wav")
    with pytest.raises(UploadUnusable):
        world.ready(png(100, 100))
    items = world.table.query("USER#ann", "UPLOAD", limit=9).items
    assert len(items) == 5
    assert [faults(dict(item)) for item in items] == [[]] * 5


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ({"contentType": "text/html"}, "a type that is not taken"),
        ({"versionId": ""}, "version does not fit"),
        ({"status": "open"}, "version does not fit"),
        ({"reason": "because"}, "reason does not fit"),
        ({"size": 0}, "larger than announced, or empty"),
        ({"size": 10**9}, "larger than announced, or empty"),
        ({"width": 0}, "does not fit its type"),
    ],
)
def test_what_is_never_written_is_found(world: World, change: dict[str, Any], fault: str) -> None:
    upload = world.ready()
    item = dict(world.table.get(keys.upload("ann", upload.upload_id)) or {})
    assert fault in " ".join(faults(item | change))


def test_the_count_of_a_user_is_disposable(world: World) -> None:
    world.ready()
    item = dict(world.table.get(keys.usage("ann")) or {})
    assert faults({name: item[name] for name in item if name != "expiresAt"})
    assert faults(item | {"bytes": -1})

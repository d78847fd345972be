"""What the audit proves of live sessions beyond what is true of every job: payload and result are
of the form that `live.work` writes, and segments are disposable."""

from collections.abc import Iterator

from service.jobs.work import LIVE_UNTIL, Facts
from service.live import keys
from service.live.entities import LANGUAGES, MAX_BLOCK, MIN_BLOCK, SAMPLE_RATES, Ending
from service.providers.speech import Encoding
from service.storage.checks import ItemCheck
from service.storage.codec import Item

_ENDINGS = {*Ending, "interrupted"}


def payload_faults(payload: Facts) -> Iterator[str]:
    if payload.get("sampleRate") not in SAMPLE_RATES:
        yield "its sampleRate is not one that is offered"
    if payload.get("encoding") not in set(Encoding):
        yield "its encoding is not one that is offered"
    if payload.get("language") not in LANGUAGES:
        yield "its language is not one that is offered"


def result_faults(result: Facts) -> Iterator[str]:
    for name in ("words", "audioSeconds"):
        count = result.get(name)
        if type(count) is not int or count < 0:
            yield f"its {name} is not a number"
    if result.get("ending") not in _ENDINGS:
        yield "it ended in no known way"


def block_payload_faults(payload: Facts) -> Iterator[str]:
    yield from payload_faults(payload)
    seconds = payload.get("seconds")
    if type(seconds) is not int or not MIN_BLOCK <= seconds <= MAX_BLOCK:
        yield "its seconds are not those of a block"


def block_result_faults(result: Facts) -> Iterator[str]:
    if not isinstance(result.get("token"), str):
        yield "its token is not text"
    for name in ("tokenExpiresAt", LIVE_UNTIL):
        if type(result.get(name)) is not int:
            yield f"its {name} is not a time"


def segment_check() -> ItemCheck:
    def faults(item: Item) -> Iterator[str]:
        if type(item.get("content")) is not bytes:
            yield "its content is not encrypted"
        if "expiresAt" not in item:
            yield "it is not disposable"

    return ItemCheck(keys.SEGMENT, faults)

"""What the audit proves of a transcription's job beyond what is true of every job: its payload and
its result are of the form that `transcription.work` writes; and of deletions, that this service has
begun each and that each is due."""

from collections.abc import Iterator

from service.jobs.work import Facts
from service.storage.checks import ItemCheck
from service.storage.codec import Item
from service.storage.keys import DUE_INDEX_ATTRIBUTES
from service.transcription import keys, store
from service.transcription.entities import MAX_MINUTES


def payload_faults(payload: Facts) -> Iterator[str]:
    digest = payload.get("audioHash")
    if not isinstance(digest, str) or not digest:
        yield "its audioHash is not text"
    if not isinstance(payload.get("linkHash", ""), str):
        yield "its linkHash is not text"
    minutes = payload.get("maxMinutes")
    if type(minutes) is not int or not 0 < minutes <= MAX_MINUTES:
        yield "its maxMinutes is not a number of minutes"
    language = payload.get("language", "en")
    if not isinstance(language, str) or type(payload.get("speakerLabels")) is not bool:
        yield "its language or speakerLabels are of another form"


def result_faults(result: Facts) -> Iterator[str]:
    count = result.get("words")
    if type(count) is not int or count < 0:
        yield "its number of words is not one"
    seconds = result.get("audioSeconds", 0)
    if type(seconds) is not int or seconds < 0:
        yield "its audioSeconds is not a number of seconds"
    if not isinstance(result.get("language", ""), str):
        yield "its language is not text"


def deletion_check(mac_key: bytes) -> ItemCheck:
    def faults(item: Item) -> Iterator[str]:
        deletion = store.deletion_from(item)
        if not deletion.is_sealed(mac_key):
            yield "is not as this service wrote it (its MAC does not hold)"
        due = keys.DUE_DELETIONS.index(deletion.job_id, deletion.due_at)
        if due != {name: item.get(name) for name in DUE_INDEX_ATTRIBUTES}:
            yield "its index attributes are not those of its shard and time"

    return ItemCheck(keys.DELETION, faults)

"""What the audit proves of a catch-up's job beyond what is true of every job: its payload and its
result are of the form that `catch_up.work` writes."""

from collections.abc import Iterator

from service.catch_up.entities import MAX_PARTS, MAX_SINCE_SECONDS
from service.jobs.work import Facts


def payload_faults(payload: Facts) -> Iterator[str]:
    for name in ("model", "transcriptId"):
        if not isinstance(payload.get(name), str):
            yield f"its {name} is not text"
    if not isinstance(payload.get("uploadId", ""), str):
        yield "its uploadId is not text"
    parts, since = payload.get("parts"), payload.get("since")
    if type(parts) is not int or not 0 < parts <= MAX_PARTS:
        yield "its parts are not a number of parts"
    if type(since) is not int or not 0 <= since <= MAX_SINCE_SECONDS:
        yield "its since is not a number of seconds"


def result_faults(result: Facts) -> Iterator[str]:
    points = result.get("points")
    if type(points) is not int or points < 0:
        yield "its number of points is not one"
    if not isinstance(result.get("estimated"), bool):
        yield "its estimated is neither true nor false"

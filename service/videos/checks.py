"""What the audit proves of a video's job beyond what is true of every job: its payload and its
result are of the form that `videos.work` writes."""

from collections.abc import Iterator

from service.jobs.work import Facts
from service.videos.entities import deliverable


def payload_faults(payload: Facts) -> Iterator[str]:
    for name in ("promptKey", "imageHash"):
        value = payload.get(name)
        if not isinstance(value, str) or not value:
            yield f"its {name} is not text"
    length = payload.get("imageLength")
    if type(length) is not int or length <= 0:
        yield "its imageLength is not a number of characters"


def result_faults(result: Facts) -> Iterator[str]:
    """Plain http passes here: a table of a developer has links of the simulators."""
    url, expires_at = result.get("videoUrl"), result.get("videoExpiresAt")
    if not isinstance(url, str) or not deliverable(url, plain_links=True):
        yield "its videoUrl is not a link"
    if type(expires_at) is not int or expires_at <= 0:
        yield "its videoExpiresAt is not a time"
    copy = [result[name] for name in ("copyBytes", "copyExpiresAt") if name in result]
    if len(copy) == 1 or any(type(each) is not int or each <= 0 for each in copy):
        yield "its copy is not one of that size until that time"

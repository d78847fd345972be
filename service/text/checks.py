"""What the audit proves of a text's job beyond what is true of every job: its payload and its
result are of the form that `text.work` writes."""

from collections.abc import Iterator

from service.jobs.work import Facts


def payload_faults(payload: Facts) -> Iterator[str]:
    if not isinstance(payload.get("model"), str):
        yield "its model is not text"
    for name in ("maxTokens", "inputTokens"):
        count = payload.get(name)
        if type(count) is not int or count <= 0:
            yield f"its {name} is not a number of tokens"
    if not isinstance(payload.get("limited"), bool):
        yield "it does not say whether the balance limited it"


def result_faults(result: Facts) -> Iterator[str]:
    if not isinstance(result.get("finishReason"), str):
        yield "its finishReason is not text"
    for name in ("estimated", "partial"):
        if not isinstance(result.get(name), bool):
            yield f"its {name} is neither true nor false"

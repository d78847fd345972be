"""What a user of texts does in one request: has one written and reads it, or part of it."""

from dataclasses import dataclass

from service.core.principal import Principal
from service.jobs.entities import Job
from service.jobs.operations import Submission
from service.jobs.schemas import job_body
from service.providers.generation import Message, Role
from service.text.entities import NewText, TextBody
from service.text.event_schemas import has_begun, run_events
from tests.simulation.parts import Parts
from tests.simulation.plan import PlannedText

_WORDS = ("Describe a river in winter. ", "Describe a river in spring. ")


@dataclass(frozen=True)
class Written:
    """What the response says of a text."""

    job: Job
    remaining: int
    replayed: bool


def generate(web: Parts, planned: PlannedText) -> Written:
    """Raises what the route raises."""
    begun = web.text.generate(order_of_text(planned))
    if isinstance(begun, Submission):
        return Written(web.text.checked(begun.job), begun.remaining, replayed=True)
    if not planned.streams or not has_begun(begun):
        return Written(web.text.finished(begun), begun.remaining, replayed=False)
    events = run_events(begun, web.process.clock, lambda job: job_body(job, web.operations))
    for number, _ in enumerate(events, 1):
        if number == planned.leaves_after:
            events.close()  # type: ignore[attr-defined]
    return Written(begun.job, begun.remaining, replayed=False)


def order_of_text(planned: PlannedText) -> NewText:
    words = _WORDS[planned.image]
    message = Message(Role.USER, words * (1 + planned.prompt_bytes // len(words)))
    return NewText(
        Principal("https://accounts.google.com", planned.user, f"{planned.user}@example.com"),
        planned.device,
        TextBody((message,), "gpt-4.1-mini", planned.max_tokens),
        planned.key,
    )

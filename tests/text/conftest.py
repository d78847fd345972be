"""The service with a scripted vendor of text. A call is made where it is begun, unless a test wants
a thread of its own."""

from collections.abc import Callable
from typing import Any

import pytest

from service.core.amounts import Credits
from service.core.principal import Principal
from service.jobs.entities import Job
from service.jobs.operations import Submission
from service.providers.generation import Message, Role, TextProviders
from service.text.entities import NewText, TextBody
from service.text.feature import Starter
from service.text.operations import Text
from tests.doubles.service_harness import ServiceHarness
from tests.doubles.text_provider import ScriptedTextProvider

MODEL = "gpt-4.1-mini"
PROMPT = "Describe a lighthouse."


def at_once(work: Callable[[], None]) -> None:
    work()


def text_world(
    client: Any, table_name: str, *, welcome_credits: Credits = 3, **others: Any
) -> ServiceHarness:
    vendor = ScriptedTextProvider()
    replacements = {TextProviders: TextProviders().adding(vendor), Starter: Starter(at_once)}
    replacements |= others.pop("replacements", {})
    world = ServiceHarness(
        client, table_name, welcome_credits=welcome_credits, replacements=replacements, **others
    )
    world.vendor = vendor  # type: ignore[attr-defined]
    return world


@pytest.fixture
def world(client: Any, table_name: str) -> ServiceHarness:
    return text_world(client, table_name)


def new_text(
    prompt: str = PROMPT,
    *,
    user_id: str = "ann",
    model: str | None = MODEL,
    max_tokens: int | None = 100,
    key: str | None = None,
    device: str = "phone",
) -> NewText:
    who = Principal("https://accounts.google.com", user_id, f"{user_id}@example.com")
    body = TextBody((Message(Role.USER, prompt),), model, max_tokens)
    return NewText(who, device, body, key, "req_01kb7r3v6q8f2x0m4n5p6q7r8s")


def write(world: ServiceHarness, **options: Any) -> Job:
    """The job of a text, as stored at the end."""
    begun = world.parts.get(Text).generate(new_text(**options))
    job_id = begun.job.job_id
    return world.job(job_id, options.get("user_id", "ann"))


def begin(world: ServiceHarness, **options: Any) -> Any:
    return world.parts.get(Text).generate(new_text(**options))


def is_replay(begun: Any) -> bool:
    return isinstance(begun, Submission) and begun.replayed

"""A vendor of text that follows a test's script, and keeps its own books as a real one does."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from service.providers.generation import (
    Complete,
    FinishReason,
    GenerationEvent,
    GenerationRequest,
    Output,
    TokenUsage,
)

USAGE = TokenUsage(input_tokens=20, output_tokens=10)
WHOLE: tuple[GenerationEvent, ...] = (
    Output("A light"),
    Output("house."),
    Complete(FinishReason.STOP, USAGE),
)

Step = GenerationEvent | Callable[[], object]


class ScriptedGeneration:
    def __init__(self, steps: Sequence[Step]) -> None:
        self._steps = steps
        self.cancelled = threading.Event()

    def __iter__(self) -> Iterator[GenerationEvent]:
        """A step that can be called is done in its place: it waits, or raises."""
        for step in self._steps:
            if self.cancelled.is_set():
                return
            if callable(step):
                step()
            else:
                yield step

    def cancel(self) -> None:
        self.cancelled.set()


@dataclass
class ScriptedTextProvider:
    """Each script is used once; without one, the response is `WHOLE`."""

    name: str = "openai"
    scripts: list[Sequence[Step]] = field(default_factory=list)
    sent: list[GenerationRequest] = field(default_factory=list)
    generations: list[ScriptedGeneration] = field(default_factory=list)
    count: int | None = None

    @contextmanager
    def generate(self, request: GenerationRequest) -> Iterator[ScriptedGeneration]:
        self.sent.append(request)
        generation = ScriptedGeneration(self.scripts.pop(0) if self.scripts else WHOLE)
        self.generations.append(generation)
        yield generation

    def count_input(self, request: GenerationRequest) -> int | None:
        return self.count

"""What a release script is run with, to write down what it does."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.infrastructure.checkouts import choosing
from tests.infrastructure.checks.release_calls import ALL, STAGING
from tests.infrastructure.scripts import Ran, Responses, run


@dataclass(frozen=True)
class Situation:
    """What a script is run with. `responses` come before those of a deployment that is well."""

    name: str
    words: tuple[str, ...]
    responses: Responses = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    typed: str | None = None
    # What the stage chooses for its identity stack, which none of our own stages has, and beyond
    # its file for its base stack.
    identity: Mapping[str, str] | None = None
    base: Mapping[str, str] | None = None

    def run(self, root: Path) -> Ran:
        given = {"identity": self.identity, "base": self.base}
        sections = {name: chosen for name, chosen in given.items() if chosen is not None}
        if not sections:
            return self._run(root)
        with TemporaryDirectory() as folder:
            return self._run(choosing(root, Path(folder), STAGING["STAGE"], **sections))

    def _run(self, root: Path) -> Ran:
        environment = STAGING | dict(self.environment)
        stage = environment["STAGE"]
        responses = tuple(
            (pattern.replace("staging", stage), text.replace("staging", stage), code)
            for pattern, text, code in self.responses + ALL
        )
        return run(root, self.words, responses, environment, self.typed)

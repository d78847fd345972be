"""Everything that schemathesis thinks of, sent to the service by its own document, and what came of
it."""

import itertools
import re
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import schemathesis
from schemathesis.engine import Status, events, from_schema

from service.billing.schemas import MAX_WAIT_SECONDS
from service.core.placeholders import identifies_a_device
from tests.stack.live_stack import LiveStack, video_body

PAID = (
    *("POST /videos", "POST /ai/generate", "POST /transcriptions"),
    "POST /transcriptions/catch-up",
    *("POST /v1/chat/completions", "POST /v1/responses"),
)
# In JSON, or in an event of a stream; OpenAI's ids end like those of jobs.
JOB_ID = re.compile('"(?:jobId": ?"job_|id": ?"(?:chatcmpl-|resp_))([0-9a-z]{26})"')
A_FEW_DIGITS = re.compile("[0-9]{1,3}")
READABLE = re.compile("[^\x00-\x1f\x7f-\x9f]{1,255}")

# A request that fits the document may still be refused for what no schema can say: whether there is
# such a prompt, page or picture, or a saved card; and whoever guesses promo codes, or sends too
# much, has to wait.
CHECKS = {
    "positive_data_acceptance": {
        "expected-statuses": ["2xx", "400", "401", "402", "403", "404", "409", "413", "422", "429"]
    },
    "negative_data_rejection": {
        "expected-statuses": ["400", "401", "403", "404", "405", "413", "415", "422", "429"]
    },
}
BEYOND_SCHEMAS = {
    "Must be a number of credits with at most three decimals.",
    "Must not be before `from`.",
    "Send either packageId or priceId.",
    "Is for packages only.",
    "Is for uploads only.",
    "Is required to switch it on.",
    "Must be an e-mail address, with ASCII characters in front of the @.",
}
# Which operation a quote is for stands in its query, and each has a body of its own.
OF_ANY_OPERATION = {
    "POST /credits/quote": {
        *("Is not known.", "Is required.", "Is required without uploadId."),
        *("Send either imageUrl or uploadId.", "Send either audioUrl or uploadId."),
        # A live session has languages of its own.
        "Must be one of the listed codes, such as en or pt.",
    }
}
# Otherwise nearly every request about passwords would end at the limit of its network.
PASSWORDS_REACHED: dict[str, Any] = {
    "password_requests_per_minute": 10**6,
    "password_sign_ins_per_minute": 10**6,
    "password_hash_memory_kibibytes": 8,
    "password_hash_iterations": 1,
    "password_response_seconds": 0.0,
}
BY_SCHEMA = ("VALIDATION_FAILED", "MALFORMED_JSON")

Prepare = Callable[[schemathesis.Case], None]


@dataclass
class Findings:
    """What a run found: how often each operation returned each status, the jobs that its responses
    named, and each kind of failure once."""

    statuses: defaultdict[str, Counter[int]] = field(default_factory=lambda: defaultdict(Counter))
    failures: dict[tuple[str, str], str] = field(default_factory=dict)
    jobs: set[str] = field(default_factory=set)
    calls: int = 0

    def add(self, event: events.EngineEvent) -> None:
        match event:
            case events.ScenarioFinished(recorder=recorder):
                for case_id, each in recorder.interactions.items():
                    self._received(recorder.cases[case_id].value, each.response)
                for case_id, checks in recorder.checks.items():
                    self._judged(recorder.cases[case_id].value.operation.label, checks)
            case events.NonFatalError(label=label, value=value):
                self.failures[label, type(value).__name__] = str(value)
            case events.FatalError(exception=exception):
                raise exception

    def _received(self, case: schemathesis.Case, response: Any) -> None:
        self.calls += 1
        label = case.operation.label
        if response is None:
            self.failures[label, "no answer"] = ""
        elif case.method == case.operation.method.upper():
            self.statuses[label][response.status_code] += 1
            if response.status_code >= 500:
                self.failures[label, str(response.status_code)] = response.text
            if label in PAID:
                self.jobs.update(f"job_{found}" for found in JOB_ID.findall(response.text))

    def _judged(self, label: str, checks: list[Any]) -> None:
        for check in checks:
            if check.status is not Status.SUCCESS:
                info = check.failure_info
                text = (
                    f"{info.failure.title}: {info.failure.message}\n{info.code_sample}"
                    if info
                    else "the check broke"
                )
                self.failures.setdefault((label, check.name), text)

    def table(self) -> str:
        """A line for each operation: how many cases, and how many of each status."""
        return "\n".join(
            f"{label:36} {counts.total():6}  "
            + "  ".join(f"{status}: {counts[status]}" for status in sorted(counts))
            for label, counts in sorted(self.statuses.items())
        )


@schemathesis.check
def what_fits_the_document_fits_the_service(
    context: Any, response: Any, case: schemathesis.Case
) -> None:
    """The service refuses as malformed only what the document calls malformed. Some rules no schema
    can say: a fingerprint has to identify a device, an amount has at most three decimals, and a
    range begins before it ends."""
    del context
    if case.meta and case.meta.generation.mode.is_positive and response.status_code == 400:
        code = refusal_in(response)["code"]
        excused = code == "VALIDATION_FAILED" and _is_beyond_schemas(
            response, case.body, OF_ANY_OPERATION.get(case.operation.label, set())
        )
        assert code not in BY_SCHEMA or excused, (
            f"{code} for what the document allows: {response.text}"
        )


def refusal_in(response: Any) -> dict[str, Any]:
    """The part of an error that has `code` and `details`, in our envelope or in OpenAI's."""
    content: dict[str, Any] = response.json()
    return content["error"] if isinstance(content["error"], dict) else content


def _is_beyond_schemas(response: Any, body: Any, here: set[str]) -> bool:
    """Whether every fault is one that no schema can describe, or none of this route (`here`)."""
    faults = refusal_in(response)["details"]["fields"]
    return all(
        not identifies_a_device(body[name])
        if name in ("Fingerprint", "fingerprint")
        else set(sentences) <= BEYOND_SCHEMAS | here
        for name, sentences in faults.items()
    )


@schemathesis.check
def the_route_documents_the_code(context: Any, response: Any, case: schemathesis.Case) -> None:
    """The schema of an error allows every code; the examples of a route's status list its own."""
    del context
    document: Any = case.operation.schema.raw_schema
    documented = document["paths"][case.operation.path][case.operation.method.lower()]["responses"]
    described = documented.get(str(response.status_code), {})
    if case.method == case.operation.method.upper() and "$ref" in described:
        shared = document["components"]["responses"][described["$ref"].rsplit("/", 1)[-1]]
        codes = shared["content"]["application/json"]["examples"]
        assert refusal_in(response)["code"] in codes, response.text


def fuzzed(
    stack: LiveStack,
    token: str | None,
    examples: int,
    prepare: Prepare = lambda _: None,
    *,
    seed: int | None = None,
    findings: Findings | None = None,
    limits: bool = True,
) -> Findings:
    """One run with that many examples an operation, each after `prepare` has had a look at it;
    added to `findings` if given. Without a seed it is the same every time. `limits`: with the cases
    at each limit of the document."""
    config: dict[str, Any] = {
        "generation": {"max-examples": examples, "deterministic": seed is None, "database": "none"},
        "checks": CHECKS,
        "headers": {"Authorization": f"Bearer {token}"} if token else {},
        "continue-on-failure": True,
        "warnings": False,
        "request-timeout": 30,
    }
    if seed is not None:
        config["seed"] = seed
    if not limits:
        config["phases"] = {"coverage": {"enabled": False}}
    schema = schemathesis.openapi.from_url(
        f"{stack.url}/openapi.json", config=schemathesis.Config.from_dict(config), timeout=60
    )

    def before_call(context: Any, case: schemathesis.Case, kwargs: dict[str, Any]) -> None:
        del context, kwargs
        prepare(case)

    findings = findings or Findings()
    schemathesis.hook(before_call)
    try:
        for event in from_schema(schema).execute():
            findings.add(event)
    finally:
        schemathesis.hooks.unregister(before_call)
    return findings


def someone_real(user: str, job_id: str) -> Prepare:
    """Most names that fit are those of things that are there; else every request would end at the
    same refusal. No one waits long for an order or a job that does not end."""
    turn = itertools.count()

    def prepare(case: schemathesis.Case) -> None:
        if isinstance(case.body, dict) and READABLE.fullmatch(str(case.body.get("GoogleID", user))):
            known = video_body(user)
            for name, value in known.items():
                if isinstance(case.body.get(name), str) and case.body[name] and next(turn) % 4:
                    case.body = case.body | {name: value}
        if case.path_parameters.get("jobId") and next(turn) % 2:
            case.path_parameters = case.path_parameters | {"jobId": job_id}
        if _is_long(case.query and case.query.get("wait")):
            case.query = dict(case.query) | {"wait": 1}

    return prepare


def _is_long(wait: Any) -> bool:
    """Whether the service would wait; some cases say so in digits."""
    return bool(A_FEW_DIGITS.fullmatch(str(wait))) and 1 < int(wait) <= MAX_WAIT_SECONDS


def assert_strangers_left_nothing(stack: LiveStack) -> None:
    """A link is mailed to whoever registers or has forgotten a password, and failed sign-ins are
    counted; no one becomes a user."""
    kinds = {item["PK"]["S"].partition("#")[0] for item in stack.items()}
    assert kinds <= {"REGISTRATION", "RESET", "TRIES", "MAIL", "MAILBOX", "SYSTEM"}, kinds
    assert stack.count() == 0


def assert_refusals_wrote_nothing(stack: LiveStack, known: set[str]) -> None:
    """Every job was named in a response, and only users who submitted a job have a wallet. Then
    every balance is proved."""
    jobs = [item for item in stack.items() if item["SK"]["S"].startswith("JOB#")]
    assert {item["SK"]["S"].removeprefix("JOB#") for item in jobs} == known
    wallets = {item["PK"]["S"] for item in stack.items() if item["SK"]["S"] == "METADATA"}
    assert wallets == {item["PK"]["S"] for item in jobs}
    stack.assert_proved()

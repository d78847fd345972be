"""The served OpenAPI document against the service that serves it: whatever is sent, no 5xx and
nothing undocumented. A sample of what `python -m tests.fuzz` tries on DynamoDB Local; here the
table is in memory, which refuses what DynamoDB refuses."""

from collections.abc import Iterator

import pytest

from service.core.clock import SystemClock
from service.web.openapi.schemas import operations
from tests.fuzz.findings import (
    PASSWORDS_REACHED,
    assert_refusals_wrote_nothing,
    assert_strangers_left_nothing,
    fuzzed,
    someone_real,
)
from tests.journeys.api_client import ApiClient
from tests.stack.live_stack import LiveStack
from tests.stack.memory_stack import stack_in_memory

pytestmark = pytest.mark.sample

EXAMPLES = 5
STRANGERS_EXAMPLES = 2
USER = "ann"


@pytest.fixture(scope="module")
def stack() -> Iterator[LiveStack]:
    settings = PASSWORDS_REACHED | {"welcome_credits": 10**6}
    with stack_in_memory(clock=SystemClock(), **settings) as stack:
        yield stack


@pytest.mark.timeout(900)
def test_a_user_s_requests_meet_no_5xx_and_nothing_undocumented(stack: LiveStack) -> None:
    job_id = stack.submitted(USER)
    findings = fuzzed(
        stack, stack.token(USER, expires_in=10**6), EXAMPLES, someone_real(USER, job_id)
    )
    assert findings.failures == {}, "\n\n".join(map(str, findings.failures.items()))
    document = ApiClient(stack).document
    assert set(findings.statuses) == {
        f"{method} {path}" for path, method, _ in operations(document)
    }
    assert set(findings.statuses["POST /videos"]) >= {200, 400, 415}
    assert set(findings.statuses["GET /jobs/{jobId}"]) >= {200, 400, 404}
    assert findings.calls > 300
    stack.finish_videos()
    stack.until(lambda: stack.credits(USER)[1] == 0)
    assert_refusals_wrote_nothing(stack, findings.jobs | {job_id})


@pytest.mark.timeout(900)
def test_a_stranger_s_requests_meet_nothing_but_401_where_a_user_is_wanted() -> None:
    with stack_in_memory(clock=SystemClock(), **PASSWORDS_REACHED) as stack:
        signed_in = {
            f"{method} {path}"
            for path, method, described in operations(ApiClient(stack).document)
            if described.get("security")
        }
        # Those that need no user meet the limits of the document in the other test.
        findings = fuzzed(stack, None, STRANGERS_EXAMPLES, limits=False)
        assert findings.failures == {}, "\n".join(findings.failures.values())
        for label in signed_in:
            assert set(findings.statuses[label]) == {401}
        assert_strangers_left_nothing(stack)

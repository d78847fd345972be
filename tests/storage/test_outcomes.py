"""Every error that DynamoDB documents is classified, and docs/dynamodb.md says why."""

import re
from pathlib import Path
from typing import Any, get_args

import pytest
from botocore.session import Session

from service.storage import table
from service.storage.outcomes import (
    REFUSALS,
    Applied,
    Outcome,
    PossiblyApplied,
    Refusal,
    Refused,
    outcome_of,
)
from service.storage.writes import Write
from tests.conformance.comparison import OPERATIONS
from tests.faults.library.wire import response_with

# Amazon DynamoDB Developer Guide, "Error handling with DynamoDB".
DEVELOPER_GUIDE = {
    "AccessDeniedException",
    "ConditionalCheckFailedException",
    "IncompleteSignatureException",
    "InternalServerError",
    "ItemCollectionSizeLimitExceededException",
    "LimitExceededException",
    "MissingAuthenticationTokenException",
    "ProvisionedThroughputExceededException",
    "ReplicatedWriteConflictException",
    "RequestLimitExceeded",
    "ResourceInUseException",
    "ResourceNotFoundException",
    "ServiceUnavailable",
    "ThrottlingException",
    "TransactionCanceledException",
    "TransactionConflictException",
    "TransactionInProgressException",
    "UnrecognizedClientException",
    "ValidationException",
}
# Amazon DynamoDB API Reference, "Common Error Types", as it is and as it was.
COMMON_ERRORS = {
    "AccessDeniedException",
    "ExpiredTokenException",
    "IncompleteSignature",
    "InternalFailure",
    "InvalidAction",
    "InvalidClientTokenId",
    "MalformedHttpRequestException",
    "MissingAuthenticationToken",
    "NotAuthorized",
    "OptInRequired",
    "RequestAbortedException",
    "RequestEntityTooLargeException",
    "RequestExpired",
    "RequestTimeoutException",
    "ServiceUnavailable",
    "ThrottlingException",
    "UnknownOperationException",
    "UnrecognizedClientException",
    "ValidationError",
}
POSSIBLY_APPLIED = "POSSIBLY_APPLIED"
DOCUMENT = Path(__file__).parents[2] / "docs" / "dynamodb.md"
_ROW = re.compile(
    r"\| `(?P<code>\w+)` \| `(?P<outcome>\w+)` \| (?P<status>\d{3}) \| (?P<why>.+) \|"
)


def documented() -> dict[str, tuple[str, int]]:
    """Outcome and status of each error in the document."""
    _, _, begun = DOCUMENT.read_text(encoding="utf-8").partition("<!-- outcomes -->\n")
    lines = begun.partition("<!-- /outcomes -->")[0].splitlines()[2:]
    rows = [_ROW.fullmatch(line) for line in lines]
    found = {row["code"]: (row["outcome"], int(row["status"])) for row in rows if row}
    assert len(found) == len(lines), "a row that cannot be read, or an error twice"
    return found


ERRORS = documented()


def kind(outcome: Outcome) -> str:
    if isinstance(outcome, Refused):
        return outcome.refusal.name
    assert isinstance(outcome, PossiblyApplied), outcome
    assert not outcome.foreign
    return POSSIBLY_APPLIED


def error(code: str, status: int = 400, **content: object) -> Outcome:
    named = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "no"}
    return outcome_of(response_with(status, {**named, **content}))


# The document, the code and the sources say the same.


def test_the_document_says_what_the_code_does() -> None:
    coded = {code: refusal.name for code, refusal in REFUSALS.items()}
    refusals = {
        code: outcome for code, (outcome, _) in ERRORS.items() if outcome != POSSIBLY_APPLIED
    }
    assert refusals == coded


def test_every_error_of_the_developer_guide_is_classified() -> None:
    assert ERRORS.keys() >= DEVELOPER_GUIDE


def test_every_common_error_is_classified() -> None:
    assert ERRORS.keys() >= COMMON_ERRORS


@pytest.mark.parametrize("operation", OPERATIONS)
def test_every_exception_of_botocores_model_is_classified(operation: str) -> None:
    """A new one needs a row in docs/dynamodb.md and, if it writes nothing, a line in `REFUSALS`."""
    model: Any = Session().get_service_model("dynamodb").operation_model(operation)
    exceptions = {
        shape.error_code for shape in model.error_shapes if shape.metadata.get("exception")
    }
    assert exceptions
    assert exceptions - ERRORS.keys() == set()


def test_the_operations_are_those_that_the_table_uses() -> None:
    source = Path(table.__file__).read_text(encoding="utf-8")
    names = Session().get_service_model("dynamodb").operation_names
    used = {name for name in names if f'"{name}"' in source}
    assert used | {f"{write.__name__}Item" for write in get_args(Write)} == set(OPERATIONS)


# What each error means.


@pytest.mark.parametrize("code", ERRORS)
def test_an_error_has_the_documented_outcome(code: str) -> None:
    expected, status = ERRORS[code]
    assert kind(error(code, status)) == expected


@pytest.mark.parametrize("code", REFUSALS)
def test_a_refusal_keeps_its_code_and_what_it_carries(code: str) -> None:
    reasons = [{"Code": "ConditionalCheckFailed"}]
    outcome = error(code, CancellationReasons=reasons)
    assert isinstance(outcome, Refused)
    assert outcome.code == code
    assert outcome.content["CancellationReasons"] == reasons


@pytest.mark.parametrize("code", REFUSALS)
@pytest.mark.parametrize(
    "form",
    [
        "{}",
        "com.amazon.coral.service#{}",
        "com.amazonaws.dynamodb.v20120810#{}",
        "{}:http://internal.amazon.com/coral/com.amazon.coral.validate/",
        "com.amazon.coral.validate#{}:http://internal.amazon.com/coral/#fragment",
    ],
)
def test_an_error_is_known_by_every_form_of_its_name(code: str, form: str) -> None:
    assert kind(error("", __type=form.format(code))) == REFUSALS[code].name


@pytest.mark.parametrize("code", REFUSALS)
@pytest.mark.parametrize("status", [401, 403, 404, 408, 409, 413, 421, 429])
def test_every_status_of_a_refusal_has_the_same_outcome(code: str, status: int) -> None:
    assert kind(error(code, status)) == REFUSALS[code].name


@pytest.mark.parametrize("code", ERRORS)
@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_behind_a_5xx_a_write_may_hide_whatever_its_name(code: str, status: int) -> None:
    assert kind(error(code, status)) == POSSIBLY_APPLIED


@pytest.mark.parametrize("code", REFUSALS)
@pytest.mark.parametrize("status", [100, 201, 204, 302, 304, 600])
def test_behind_a_status_that_is_no_errors_a_write_may_hide(code: str, status: int) -> None:
    assert kind(error(code, status)) == POSSIBLY_APPLIED


@pytest.mark.parametrize(
    "code",
    [
        "SomethingNewException",
        "conditionalcheckfailedexception",
        "ConditionalCheckFailed",
        "ValidationException ",
        "XValidationException",
        "ValidationException#",
        ":ValidationException",
        "",
    ],
)
@pytest.mark.parametrize("status", [400, 403, 404, 413])
def test_behind_an_unknown_name_a_write_may_hide(code: str, status: int) -> None:
    assert kind(error(code, status)) == POSSIBLY_APPLIED


@pytest.mark.parametrize("value", [None, 7, ["ValidationException"], {"S": "ValidationException"}])
def test_an_error_whose_name_is_no_text_is_not_dynamodbs(value: object) -> None:
    outcome = error("", __type=value)
    assert isinstance(outcome, PossiblyApplied)
    assert outcome.foreign


def test_a_name_in_the_message_names_nothing() -> None:
    outcome = error("InternalServerError", 400, message="ConditionalCheckFailedException")
    assert kind(outcome) == POSSIBLY_APPLIED


def test_a_success_is_applied_whatever_its_items_say() -> None:
    outcome = outcome_of(response_with(200, {"Item": {"__type": {"S": "ValidationException"}}}))
    assert isinstance(outcome, Applied)


# A wrong clock.

LATE = "Signature expired: 20261129T090000Z is now earlier than 20261129T091500Z (20261129T092000Z"
EARLY = "Signature not yet current: 20261129T090000Z is still later than 20261129T084500Z"
WRONG_KEY = "The request signature we calculated does not match the signature you provided."


@pytest.mark.parametrize("field", ["message", "Message"])
@pytest.mark.parametrize("said", [LATE, EARLY])
def test_a_signature_at_the_wrong_time_is_no_wrong_key(field: str, said: str) -> None:
    body = {"__type": "com.amazon.coral.service#InvalidSignatureException", field: said}
    assert kind(outcome_of(response_with(400, body))) == Refusal.CLOCK.name


@pytest.mark.parametrize(
    "said", [WRONG_KEY, "", None, 7, "Signature version is not supported", f"No: {LATE}"]
)
def test_a_signature_with_a_wrong_key_is_denied(said: object) -> None:
    assert kind(error("InvalidSignatureException", message=said)) == Refusal.DENIED.name


def test_only_an_error_about_a_signature_is_about_the_clock() -> None:
    assert kind(error("ValidationException", message=LATE)) == Refusal.MALFORMED.name


def test_a_late_signature_behind_a_5xx_may_have_been_applied() -> None:
    assert kind(error("InvalidSignatureException", 500, message=LATE)) == POSSIBLY_APPLIED

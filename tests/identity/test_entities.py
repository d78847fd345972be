import pytest

from service.core.principal import is_subject
from service.identity import entities
from service.identity.entities import Rejection, TokenRejected


@pytest.mark.parametrize(
    "text", ["1", "110248495921238986420", "google-oauth2|1", "a.b_c:d@e~f-g", "A" * 255]
)
def test_ids_of_users_are_plain_letters(text: str) -> None:
    assert is_subject(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a" * 256,
        "a#b",
        "a b",
        "a/b",
        "a\n",
        "\n",
        "a\0",
        "é",
        "١",
        "a%23",
        "a,b",
        "<a>",
        "'",
        '"',
        "\ud800",
    ],
)
def test_whatever_could_mean_something_in_a_key_is_no_id(text: str) -> None:
    assert not is_subject(text)


def test_every_reason_has_a_sentence_of_its_own() -> None:
    sentences = {TokenRejected(reason).message for reason in Rejection}
    assert len(sentences) == len(Rejection)


def test_sign_in_errors_have_codes_of_their_own() -> None:
    codes = [kind.code for kind in (*entities.SIGN_IN_ERRORS, entities.GoogleIdMismatch)]
    assert codes == [
        "AUTHENTICATION_REQUIRED",
        "TOKEN_REJECTED",
        "EMAIL_NOT_VERIFIED",
        "IDENTITY_UNAVAILABLE",
        "GOOGLE_ID_MISMATCH",
    ]

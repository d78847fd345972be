"""The text of a server key."""

import pytest
import structlog

from service.core.logs import REDACTED, configure
from service.server_keys.key_texts import digest_of, is_digest_of, key_id_of, made

MAC_KEY = b"m" * 32
KEY_ID = "key_01kb7r3v6q8f2x0m4n5p6q7r8s"
TEXT = made(KEY_ID, b"s" * 32, MAC_KEY)


def test_a_key_names_itself_to_whoever_made_it_alone() -> None:
    assert key_id_of(TEXT, MAC_KEY) == KEY_ID
    assert key_id_of(TEXT, b"n" * 32) is None


def test_the_digest_is_of_one_text_and_one_key() -> None:
    digest = digest_of(TEXT, MAC_KEY)
    assert is_digest_of(digest, TEXT, MAC_KEY)
    assert not is_digest_of(digest, made(KEY_ID, b"t" * 32, MAC_KEY), MAC_KEY)
    assert not is_digest_of(digest, TEXT, b"n" * 32)
    assert digest not in TEXT


def test_a_key_is_redacted_wherever_it_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    configure("INFO", "json")
    structlog.get_logger().info("called", header=f"x {TEXT}", what=[TEXT])
    out = capsys.readouterr().out
    assert TEXT[:40] not in out
    assert REDACTED in out

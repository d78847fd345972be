"""The commands on promo codes and bulk grants: over HTTP, signed, against the service itself."""

import json
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import make_server

from service import cli
from service.admin import campaign_commands
from service.app import create_app
from service.core.clock import SystemClock
from service.promo_codes.operations import PromoCodes
from tests.bulk_grants.handout import Handout
from tests.doubles.service_harness import ServiceHarness, order
from tests.doubles.signer import SHARED_SECRET
from tests.faults.enumeration.tables import MemoryBehind

REASON = ("--reason", "for a test")


@pytest.fixture
def world(memory: MemoryBehind) -> ServiceHarness:
    """In real time: a command reads the clock of its machine."""
    return ServiceHarness(memory, memory.name, clock=SystemClock())


@pytest.fixture
def handout(world: ServiceHarness) -> Handout:
    return Handout(world)


@pytest.fixture
def url(world: ServiceHarness) -> Iterator[str]:
    server = make_server("127.0.0.1", 0, create_app(world.parts), threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def farebox(url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Any:
    """Runs a command. Returns its exit code, output and messages."""
    monkeypatch.setenv("FAREBOX_URL", url)
    monkeypatch.setenv("FAREBOX_KEY", f"machine:hmac-sha256:{SHARED_SECRET}")
    monkeypatch.setattr(campaign_commands, "POLL_SECONDS", 0.05)

    def run(*words: str) -> tuple[int, str, str]:
        code = cli.main(words)
        written = capsys.readouterr()
        return code, written.out, written.err

    return run


@pytest.fixture
def worker(handout: Handout) -> Iterator[None]:
    """Makes bulk grants meanwhile."""
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.05):
            handout.work()

    thread = threading.Thread(target=work)
    thread.start()
    yield
    stop.set()
    thread.join()


def last(out: str) -> str:
    """What the command printed: before it stands the log of the service, in this process too."""
    return out.splitlines()[-1]


def test_a_code_is_made_listed_redeemed_and_revoked(farebox: Any, handout: Handout) -> None:
    words = ("promo-code", "Launch week", "5", "--uses", "2", "--lot-days", "30", *REASON)
    code, out, messages = farebox(*words, "--budget", "10", "--uses-per-user", "1")
    assert code == 0
    text = last(out)
    handout.users(["ann"])
    redeemed = handout.world.parts.get(PromoCodes).redeem(order().principal, text, None, None)
    assert redeemed.made
    promo_id = next(word for word in messages.split() if word.startswith("promo_")).rstrip(":")
    code, out, _ = farebox("promo-codes")
    assert (code, promo_id in out, "Launch week" in out) == (0, True, True)
    assert farebox("revoke-promo-code", promo_id, *REASON)[0] == 0
    code, _, messages = farebox("revoke-promo-code", promo_id, *REASON)
    assert (code, messages.startswith("PROMO_REVOKED: ")) == (1, True)


def test_a_code_is_chosen_with_its_dates(farebox: Any) -> None:
    dates = ("--starts", "2098-01-01T00:00:00Z", "--ends", "2099-01-01T00:00:00Z")
    words = ("promo-code", "Later", "0.5", "--uses", "9", "--code", "LATER-2098", *dates, *REASON)
    code, out, _ = farebox(*words, "--json")
    data = json.loads(last(out))["data"]
    assert (code, data["code"], data["promo"]["endsAt"]) == (
        0,
        "LATER-2098",
        "2099-01-01T00:00:00.000Z",
    )


@pytest.mark.usefixtures("worker")
def test_a_bulk_grant_for_a_list_is_followed_to_its_end(
    farebox: Any, handout: Handout, tmp_path: Path
) -> None:
    handout.users(["ann", "bob"])
    users = tmp_path / "users"
    users.write_text("ann\nbob\n\neve\n")
    code, out, _ = farebox("bulk-grant", "Sorry", "2", "--users", str(users), *REASON)
    assert code == 0
    assert "is finished: 2 users granted it, 1 failed, 4 credits in all" in last(out)
    bulk_id = last(out).split()[0]
    assert handout.credits("ann") == 5
    assert "eve" in farebox("bulk-grant-failures", bulk_id)[1]
    assert bulk_id in farebox("bulk-grants")[1]
    assert farebox("bulk-grant-progress", bulk_id, "--follow")[0] == 0
    code, _, messages = farebox("cancel-bulk-grant", bulk_id, *REASON)
    assert (code, messages.startswith("BULK_GRANT_ENDED: ")) == (1, True)


@pytest.mark.usefixtures("worker")
def test_a_dry_run_for_all_users_says_whom_it_would_reach_and_what_it_would_cost(
    farebox: Any, handout: Handout
) -> None:
    handout.users(["ann", "bob"])
    words = ("bulk-grant", "Sorry", "2", "--all-users", "--budget", "10", "--dry-run", *REASON)
    code, out, _ = farebox(*words)
    assert code == 0
    assert "2 users would be granted it, 0 failed, 4 credits in all" in last(out)
    assert handout.credits("ann") == 3


def test_a_bulk_grant_is_cancelled(farebox: Any, handout: Handout, tmp_path: Path) -> None:
    bulk_id = handout.start(["ann"]).bulk_id
    code, out, _ = farebox("cancel-bulk-grant", bulk_id, *REASON)
    assert code == 1, "it did not finish"
    assert "is cancelled: 0 users granted it" in last(out)


@pytest.mark.parametrize("words", [(), ("--all-users", "--users", "-")])
def test_a_bulk_grant_names_its_users_in_one_way(farebox: Any, words: tuple[str, ...]) -> None:
    with pytest.raises(SystemExit) as ended:
        farebox("bulk-grant", "Sorry", "2", *words, *REASON)
    assert ended.value.code == 2


def test_what_the_service_refuses_is_one_sentence(farebox: Any) -> None:
    code, _, messages = farebox("bulk-grant", "Sorry", "2", "--all-users", *REASON)
    assert (code, messages.startswith("BULK_GRANT_INVALID: ")) == (1, True)
    code, _, messages = farebox("bulk-grant-progress", "bulk_0")
    assert (code, messages.startswith("BULK_GRANT_NOT_FOUND: ")) == (1, True)

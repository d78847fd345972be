"""The operators' page in a real browser with a virtual authenticator (WebAuthn 3, 11): enrol,
prove, move credits, remove."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from devstack.environment import LOCAL_OPERATOR
from service.core.clock import SystemClock
from service.core.settings import Secret
from tests.browser.chromium import Page
from tests.doubles.signer import SHARED_SECRET
from tests.stack.live_stack import LiveStack

pytestmark = pytest.mark.browser

REASON = "for the tests"
AUTHENTICATOR = {
    "protocol": "ctap2",
    "transport": "internal",
    "hasResidentKey": True,
    "hasUserVerification": True,
    "isUserVerified": True,
}
STATUS = 'document.getElementById("status").textContent'
FAILURE = 'document.getElementById("failure")'


@dataclass
class OperatorPage:
    """The page, opened on localhost by a browser whose authenticator verifies its user."""

    page: Page
    stack: LiveStack
    authenticator: str = ""

    def open(self) -> None:
        self.page.call("WebAuthn.enable")
        self.add_authenticator()
        self.page.go(f"{self.stack.url.replace('127.0.0.1', 'localhost')}/docs/operators")
        self.click("local-sign-in")
        self.page.wait(f'{STATUS}.startsWith("Signed in")')

    def add_authenticator(self) -> None:
        added = self.page.call("WebAuthn.addVirtualAuthenticator", options=AUTHENTICATOR)
        self.authenticator = added["authenticatorId"]

    def click(self, element_id: str) -> None:
        self.page.click(f'document.getElementById("{element_id}")')

    def fill(self, **values: str) -> None:
        for element_id, value in values.items():
            found = f'document.getElementById("{element_id.replace("_", "-")}")'
            self.page.evaluate(f"{found}.value = {value!r}")

    def submit(self, form: str) -> None:
        self.page.click(f'document.querySelector("#{form} [type=submit]")')

    def text(self, element_id: str) -> str:
        return str(self.page.evaluate(f'document.getElementById("{element_id}").textContent'))

    def failure(self) -> str:
        self.page.wait(f"!{FAILURE}.hidden")
        return self.text("failure")

    def enrol(self, code: str, name: str) -> None:
        self.fill(code=code, name=name)
        self.submit("enrol")
        self.page.wait(f'{STATUS} === "{name} is enrolled."')

    def prove(self) -> str:
        self.click("prove")
        self.page.wait(f'{STATUS} === "Here is your proof."')
        return self.text("proof")

    def credentials(self) -> list[Any]:
        found = self.page.call("WebAuthn.getCredentials", authenticatorId=self.authenticator)
        credentials: list[Any] = found["credentials"]
        return credentials


@pytest.fixture
def stack(start: Callable[..., LiveStack]) -> LiveStack:
    return start(
        local_pages=True,
        clock=SystemClock(),
        admin_subjects=(LOCAL_OPERATOR,),
        operator_keys=Secret(f"machine:hmac-sha256:{SHARED_SECRET}"),
        welcome_credits=3,
    )


@pytest.fixture
def operator(stack: LiveStack) -> Iterator[OperatorPage]:
    with Page() as page:
        opened = OperatorPage(page, stack)
        opened.open()
        yield opened
        assert page.violations() == []
        hosts = {request.split("/")[2] for request in page.requests}
        allowed = {stack.url.split("/")[2].replace("127.0.0.1", "localhost")}
        assert hosts == allowed | {stack.sim_url.split("/")[2]}


def new_code(stack: LiveStack) -> str:
    """By the command, as whoever has access to the deployment runs it."""
    found = subprocess.run(
        [
            *(sys.executable, "-m", "service.cli", "passkey-code", LOCAL_OPERATOR),
            *("--reason", REASON, "--url", stack.url),
        ],
        env={"FAREBOX_KEY": f"machine:hmac-sha256:{SHARED_SECRET}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert found.returncode == 0, found.stderr
    return found.stdout.strip()


def test_an_operator_enrols_a_passkey_and_moves_credits_with_its_proof(
    operator: OperatorPage, stack: LiveStack
) -> None:
    stack.post_video("ann")
    operator.enrol(new_code(stack), "laptop")
    (credential,) = operator.credentials()
    assert (credential["rpId"], credential["isResidentCredential"]) == ("localhost", True)
    token = operator.page.evaluate('document.getElementById("token").value')
    grant = {"amount": 1, "reason": REASON}
    path, key = "/admin/users/ann/adjustments", {"Idempotency-Key": "one"}
    refused = stack.call("POST", path, token, json=grant, headers=key)
    assert refused.json()["code"] == "SECOND_FACTOR_REQUIRED"
    proof = {"X-Second-Factor": operator.prove()}
    assert stack.call("POST", path, token, json=grant, headers=key | proof).status_code == 200


def test_the_last_passkey_stays_and_others_go(operator: OperatorPage, stack: LiveStack) -> None:
    operator.enrol(new_code(stack), "laptop")
    operator.prove()
    row = 'document.querySelector("#passkeys .remove")'
    operator.page.click(row)
    assert "LAST_PASSKEY" in operator.failure()
    # The proof makes the code for the second one, which has to be of another authenticator.
    operator.fill(code_reason=REASON)
    operator.submit("make-code")
    operator.page.wait(f'{STATUS}.startsWith("Good until")')
    operator.page.call(
        "WebAuthn.removeVirtualAuthenticator", authenticatorId=operator.authenticator
    )
    operator.add_authenticator()
    operator.enrol(operator.text("code-made"), "phone")
    operator.page.click(row)
    operator.page.wait(f'{STATUS} === "laptop is removed."')
    assert operator.page.evaluate('document.querySelectorAll("#passkeys li").length') == 1


def test_a_user_who_is_not_verified_proves_nothing(
    operator: OperatorPage, stack: LiveStack
) -> None:
    operator.enrol(new_code(stack), "laptop")
    operator.page.call(
        "WebAuthn.setUserVerified",
        authenticatorId=operator.authenticator,
        isUserVerified=False,
    )
    operator.click("prove")
    assert operator.failure()
    assert operator.page.evaluate('document.getElementById("proof-result").hidden')


def test_a_wrong_code_enrols_nothing(operator: OperatorPage) -> None:
    operator.fill(code="ABCD-EFGH", name="laptop")
    operator.submit("enrol")
    assert "ENROLMENT_CODE_REFUSED" in operator.failure()
    assert operator.page.evaluate('document.querySelectorAll("#passkeys li").length') == 0

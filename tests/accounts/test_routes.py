"""`GET /me`, and the identities that one account is signed in with."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from service.core.principal import SignInMethod
from service.entitlements.operations import Entitlements
from service.identity.entities import Rejection, TokenRejected
from service.ledger import keys as ledger_keys
from service.ledger.entities import WalletStatus
from service.sessions.entities import RefreshTokenRejected
from service.sessions.operations import Sessions
from service.storage.codec import Item
from service.storage.keys import Key
from service.storage.table import StorageUnavailable, Table
from service.storage.writes import Update, When
from service.users import keys as user_keys
from service.users.linking import Identities
from tests.accounts.conftest import ANN, MAX_AGE_SECONDS, Api
from tests.doubles.people import CAT, PAM, cognito, google, session
from tests.doubles.service_harness import ServiceHarness
from tests.entitlements.test_entities import subscription

UNKNOWN = "AAAAAAAAAAAAAAAAAAAAAA"


def sign_up(api: Api, device: str | None = "phone") -> None:
    world = api.world
    digests = None if device is None else world.users.digests(device)
    world.users.sign_up(api.caller, digests)


class ReadDuringSignUp(Table):
    """Returns the profile as it was before the sign-up, once, and all else as it is after."""

    def __init__(self, table: Table) -> None:
        self.__dict__.update(table.__dict__)
        self.reads = 0

    def get_each(self, keys: Sequence[Key]) -> dict[Key, Item | None]:
        self.reads += 1
        before = {user_keys.profile("ann")} if self.reads == 1 else set()
        return {k: None if k in before else v for k, v in super().get_each(keys).items()}


def test_an_account_that_is_read_during_its_sign_up_is_there(world: ServiceHarness) -> None:
    table = ReadDuringSignUp(world.table)
    api = Api(world, table)
    sign_up(api)
    assert (api.send("GET", "/me")[0], table.reads) == (200, 2)


def other(api: Api, *, seconds_ago: float | None = 0) -> str:
    """The token of a sign-in that long ago (None: it does not say when)."""
    now = api.world.clock.now()
    at = None if seconds_ago is None else int(now - seconds_ago * 1000)
    api.tokens.principals["token"] = cognito(email="ann@work.example", at=at)
    return "token"


def test_an_account_is_shown_with_its_totals_and_identities(api: Api) -> None:
    api.caller = google("ann", "ann@gmail.com", at=1_790_000_000_000)
    sign_up(api)
    api.world.submit("ann")
    status, me = api.send("GET", "/me")
    (identity,) = me.pop("identities")
    created_at = me.pop("createdAt")
    assert (status, me) == (
        200,
        {
            "userId": "ann",
            "registered": True,
            "email": "ann@gmail.com",
            "emailVerified": True,
            "lastLogin": "2026-09-21T14:13:20.000Z",
            "isActive": True,
            "welcomed": True,
            "subscriptionTier": "none",
            "creditsBalance": 2,
            "creditsHeld": 1,
            "totalCreditsGranted": 3,
            "totalUsage": 0,
        },
    )
    assert (identity["email"], identity["isFirst"]) == ("ann@gmail.com", True)
    assert identity["linkedAt"] == created_at


@pytest.mark.parametrize(("state", "tier"), [("past_due", "pro"), ("canceled", "none")])
def test_an_account_shows_the_plan_that_it_subscribes_to(api: Api, state: str, tier: str) -> None:
    sign_up(api)
    entitlements = api.world.parts.get(Entitlements)
    facts = subscription(state, price_id="price_pro_monthly")
    entitlements.apply(entitlements.of("ann"), [facts])
    assert api.send("GET", "/me")[1]["subscriptionTier"] == tier


def test_who_has_no_account_is_shown_zeros(api: Api) -> None:
    status, me = api.send("GET", "/me")
    assert (status, me["registered"], me["createdAt"], me["identities"]) == (200, False, None, [])
    assert (me["email"], me["emailVerified"], me["welcomed"]) == ("ann@gmail.com", True, False)
    assert (me["creditsBalance"], me["isActive"], me["lastLogin"]) == (0, False, None)
    assert api.send("GET", "/me/identities") == (404, "USER_NOT_FOUND")


@pytest.mark.parametrize("status", [WalletStatus.FROZEN, WalletStatus.CLOSING, WalletStatus.CLOSED])
def test_who_cannot_spend_is_not_active(api: Api, status: WalletStatus) -> None:
    sign_up(api)
    change = Update(ledger_keys.wallet("ann"), When(), set={"status": status})
    api.world.table.write(change)
    me = api.send("GET", "/me")[1]
    assert me["isActive"] is False
    assert me["registered"] is (status is not WalletStatus.CLOSED)


def test_an_unverified_address_is_shown_as_such(api: Api) -> None:
    api.caller = cognito(email="cat@example.com", verified=False)
    sign_up(api)
    me = api.send("GET", "/me")[1]
    assert (me["email"], me["emailVerified"], me["welcomed"]) == ("cat@example.com", False, False)


def test_another_sign_in_is_linked_listed_and_unlinked(api: Api) -> None:
    sign_up(api)
    status, linked = api.send("POST", "/me/identities", {"token": other(api)})
    assert status == 200
    assert api.send("GET", "/me/identities") == (200, linked)
    added = linked["identities"][1]
    assert (added["provider"], added["email"]) == ("cognito", "ann@work.example")
    assert api.world.users.resolve(api.tokens.principals["token"]) == "ann"
    status, left = api.send("DELETE", f"/me/identities/{added['identityId']}")
    assert (status, len(left["identities"])) == (200, 1)
    assert api.world.users.resolve(api.tokens.principals["token"]) == CAT


def refused(api: Api, *request: Any) -> tuple[int, Any]:
    """The refusal, which has written nothing."""
    before = api.world.items()
    response = api.send(*request)
    assert api.world.items() == before
    return response


def test_unlinking_ends_the_sessions_that_the_identity_may_have_opened(api: Api) -> None:
    sign_up(api)
    sessions, now = api.world.parts.get(Sessions), api.world.clock.now()
    _, body = api.send("POST", "/me/identities", {"token": other(api)})
    own = sessions.open("ann", ANN, "", now)
    foreign = sessions.open("ann", api.tokens.principals["token"], "", now)
    api.caller = replace(ANN, method=SignInMethod.SESSION, session_id=own.session_id)
    status, _ = api.send("DELETE", f"/me/identities/{body['identities'][1]['identityId']}")
    assert status == 200
    assert [each.session_id for each in sessions.live("ann")] == [own.session_id]
    with pytest.raises(RefreshTokenRejected):
        sessions.refresh(foreign.refresh_token)


def test_a_crash_behind_the_unlinking_leaves_no_session_of_the_identity(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    sign_up(api)
    sessions, now = api.world.parts.get(Sessions), api.world.clock.now()
    _, body = api.send("POST", "/me/identities", {"token": other(api)})
    sessions.open("ann", api.tokens.principals["token"], "", now)
    unlink = Identities.unlink

    def crashing(*given: Any) -> Any:
        unlink(*given)
        raise StorageUnavailable

    monkeypatch.setattr(Identities, "unlink", crashing)
    identity_id = body["identities"][1]["identityId"]
    assert api.send("DELETE", f"/me/identities/{identity_id}")[0] == 503
    assert sessions.live("ann") == []


@pytest.mark.parametrize("seconds_ago", [MAX_AGE_SECONDS + 1, None])
def test_the_other_sign_in_must_be_fresh_as_well(api: Api, seconds_ago: float | None) -> None:
    sign_up(api)
    body = {"token": other(api, seconds_ago=seconds_ago)}
    assert refused(api, "POST", "/me/identities", body) == (400, "OTHER_TOKEN_REJECTED")


@pytest.mark.parametrize(
    "body", [{}, {"token": ""}, {"token": 5}, {"token": "t" * 8193}, {"token": "t", "more": 1}]
)
def test_a_body_that_breaks_its_schema_links_nothing(api: Api, body: Any) -> None:
    sign_up(api)
    assert refused(api, "POST", "/me/identities", body) == (400, "VALIDATION_FAILED")


def test_a_token_that_is_refused_links_nothing(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    sign_up(api)

    def reject(*_: Any) -> Any:
        raise TokenRejected(Rejection.SIGNATURE)

    monkeypatch.setattr(api.tokens, "sign_in", reject)
    assert refused(api, "POST", "/me/identities", {"token": "forged"}) == (
        400,
        "OTHER_TOKEN_REJECTED",
    )


def test_refusals_have_codes_of_their_own(api: Api) -> None:
    sign_up(api)
    first = api.send("GET", "/me/identities")[1]["identities"][0]["identityId"]
    assert refused(api, "DELETE", f"/me/identities/{first}") == (409, "IDENTITY_REQUIRED")
    for unknown in (UNKNOWN, "x", "a%23b"):
        path = f"/me/identities/{unknown}"
        assert refused(api, "DELETE", path) == (404, "IDENTITY_NOT_FOUND")
    api.caller = google("bob", "ann.@gmail.com")
    api.tokens.principals["ann"] = google("ann", at=api.world.clock.now())
    api.world.users.sign_up(google("bob"), api.world.users.digests("laptop"))
    assert refused(api, "POST", "/me/identities", {"token": "ann"}) == (409, "IDENTITY_IN_USE")
    eve = google("eve", "ann@gmail.com", at=api.world.clock.now())
    api.tokens.principals["eve"] = eve
    assert refused(api, "POST", "/me/identities", {"token": "eve"}) == (403, "EMAIL_ALREADY_USED")


@pytest.mark.parametrize(
    ("signed_in_at", "password_at", "shown"),
    [
        (1_790_000_000_000, 1_790_000_060_000, "2026-09-21T14:14:20.000Z"),
        (1_790_000_060_000, 1_790_000_000_000, "2026-09-21T14:14:20.000Z"),
        (None, 1_790_000_060_000, "2026-09-21T14:14:20.000Z"),
        (None, None, None),
    ],
)
def test_the_last_login_is_also_known_from_the_password(
    api: Api, signed_in_at: int | None, password_at: int | None, shown: str | None
) -> None:
    api.caller = session(PAM, "pam@gmail.com", at=signed_in_at)
    api.world.users.sign_up(api.caller, api.world.users.digests("phone"))
    if password_at is not None:
        api.password_logins[PAM] = password_at
    assert api.send("GET", "/me")[1]["lastLogin"] == shown

"""The user pool: who signs up, with what, and what outlives every deployment."""

from collections.abc import Iterator, Mapping
from typing import Any

from service.identity.settings import IdentitySettings
from service.passwords.settings import PasswordsSettings
from tests.infrastructure.deployments import Deployment, template
from tests.infrastructure.identity_stack import (
    FILE,
    FOREIGN,
    GOOGLE,
    GOOGLE_SECRET,
    MAIL,
    PAGES,
    PLAIN,
    POOL_ID,
    WHOLE,
    differing,
    identity_stack,
    on_every_variant,
)
from tests.infrastructure.render import ACCOUNT, REGION, RenderError, Stack

POOL, CLIENT, GROUP = "Cognito::UserPool", "Cognito::UserPoolClient", "Cognito::UserPoolGroup"
PAGE, PROVIDER = "Cognito::UserPoolDomain", "Cognito::UserPoolIdentityProvider"
# A user's id is the sub of the pool, and an app signs in by the id of its client.
KEPT = (POOL, CLIENT, GROUP, PAGE, PROVIDER, "Logs::LogGroup")
CLIENTS = {"BrowserClient": ("browser", 1), "MobileClient": ("mobile", 30)}
# A choice, and how the descriptions of exactly those assertions begin that it breaks.
BROKEN: tuple[tuple[str, Mapping[str, str], tuple[str, ...]], ...] = (
    ("production", PLAIN, ()),
    ("production", WHOLE, ()),
    ("production", FOREIGN, ()),
    ("dev", {}, ()),
    ("production", {}, ("Production needs MailFrom",)),
    ("dev", {"MailFrom": "a@example.com"}, ("MailFrom needs MailIdentity",)),
    ("dev", {**PAGES, "GoogleClientId": "x"}, ("GoogleClientId needs GoogleSecretArn",)),
    ("dev", GOOGLE, ("GoogleClientId needs SignInPrefix",)),
    ("dev", {**FOREIGN, "SignInPrefix": "x"}, ("UserPoolArn excludes SignInPrefix",)),
    ("dev", {**FOREIGN, **GOOGLE, "SignInPrefix": "x"}, ("UserPoolArn excludes SignInPrefix",)),
    ("dev", {**FOREIGN, "DomainName": ""}, ("UserPoolArn needs DomainName",)),
)
# Choices that CloudFormation itself refuses.
REFUSED: tuple[Mapping[str, str], ...] = (
    *({"DomainName": name} for name in ("http://a.example", "a.example/x", "a@b.example", "A b")),
    *(
        {"DomainName": name}
        for name in ("a.example:8080", "-a.example", "a..example", "a.example.")
    ),
    {"UserPoolArn": "us-east-1_AbCdEf123"},
    {"UserPoolPlan": "PLUS"},
    {"KeyArn": "key"},
    {"Stage": "test"},
    {"LogRetentionDays": "1"},
    {"SignInPrefix": "Upper"},
    {"GoogleSecretArn": "the-secret-itself"},
    {"GoogleSecretVersion": "}} and more"},
    {"BrowserCallbackUrls": "http://app.example.com/"},
    {"BrowserCallbackUrls": "https://app.example.com/,http://evil.example/"},
    {"MobileCallbackUrls": "signed-in"},
)


def each_choice_that_cannot_work_is_refused(deployment: Deployment) -> Iterator[str]:
    for stage, choice, wanted in BROKEN:
        broken = identity_stack(deployment.root, stage, choice).broken_rules
        if len(broken) != len(wanted) or not all(map(str.startswith, sorted(broken), wanted)):
            yield f"{stage} with {dict(choice)} breaks {broken}, not {wanted}"
    for choice in REFUSED:
        try:
            identity_stack(deployment.root, "dev", {**WHOLE, **choice})
        except RenderError:
            continue
        yield f"CloudFormation accepts {dict(choice)}"


@on_every_variant
def the_stack_has_what_was_chosen(stack: Stack) -> Iterator[str]:
    chosen = stack.parameters
    own = int(chosen["UserPoolArn"] == "")
    pages = own and int(chosen["SignInPrefix"] != "")
    counts = {
        POOL: own,
        GROUP: own,
        CLIENT: 2 * own,
        PAGE: pages,
        PROVIDER: pages and int(chosen["GoogleClientId"] != ""),
    }
    for kind, count in counts.items():
        if len(stack.of(kind)) != count:
            yield f"{stack.name} has {len(stack.of(kind))} of {kind}, not {count}"


@on_every_variant
def whoever_signs_in_is_never_lost(stack: Stack) -> Iterator[str]:
    """A pool that is made anew is other users: none of them owns what was paid for."""
    for name, resource in stack.resources.items():
        kept = resource["Type"].removeprefix("AWS::") in KEPT
        is_secret = resource["Type"] == "AWS::SecretsManager::Secret"
        wanted = "Retain" if kept else "Delete" if is_secret else None
        for policy in ("DeletionPolicy", "UpdateReplacePolicy"):
            if resource.get(policy) != wanted:
                yield f"{name}: {policy} is {resource.get(policy)}, it must be {wanted}"
        if "DependsOn" in resource:
            yield f"{name} waits for {resource['DependsOn']}: its references say what it needs"
    for name, pool in stack.of(POOL).items():
        wanted = "INACTIVE" if stack.parameters["Stage"] == "dev" else "ACTIVE"
        yield from differing(name, pool, {"DeletionProtection": wanted})


@on_every_variant
def a_user_is_an_address_that_was_confirmed(stack: Stack) -> Iterator[str]:
    """The service welcomes whoever has a verified address, once for each mailbox."""
    for name, pool in stack.of(POOL).items():
        for key in ("UsernameAttributes", "AutoVerifiedAttributes"):
            if [*pool[key]] != ["email"]:
                yield f"{name}: {key} is {pool[key]}"
        yield from differing(name, pool["UsernameConfiguration"], {"CaseSensitive": False})
        updated = pool["UserAttributeUpdateSettings"]["AttributesRequireVerificationBeforeUpdate"]
        if [*updated] != ["email"]:
            yield f"{name}: a new address takes effect before its owner has confirmed it"
        template_of_mail = pool["VerificationMessageTemplate"]
        yield from differing(name, template_of_mail, {"DefaultEmailOption": "CONFIRM_WITH_CODE"})
        recovery = [
            (each["Name"], each["Priority"])
            for each in pool["AccountRecoverySetting"]["RecoveryMechanisms"]
        ]
        if recovery != [("verified_email", 1)]:
            yield f"{name}: an account is recovered by {recovery}"
        invited = pool["AdminCreateUserConfig"]
        yield from differing(name, invited, {"AllowAdminCreateUserOnly": False})


@on_every_variant
def a_password_is_as_long_as_the_services_own(stack: Stack) -> Iterator[str]:
    for name, pool in stack.of(POOL).items():
        policy = pool["Policies"]["PasswordPolicy"]
        ours = max(12, PasswordsSettings().password_min_length)
        if int(policy["MinimumLength"]) < ours:
            yield f"{name} accepts passwords of {policy['MinimumLength']}, not {ours}"
        for kind in ("Lowercase", "Uppercase", "Numbers", "Symbols"):
            yield from differing(name, policy, {f"Require{kind}": False})
        yield from differing(name, policy, {"TemporaryPasswordValidityDays": 1})
        factors = (pool["MfaConfiguration"], [*pool["EnabledMfas"]])
        if factors != ("OPTIONAL", ["SOFTWARE_TOKEN_MFA"]):
            yield f"{name}: second factors are {factors}; a text message costs, and can be diverted"


@on_every_variant
def nothing_is_paid_for_that_no_one_uses(stack: Stack) -> Iterator[str]:
    for name, pool in stack.of(POOL).items():
        stage = stack.parameters["Stage"]
        wanted = {"UserPoolName": f"farebox-{stage}", "UserPoolTier": "LITE"}
        if stack.parameters["UserPoolPlan"] == "ESSENTIALS":
            wanted["UserPoolTier"] = "ESSENTIALS"
        yield from differing(name, pool, wanted)
        yield from differing(name, pool["UserPoolAddOns"], {"AdvancedSecurityMode": "OFF"})
        yield from differing(name, pool["UserPoolTags"], {"service": "farebox", "stage": stage})


@on_every_variant
def no_one_makes_themselves_an_operator(stack: Stack) -> Iterator[str]:
    """Only an administrator changes a group. Attributes are what a user says of themselves."""
    for name, pool in stack.of(POOL).items():
        attributes = [
            (each["Name"], each["AttributeDataType"], each["Required"], each["Mutable"])
            for each in pool["Schema"]
        ]
        if attributes != [("email", "String", True, True)]:
            yield f"{name} has the attributes {attributes}"
    for name, client in stack.of(CLIENT).items():
        if [*client["WriteAttributes"]] != ["email"]:
            yield f"{name} lets a user write {client['WriteAttributes']}"
        if [*client["ReadAttributes"]] != ["email", "email_verified"]:
            yield f"{name} reads {client['ReadAttributes']}"
    for name, group in stack.of(GROUP).items():
        wanted = {
            "UserPoolId": "<UserPool>",
            "GroupName": "operators",
            "Precedence": 0,
            "Description": "Operators of Farebox, if AdminCognitoGroups names this group.",
            # A role would be AWS's, and no operator of ours needs one.
            "RoleArn": None,
        }
        yield from differing(name, group, wanted)


@on_every_variant
def mails_come_from_the_services_own_address(stack: Stack) -> Iterator[str]:
    for name, pool in stack.of(POOL).items():
        wanted = {
            "EmailSendingAccount": "DEVELOPER",
            "From": MAIL["MailFrom"],
            "SourceArn": f"arn:aws:ses:{REGION}:{ACCOUNT}:identity/{MAIL['MailIdentity']}",
        }
        yield from differing(name, pool["EmailConfiguration"], wanted)


def without_an_address_of_ours_cognito_sends(deployment: Deployment) -> Iterator[str]:
    if not deployment.production:
        bare = identity_stack(deployment.root, deployment.stage, {})
        for name, pool in bare.of(POOL).items():
            wanted = {"EmailSendingAccount": "COGNITO_DEFAULT", "From": None, "SourceArn": None}
            yield from differing(name, pool["EmailConfiguration"], wanted)


@on_every_variant
def the_pool_calls_the_forwarder_and_nothing_else(stack: Stack) -> Iterator[str]:
    for name, pool in stack.of(POOL).items():
        has_hook = stack.parameters["DomainName"] != ""
        triggers = pool.get("LambdaConfig", {})
        wanted = {"PostConfirmation": "<Forwarder.Arn>"} if has_hook else {}
        if set(triggers) != set(wanted):
            yield f"{name} calls {sorted(triggers)}"
        yield from differing(name, triggers, wanted)


@on_every_variant
def a_client_holds_no_secret_and_sends_no_password(stack: Stack) -> Iterator[str]:
    """SRP proves the password without sending it; an unknown user gets the response to a wrong
    password; a token is revoked when its user signs out."""
    if stack.of(POOL) and set(stack.of(CLIENT)) != set(CLIENTS):
        yield f"the clients are {sorted(stack.of(CLIENT))}"
    for name, client in stack.of(CLIENT).items():
        renews = stack.parameters["UserPoolPlan"] == "ESSENTIALS"
        wanted = {
            "UserPoolId": "<UserPool>",
            "ClientName": CLIENTS[name][0],
            "GenerateSecret": False,
            "PreventUserExistenceErrors": "ENABLED",
            "EnableTokenRevocation": True,
        }
        yield from differing(name, client, wanted)
        flows = ["ALLOW_USER_SRP_AUTH", *([] if renews else ["ALLOW_REFRESH_TOKEN_AUTH"])]
        if [*client["ExplicitAuthFlows"]] != flows:
            yield f"{name} signs in by {client['ExplicitAuthFlows']}"
        rotation = {"Feature": "ENABLED", "RetryGracePeriodSeconds": 30} if renews else {}
        yield from differing(name, client.get("RefreshTokenRotation", {}), rotation)
        if set(client.get("RefreshTokenRotation", {})) != set(rotation):
            yield f"{name}: Cognito renews refresh tokens only with the plan ESSENTIALS"


@on_every_variant
def a_token_lives_for_minutes(stack: Stack) -> Iterator[str]:
    """It is exchanged for one of our own sessions at once (`POST /auth/session`), and no one can
    take it back from the service before its end."""
    for name, client in stack.of(CLIENT).items():
        units = client["TokenValidityUnits"]
        wanted = {"AccessToken": "minutes", "IdToken": "minutes", "RefreshToken": "days"}
        yield from differing(name, units, wanted)
        for key in ("AccessTokenValidity", "IdTokenValidity"):
            if not 5 <= int(client[key]) <= 15:
                yield f"{name}: {key} is {client[key]} minutes"
        yield from differing(
            name, client, {"RefreshTokenValidity": CLIENTS[name][1], "AuthSessionValidity": 3}
        )


@on_every_variant
def pages_send_a_code_and_only_to_our_apps(stack: Stack) -> Iterator[str]:
    """A token in an address would stay in histories and logs."""
    chosen = stack.parameters
    for name, client in stack.of(CLIENT).items():
        place = "BrowserCallbackUrls" if name == "BrowserClient" else "MobileCallbackUrls"
        urls = [url for url in chosen[place] if url]
        on = bool(urls) and chosen["SignInPrefix"] != ""
        lists = {
            "AllowedOAuthFlows": ["code"],
            "AllowedOAuthScopes": ["openid", "email"],
            "CallbackURLs": urls,
            "LogoutURLs": urls,
        }
        yield from differing(name, client, {"AllowedOAuthFlowsUserPoolClient": on})
        for key, wanted in lists.items():
            if [*client.get(key, [])] != (wanted if on else []):
                yield f"{name}: {key} is {client.get(key)}"
        providers = ["COGNITO", *(["<Google>"] if stack.of(PROVIDER) else [])]
        if [*client["SupportedIdentityProviders"]] != providers:
            yield f"{name} accepts {client['SupportedIdentityProviders']}"
    for name, page in stack.of(PAGE).items():
        wanted_page = {
            "UserPoolId": "<UserPool>",
            "Domain": PAGES["SignInPrefix"],
            # The newer pages need a style of their own, and the plan ESSENTIALS.
            "ManagedLoginVersion": 1,
        }
        yield from differing(name, page, wanted_page)


@on_every_variant
def googles_secret_is_read_from_its_store(stack: Stack) -> Iterator[str]:
    """Whoever may describe a stack reads its parameters."""
    for name, provider in stack.of(PROVIDER).items():
        wanted = {"UserPoolId": "<UserPool>", "ProviderName": "Google", "ProviderType": "Google"}
        yield from differing(name, provider, wanted)
        version = stack.parameters["GoogleSecretVersion"]
        place = f"{GOOGLE_SECRET}:SecretString:clientSecret::{version}"
        details = {
            "client_id": GOOGLE["GoogleClientId"],
            "client_secret": f"{{{{resolve:secretsmanager:{place}}}}}",
            "authorize_scopes": "openid email",
        }
        if set(provider["ProviderDetails"]) != set(details):
            yield f"{name} has {sorted(provider['ProviderDetails'])}"
        yield from differing(name, provider["ProviderDetails"], details)
        mapped = {"email": "email", "email_verified": "email_verified", "username": "sub"}
        if set(provider["AttributeMapping"]) != set(mapped):
            yield f"{name} maps {sorted(provider['AttributeMapping'])}"
        yield from differing(name, provider["AttributeMapping"], mapped)


@on_every_variant
def its_outputs_are_parameters_of_the_service(stack: Stack) -> Iterator[str]:
    """By equal names (release/parameters.py), and values that its settings accept."""
    own, hook = bool(stack.of(POOL)), stack.parameters["DomainName"] != ""
    wanted: dict[str, Any] = {"CognitoUserPoolId": "<UserPool>" if own else POOL_ID}
    if own:
        wanted["CognitoClientIds"] = "<BrowserClient>,<MobileClient>"
        wanted["OperatorsGroup"] = "<Operators>"
    if hook:
        wanted["CognitoHookSecretArn"] = "<HookSecret>"
        wanted["ForwarderArn"] = "<Forwarder.Arn>"
    if stack.of(PAGE):
        prefix = stack.parameters["SignInPrefix"]
        wanted["SignInUrl"] = f"https://{prefix}.auth.{REGION}.amazoncognito.com"
    if set(stack.outputs) != set(wanted):
        yield f"{stack.name} has the outputs {sorted(stack.outputs)}"
    yield from differing(stack.name, stack.outputs, wanted)
    made = {**wanted, "CognitoUserPoolId": POOL_ID, "CognitoClientIds": "1example,2example"}
    settings = IdentitySettings(
        cognito_user_pool_id=made["CognitoUserPoolId"],
        cognito_client_ids=tuple(made["CognitoClientIds"].split(",")),
        admin_cognito_groups=("operators",),
    )
    yield from (fault for fault in (*settings._cognito_faults(), *settings._membership_faults()))


def what_the_service_needs_of_it_is_handed_over(deployment: Deployment) -> Iterator[str]:
    declared = deployment.service.parameters
    for name in ("CognitoUserPoolId", "CognitoClientIds", "CognitoHookSecretArn"):
        if name not in declared:
            yield f"{name} must be a parameter of the service"
    whole = template(deployment.root / "cloudformation" / FILE)
    groups = whole["Metadata"]["AWS::CloudFormation::Interface"]["ParameterGroups"]
    grouped = [name for group in groups for name in group["Parameters"]]
    if sorted(grouped) != sorted(whole["Parameters"]):
        yield f"ParameterGroups have {sorted(grouped)}"

"""Mutations of the identity stack: the user pool, its clients and the forwarder."""

from tests.infrastructure.template_mutations.mutation import TemplateMutation

IDENTITY_FILE = "cloudformation/identity.yaml"


def _in(resource: str, name: str, old: str, new: str) -> TemplateMutation:
    return TemplateMutation(name, IDENTITY_FILE, old, new, f"\n  {resource}:\n")


FORWARDER_MUTATIONS = (
    _in("Forwarder", "hook-longer-than-cognito-waits", "Timeout: 4", "Timeout: 10"),
    _in("Forwarder", "hook-ends-before-its-work", "Timeout: 4", "Timeout: 3"),
    _in("Forwarder", "hook-without-a-log", "LogGroup: !Ref ForwarderLogs", "LogGroup: /farebox/x"),
    _in(
        "ForwarderLogs",
        "hook-log-that-the-key-refuses",
        '"/farebox/${Stage}/post-confirmation"',
        '"/aws/lambda/farebox-${Stage}-post-confirmation"',
    ),
    _in(
        "ForwarderRole",
        "hook-may-not-write-its-log",
        "!GetAtt ForwarderLogs.Arn",
        '!Sub "arn:${AWS::Partition}:logs:${AWS::Region}:${AWS::AccountId}:log-group:/aws/*"',
    ),
    _in("Forwarder", "hook-by-plain-http", '"https://$', '"http://$'),
    TemplateMutation(
        "domain-with-a-scheme",
        IDENTITY_FILE,
        'AllowedPattern: "([a-z0-9]([a-z0-9-]*[a-z0-9])?\\\\.)*',
        'AllowedPattern: "(https?://)?([a-z0-9]([a-z0-9-]*[a-z0-9])?\\\\.)*',
        "\n  DomainName:\n",
    ),
    _in("Forwarder", "hook-waits-for-a-slow-secret", "read_timeout=0.6", "read_timeout=5"),
    _in("Forwarder", "hook-retries", '"total_max_attempts": 1', '"total_max_attempts": 3'),
    _in("Forwarder", "hook-waits-for-the-service", "HOOK_SECONDS = 2", "HOOK_SECONDS = 4"),
    _in("Forwarder", "hook-without-an-end", "work.join(ALL_SECONDS)", "work.join()"),
    _in("Forwarder", "hook-that-is-waited-for", "daemon=True", "daemon=False"),
    _in(
        "Forwarder",
        "hook-returns-another-event",
        "                  report(error)\n              return event",
        '                  return {"response": {}}\n              return event',
    ),
    _in("Forwarder", "hook-fails-with-its-vendors", "except Exception as", "except KeyError as"),
    _in("Forwarder", "hook-signs-another-text", 'f"{seconds}."', 'f"{seconds}:"'),
    _in("Forwarder", "hook-keeps-an-old-secret", "SECRET_SECONDS = 300", "SECRET_SECONDS = 86400"),
    _in(
        "Forwarder", "hook-reads-its-secret-each-time", "SECRET_SECONDS = 300", "SECRET_SECONDS = 0"
    ),
    _in(
        "Forwarder",
        "hook-logs-the-event",
        '"reason": type(error).__name__',
        '"reason": type(error).__name__, "input": str(error)',
    ),
    _in("Forwarder", "hook-logs-the-text-of-errors", "type(error).__name__", "str(error)"),
    _in("Forwarder", "hook-by-another-method", 'method="POST"', 'method="PUT"'),
    _in("Forwarder", "hook-on-another-processor", "[arm64]", "[x86_64]"),
    _in("Forwarder", "hook-without-processor-time", "MemorySize: 512", "MemorySize: 128"),
    _in("ForwarderRole", "hook-reads-every-secret", "Resource: !Ref HookSecret", 'Resource: "*"'),
    _in(
        "ForwarderRole",
        "hook-uses-the-key-for-anything",
        '                Condition: {StringEquals: {kms:ViaService: !Sub "secretsmanager.',
        '                Condition: {StringLike: {kms:ViaService: !Sub "*.',
    ),
    _in("ForwarderRole", "hook-role-for-ec2", "lambda.amazonaws.com", "ec2.amazonaws.com"),
    _in("ForwarderRole", "hook-role-for-any-account", "aws:SourceAccount", "aws:PrincipalAccount"),
    _in("ForwarderRole", "hook-role-without-bounds", "!If [HasBoundary, ", "!If [IsDev, "),
    _in("ForwarderPermission", "anyone-calls-the-hook", "cognito-idp.amazonaws.com", '"*"'),
    _in("ForwarderPermission", "any-pool-calls-the-hook", "!GetAtt UserPool.Arn", '"*"'),
    _in(
        "ForwarderPermission",
        "any-account-calls-the-hook",
        "      SourceAccount: !Ref AWS::AccountId\n",
        "",
    ),
    _in("HookSecret", "short-hook-secret", "PasswordLength: 48", "PasswordLength: 8"),
    _in(
        "HookSecret", "hook-secret-in-the-template", "GenerateSecretString: {", "SecretString: x #"
    ),
    _in(
        "HookSecret", "hook-secret-under-another-key", "KmsKeyId: !Ref KeyArn", "KmsKeyId: alias/x"
    ),
)
POOL_MUTATIONS = (
    _in(
        "UserPool",
        "pool-deleted-with-its-stack",
        "DeletionPolicy: Retain",
        "DeletionPolicy: Delete",
    ),
    _in("UserPool", "pool-unprotected", "[IsDev, INACTIVE, ACTIVE]", "[HasHook, INACTIVE, ACTIVE]"),
    _in("UserPool", "addresses-in-any-case", "CaseSensitive: false", "CaseSensitive: true"),
    _in(
        "UserPool",
        "addresses-unconfirmed",
        "AutoVerifiedAttributes: [email]",
        "AutoVerifiedAttributes: []",
    ),
    _in(
        "UserPool",
        "new-addresses-unconfirmed",
        "AttributesRequireVerificationBeforeUpdate: [email]",
        "AttributesRequireVerificationBeforeUpdate: []",
    ),
    _in("UserPool", "short-passwords", "MinimumLength: 15", "MinimumLength: 8"),
    _in("UserPool", "recovery-by-phone", "verified_email", "verified_phone_number"),
    _in("UserPool", "recovery-by-an-operator", "Name: verified_email", "Name: admin_only"),
    _in("UserPool", "costly-plan", "UserPoolTier: !Ref UserPoolPlan", "UserPoolTier: PLUS"),
    _in("UserPool", "costly-protection", '"OFF"', "ENFORCED"),
    _in("UserPool", "factors-by-text-message", "[SOFTWARE_TOKEN_MFA]", "[SMS_MFA]"),
    _in(
        "UserPool",
        "no-one-signs-up",
        "AllowAdminCreateUserOnly: false",
        "AllowAdminCreateUserOnly: true",
    ),
    _in(
        "UserPool",
        "attribute-of-an-operator",
        "Required: true, Mutable: true}]",
        "Required: true, Mutable: true}, {Name: role, AttributeDataType: String, Mutable: true}]",
    ),
    _in("UserPool", "hook-that-no-one-calls", "{PostConfirmation:", "{PostAuthentication:"),
    _in("UserPool", "mails-from-another", "From: !Ref MailFrom", "From: no-reply@example.org"),
    _in(
        "UserPool",
        "mails-for-everyone-by-cognito",
        "EmailSendingAccount: DEVELOPER",
        "EmailSendingAccount: COGNITO_DEFAULT",
    ),
    _in("Operators", "another-group", "GroupName: operators", "GroupName: admins"),
    _in("BrowserClient", "client-with-a-secret", "GenerateSecret: false", "GenerateSecret: true"),
    _in("BrowserClient", "passwords-sent", "ALLOW_USER_SRP_AUTH", "ALLOW_USER_PASSWORD_AUTH"),
    _in(
        "MobileClient",
        "users-that-can-be-guessed",
        "PreventUserExistenceErrors: ENABLED",
        "PreventUserExistenceErrors: LEGACY",
    ),
    _in(
        "MobileClient",
        "tokens-that-cannot-be-revoked",
        "EnableTokenRevocation: true",
        "EnableTokenRevocation: false",
    ),
    _in(
        "BrowserClient", "tokens-for-a-day", "AccessTokenValidity: 15", "AccessTokenValidity: 1440"
    ),
    _in("BrowserClient", "tokens-for-hours", "IdToken: minutes", "IdToken: hours"),
    _in(
        "BrowserClient",
        "browser-signed-in-for-ever",
        "RefreshTokenValidity: 1",
        "RefreshTokenValidity: 3650",
    ),
    _in(
        "BrowserClient",
        "verified-by-oneself",
        "WriteAttributes: [email]",
        "WriteAttributes: [email, email_verified]",
    ),
    _in("BrowserClient", "tokens-in-addresses", "[code]", "[implicit]"),
    _in(
        "MobileClient",
        "app-sends-to-the-browser",
        "!Ref MobileCallbackUrls",
        "!Ref BrowserCallbackUrls",
    ),
    _in(
        "MobileClient",
        "more-scopes",
        "[openid, email]",
        "[openid, email, aws.cognito.signin.user.admin]",
    ),
    _in(
        "MobileClient",
        "renewal-in-both-ways",
        "!If [RenewsTokens, !Ref AWS::NoValue, ALLOW_REFRESH_TOKEN_AUTH]",
        "ALLOW_REFRESH_TOKEN_AUTH",
    ),
    _in(
        "Google",
        "secret-of-google-in-another-store",
        'client_secret: !Sub "{{resolve:secretsmanager:${GoogleSecretArn}:',
        'client_secret: !Sub "{{resolve:ssm:${GoogleSecretArn}:',
    ),
    _in("Google", "addresses-of-google-unverified", "email_verified: email_verified, ", ""),
    _in("Google", "google-users-by-address", "username: sub", "username: email"),
    TemplateMutation(
        "callbacks-by-plain-http", IDENTITY_FILE, "(https://[^/ ]+|", "(https?://[^/ ]+|"
    ),
    TemplateMutation(
        "production-with-fifty-mails-a-day",
        IDENTITY_FILE,
        "[!Equals [!Ref Stage, production], ",
        "[!Equals [!Ref Stage, prod], ",
    ),
    TemplateMutation(
        "pool-of-no-arn",
        IDENTITY_FILE,
        '"(arn:[^:]+:cognito-idp:[^:]+:[0-9]{12}:userpool/[A-Za-z0-9_-]+)?"',
        '".*"',
    ),
    TemplateMutation(
        "output-under-another-name", IDENTITY_FILE, "  CognitoClientIds:\n", "  ClientIds:\n"
    ),
    TemplateMutation(
        "one-client-handed-over",
        IDENTITY_FILE,
        '"${BrowserClient},${MobileClient}"',
        '"${BrowserClient}"',
    ),
    TemplateMutation(
        "id-of-another-pool", IDENTITY_FILE, "!Select [1, !Split", "!Select [0, !Split"
    ),
    TemplateMutation(
        "key-of-no-rule",
        IDENTITY_FILE,
        "      UserPoolName:",
        "      DeviceConfiguration: {ChallengeRequiredOnNewDevice: true}\n      UserPoolName:",
    ),
)
IDENTITY = (*FORWARDER_MUTATIONS, *POOL_MUTATIONS)

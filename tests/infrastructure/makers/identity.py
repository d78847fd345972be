"""Who signs in: a user pool and the function that it calls. moto has neither without more packages,
so that their calls are checked and not sent."""

import json
import re
from typing import Any

from tests.infrastructure.moto_extension import Made, Maker, call, check
from tests.infrastructure.render import ACCOUNT, REGION
from tests.infrastructure.shapes import renamed, without

POOL_ID = f"{REGION}_Moto01"
_REFERENCE = re.compile(r"\{\{resolve:secretsmanager:(arn:[^}]+):SecretString:(\w+)::([\w-]*)\}\}")


def _pool(name: str, properties: dict[str, Any]) -> Made:
    del name
    given = renamed(without(properties, "EnabledMfas"), UserPoolName="PoolName")
    check("cognito-idp", "CreateUserPool", **given)
    factors = properties["EnabledMfas"]
    software = {"Enabled": "SOFTWARE_TOKEN_MFA" in factors}
    check(
        "cognito-idp",
        "SetUserPoolMfaConfig",
        UserPoolId=POOL_ID,
        MfaConfiguration=properties["MfaConfiguration"],
        SoftwareTokenMfaConfiguration=software,
    )
    arn = f"arn:aws:cognito-idp:{REGION}:{ACCOUNT}:userpool/{POOL_ID}"
    return Made(POOL_ID, {"Arn": arn})


def _client(name: str, properties: dict[str, Any]) -> Made:
    check("cognito-idp", "CreateUserPoolClient", **properties)
    return Made(f"1{name.lower()}")


def _group(name: str, properties: dict[str, Any]) -> Made:
    del name
    check("cognito-idp", "CreateGroup", **properties)
    return Made(properties["GroupName"])


def _domain(name: str, properties: dict[str, Any]) -> Made:
    del name
    check("cognito-idp", "CreateUserPoolDomain", **properties)
    return Made(properties["Domain"])


def _provider(name: str, properties: dict[str, Any]) -> Made:
    """With the secret that the dynamic reference leads to, as CloudFormation reads it."""
    del name
    details = properties["ProviderDetails"]
    found = _REFERENCE.fullmatch(details["client_secret"])
    if found is None:
        raise ValueError("the secret of the provider is no reference to Secrets Manager")
    version = {"VersionId": found[3]} if found[3] else {}
    text = call("secretsmanager", "GetSecretValue", SecretId=found[1], **version)["SecretString"]
    given = {**details, "client_secret": json.loads(text)[found[2]]}
    check("cognito-idp", "CreateIdentityProvider", **{**properties, "ProviderDetails": given})
    return Made(properties["ProviderName"])


def _function(name: str, properties: dict[str, Any]) -> Made:
    del name
    tags = {tag["Key"]: tag["Value"] for tag in properties["Tags"]}
    check("lambda", "CreateFunction", **{**properties, "Tags": tags})
    own = properties["FunctionName"]
    return Made(own, {"Arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:{own}"})


def _permission(name: str, properties: dict[str, Any]) -> Made:
    check("lambda", "AddPermission", StatementId=name, **properties)
    return Made(name)


MAKERS: dict[str, Maker] = {
    "AWS::Cognito::UserPool": _pool,
    "AWS::Cognito::UserPoolClient": _client,
    "AWS::Cognito::UserPoolDomain": _domain,
    "AWS::Cognito::UserPoolGroup": _group,
    "AWS::Cognito::UserPoolIdentityProvider": _provider,
    "AWS::Lambda::Function": _function,
    "AWS::Lambda::Permission": _permission,
}

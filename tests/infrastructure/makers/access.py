"""Who may do what: policies, the provider of identities, the domain of mails, the analyzer."""

import json
from typing import Any

from tests.infrastructure.moto_extension import Made, Maker, call, check
from tests.infrastructure.render import ACCOUNT, REGION


def _policy(name: str, properties: dict[str, Any]) -> Made:
    made = call(
        "iam",
        "CreatePolicy",
        PolicyName=properties.get("ManagedPolicyName", name),
        Description=properties["Description"],
        PolicyDocument=json.dumps(properties["PolicyDocument"]),
    )["Policy"]
    return Made(made["Arn"])


def _provider(name: str, properties: dict[str, Any]) -> Made:
    del name
    made = call("iam", "CreateOpenIDConnectProvider", **properties)
    return Made(made["OpenIDConnectProviderArn"])


def _identity(name: str, properties: dict[str, Any]) -> Made:
    del name
    check("sesv2", "CreateEmailIdentity", **properties)
    domain = properties["EmailIdentity"]
    tokens = {
        f"DkimDNSToken{part}{number}": f"token{number}{end}"
        for number in (1, 2, 3)
        for part, end in (("Name", f"._domainkey.{domain}"), ("Value", ".dkim.amazonses.com"))
    }
    return Made(domain, tokens)


def _analyzer(name: str, properties: dict[str, Any]) -> Made:
    del name
    check("accessanalyzer", "CreateAnalyzer", **properties)
    own = properties["AnalyzerName"]
    return Made(f"arn:aws:access-analyzer:{REGION}:{ACCOUNT}:analyzer/{own}")


def _records(name: str, properties: dict[str, Any]) -> Made:
    changes = [
        {
            "Action": "CREATE",
            "ResourceRecordSet": {
                **{key: value for key, value in body.items() if key != "ResourceRecords"},
                "ResourceRecords": [{"Value": value} for value in body["ResourceRecords"]],
            },
        }
        for body in properties["RecordSets"]
    ]
    call(
        "route53",
        "ChangeResourceRecordSets",
        HostedZoneId=properties["HostedZoneId"],
        ChangeBatch={"Changes": changes},
    )
    return Made(name)


MAKERS: dict[str, Maker] = {
    "AWS::AccessAnalyzer::Analyzer": _analyzer,
    "AWS::IAM::ManagedPolicy": _policy,
    "AWS::IAM::OIDCProvider": _provider,
    "AWS::Route53::RecordSetGroup": _records,
    "AWS::SES::EmailIdentity": _identity,
}

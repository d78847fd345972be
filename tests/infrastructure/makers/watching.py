"""What watches: alarms, dashboards, event rules, topics and budgets."""

import json
from typing import Any

from tests.infrastructure.moto_extension import Made, Maker, call, check
from tests.infrastructure.render import ACCOUNT, REGION
from tests.infrastructure.shapes import without


def _alarm(name: str, properties: dict[str, Any]) -> Made:
    call("cloudwatch", "PutMetricAlarm", **{"AlarmName": name, **properties})
    own = properties.get("AlarmName", name)
    return Made(own, {"Arn": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{own}"})


def _composite(name: str, properties: dict[str, Any]) -> Made:
    check("cloudwatch", "PutCompositeAlarm", **{"AlarmName": name, **properties})
    return Made(properties.get("AlarmName", name))


def _dashboard(name: str, properties: dict[str, Any]) -> Made:
    call("cloudwatch", "PutDashboard", **properties)
    return Made(properties["DashboardName"])


def _events_rule(name: str, properties: dict[str, Any]) -> Made:
    pattern = json.dumps(properties["EventPattern"])
    made = call(
        "events",
        "PutRule",
        **{"Name": name[:64], **without(properties, "Targets")} | {"EventPattern": pattern},
    )
    call("events", "PutTargets", Rule=name[:64], Targets=properties["Targets"])
    return Made(name[:64], {"Arn": made["RuleArn"]})


def _subscription(name: str, properties: dict[str, Any]) -> Made:
    return Made(call("sns", "Subscribe", **properties)["SubscriptionArn"])


def _mail_configuration_set(name: str, properties: dict[str, Any]) -> Made:
    del name
    renamed = {"ConfigurationSetName": properties["Name"], **without(properties, "Name")}
    check("sesv2", "CreateConfigurationSet", **renamed)
    return Made(properties["Name"])


def _topic_policy(name: str, properties: dict[str, Any]) -> Made:
    document = json.dumps(properties["PolicyDocument"])
    for topic in properties["Topics"]:
        call(
            "sns",
            "SetTopicAttributes",
            TopicArn=topic,
            AttributeName="Policy",
            AttributeValue=document,
        )
    return Made(name)


def _budget(name: str, properties: dict[str, Any]) -> Made:
    budget = {"BudgetName": name[:100], **properties["Budget"]}
    notices = properties.get("NotificationsWithSubscribers")
    call(
        "budgets",
        "CreateBudget",
        AccountId=ACCOUNT,
        Budget=budget,
        NotificationsWithSubscribers=notices,
    )
    return Made(budget["BudgetName"])


MAKERS: dict[str, Maker] = {
    "AWS::Budgets::Budget": _budget,
    "AWS::CloudWatch::Alarm": _alarm,
    "AWS::CloudWatch::CompositeAlarm": _composite,
    "AWS::CloudWatch::Dashboard": _dashboard,
    "AWS::Events::Rule": _events_rule,
    "AWS::SES::ConfigurationSet": _mail_configuration_set,
    "AWS::SNS::Subscription": _subscription,
    "AWS::SNS::TopicPolicy": _topic_policy,
}

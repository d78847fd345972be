"""Mutations of the relay of live sessions."""

from tests.infrastructure.template_mutations.mutation import BASE, DATA, TemplateMutation, on

RELAY = (
    on("tickets-sent-to-the-relay", "RelayRule", "Values: [GET]", "Values: [GET, POST]", BASE),
    on(
        "everything-below-sent-to-the-relay",
        "RelayRule",
        "[/transcriptions/stream]",
        '["/transcriptions/*"]',
        BASE,
    ),
    on(
        "sessions-sent-to-web-tasks",
        "RelayRule",
        "TargetGroupArn: !Ref RelayTargetGroup",
        "TargetGroupArn: !Ref TargetGroup",
        BASE,
    ),
    on("relay-let-go-after-minutes", "RelayTargetGroup", 'Value: "10"', 'Value: "300"', BASE),
    on("relay-killed-while-it-settles", "RelayTask", "StopTimeout: 60", "StopTimeout: 20"),
    on("relay-that-hears-only-itself", "RelayTask", "{Name: LIVE_HOST, Value: 0.0.0.0}", ""),
    on(
        "relay-open-to-everyone",
        "RelaySecurityGroup",
        "SourceSecurityGroupId: !Ref BalancerSecurityGroup",
        "CidrIp: 0.0.0.0/0",
        BASE,
    ),
    on("relay-that-may-scan", "RelayRole", "dynamodb:GetItem,", "dynamodb:GetItem, dynamodb:Scan,"),
    on(
        "relay-with-klings-key",
        "RelayRole",
        "[!Ref KeysSecretArn, !Ref AssemblyAiSecretArn]",
        "[!Ref KeysSecretArn, !Ref KlingSecretArn, !Ref AssemblyAiSecretArn]",
    ),
    on("relay-without-a-way-in", "BalancerToRelay", "FromPort: 8080", "FromPort: 8081", BASE),
    on("relay-always-there", "RelayTask", "Condition: HasAssemblyAi", "Condition: HasDomain"),
    on("relays-that-flap", "RelayScalingByCpu", "ScaleInCooldown: 900", "ScaleInCooldown: 60"),
    on(
        "no-relay-and-no-alarm",
        "RelayNoHealthyTargetsAlarm",
        "TreatMissingData: breaching",
        "TreatMissingData: notBreaching",
    ),
    on(
        "no-relay-while-web-tasks-are-well",
        "RelayNoHealthyTargetsAlarm",
        "!Ref RelayTargetGroupFullName",
        "!Ref TargetGroupFullName",
    ),
    on(
        "relay-rolled-back-by-errors-of-web-tasks",
        "RelayErrorsAlarm",
        "!Ref RelayTargetGroupFullName",
        "!Ref TargetGroupFullName",
    ),
    TemplateMutation(
        "relay-without-a-log",
        DATA,
        'LogGroupName: !Sub "/farebox/${Stage}/relay"',
        'LogGroupName: !Sub "/farebox/${Stage}/relays"',
    ),
)

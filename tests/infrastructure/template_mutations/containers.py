"""Mutations of the task definitions: sizes, hardening, stopping, logs and environment."""

from tests.infrastructure.template_mutations.mutation import SERVICE, TemplateMutation, on


def _web(name: str, old: str, new: str) -> TemplateMutation:
    return on(name, "WebTask", old, new)


CONTAINERS = (
    _web("property-misspelt", "ReadonlyRootFilesystem: true", "ReadonlyRootFileSystem: true"),
    TemplateMutation(
        "size-fargate-does-not-have", SERVICE, 'Memory: "2048"', 'Memory: "1536"', "medium: {"
    ),
    _web("stop-timeout-beyond-fargate", "StopTimeout: 60", "StopTimeout: 300"),
    _web("stop-timeout-below-the-drain", "StopTimeout: 60", "StopTimeout: 45"),
    _web("user-root", 'User: "10001:10001"', 'User: "0:0"'),
    _web("user-left-out", '          User: "10001:10001"\n', ""),
    _web("file-system-writable", "ReadonlyRootFilesystem: true", "ReadonlyRootFilesystem: false"),
    _web("privileged", "Privileged: false", "Privileged: true"),
    _web("capabilities-kept", "            Capabilities: {Drop: [ALL]}\n", ""),
    _web("no-init-process", "InitProcessEnabled: true", "InitProcessEnabled: false"),
    _web("temporary-files-of-root", "mode=1777, ", ""),
    _web("no-temporary-files", "ContainerPath: /tmp", "ContainerPath: /var/tmp"),
    _web(
        "group-of-operators-left-out",
        "            - {Name: ADMIN_COGNITO_GROUPS, Value: !Ref AdminCognitoGroups}\n",
        "",
    ),
    _web("secret-in-the-clear", "KLING_API_KEY_SECRET_NAME", "KLING_API_KEY"),
    _web(
        "secret-key-that-is-not-there",
        "{Name: KLING_MODE,",
        '{Name: KLING_MODE, Value: "std"}\n'
        "          Secrets: [{Name: KLING_API_KEY, ValueFrom: !Sub "
        '"${KlingSecretArn}:apikey::"}]\n'
        "          Mistake:\n"
        "            - {Name: KLING_MODE,",
    ),
    _web(
        "log-without-anybody-to-write-it", "      ExecutionRoleArn: !GetAtt ExecutionRole.Arn\n", ""
    ),
    _web("log-group-of-no-one", "/farebox/${Stage}/web", "/farebox/${Stage}/webs"),
    _web("log-that-blocks", "mode: non-blocking", "mode: blocking"),
    _web("log-without-prefix", "              awslogs-stream-prefix: web\n", ""),
    _web(
        "image-by-tag",
        "Image: !Ref ImageUri",
        'Image: !Sub "${AWS::AccountId}.dkr.ecr.${AWS::Region}.amazonaws.com/farebox:latest"',
    ),
    _web(
        "readiness-ends-tasks",
        "/app/docker/healthcheck.py]",
        "/app/docker/healthcheck.py, /health/ready]",
    ),
    _web(
        "container-port-other-than-gunicorns",
        "ContainerPort: 8080, Protocol",
        "ContainerPort: 8000, Protocol",
    ),
    _web("gunicorn-on-loopback", "Value: 0.0.0.0", "Value: 127.0.0.1"),
    _web("gunicorn-on-another-port", '{Name: PORT, Value: "8080"}', '{Name: PORT, Value: "8000"}'),
    _web("setting-misspelt", "{Name: MAX_USERS,", "{Name: MAX_USER,"),
    _web(
        "setting-left-out",
        "            - {Name: KEYS_SECRET_NAME, Value: !Ref KeysSecretArn}\n",
        "",
    ),
    _web(
        "setting-twice",
        "- {Name: LOG_FORMAT, Value: json}",
        "- {Name: LOG_FORMAT, Value: json}\n            - {Name: LOG_FORMAT, Value: json}",
    ),
    _web(
        "logs-that-alarms-cannot-read",
        "{Name: LOG_FORMAT, Value: json}",
        "{Name: LOG_FORMAT, Value: pretty}",
    ),
    _web("secrets-exchanged", "Value: !Ref KlingSecretArn", "Value: !Ref KeysSecretArn"),
    TemplateMutation(
        "worker-with-another-price",
        SERVICE,
        "Value: !Ref VideoPriceCredits",
        'Value: "2"',
        "\n  WorkerTask:\n",
    ),
    TemplateMutation(
        "worker-with-the-webs-role",
        SERVICE,
        "!GetAtt WorkerRole.Arn",
        "!GetAtt WebRole.Arn",
        "\n  WorkerTask:\n",
    ),
    TemplateMutation(
        "worker-module-that-is-not-there",
        SERVICE,
        "service.worker",
        "service.workers",
        "\n  WorkerTask:\n",
    ),
    TemplateMutation(
        "drain-longer-than-the-stop",
        SERVICE,
        'DRAIN_SECONDS, Value: "15"',
        'DRAIN_SECONDS, Value: "45"',
    ),
    TemplateMutation(
        "drain-shorter-than-the-probes",
        SERVICE,
        'DRAIN_SECONDS, Value: "15"',
        'DRAIN_SECONDS, Value: "5"',
    ),
    TemplateMutation(
        "processes-beyond-the-processor", SERVICE, 'Processes: "2"', 'Processes: "16"', "small: {"
    ),
)

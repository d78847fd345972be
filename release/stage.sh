# shellcheck shell=bash
# Sourced by the other scripts: names the deployment, and reads its stacks from CloudFormation.
set -euo pipefail
# Without it Bash ignores -e inside $(…). The Bash of macOS does not have it, so critical lines
# there add `|| exit`.
shopt -s inherit_errexit 2>/dev/null || true

# The stack of the account is of no stage.
[ "${0##*/}" != account ] || STAGE=account
case "${STAGE:-}:${0##*/}" in
    dev:* | staging:* | production:*) ;;
    account:account | account:change) ;;
    *)
        echo "Name the deployment: STAGE=dev, STAGE=staging or STAGE=production." >&2
        exit 2
        ;;
esac

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
DATA_STACK=farebox-$STAGE-data
IDENTITY_STACK=farebox-$STAGE-identity
BASE_STACK=farebox-$STAGE-base
SERVICE_STACK=farebox-$STAGE
ACCOUNT_STACK=farebox-account
PARAMETERS=$ROOT/cloudformation/parameters/$STAGE.json
# A pager would wait for a key in a pipeline.
export AWS_PAGER=""
export STAGE ROOT ACCOUNT_STACK DATA_STACK IDENTITY_STACK BASE_STACK SERVICE_STACK PARAMETERS

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "$*"
    exit 1
}

# For what is not known: neither that it failed nor that it succeeded. A caller must not act as if
# it had failed.
unknown() {
    say "$*"
    exit "$UNKNOWN"
}
UNKNOWN=3

# Ends as a script that this one ran did: $1 is its exit code, $2 what is said if it failed.
exit_as() {
    [ "$1" = "$UNKNOWN" ] || say "$2"
    exit "$1"
}

# Prints what CloudFormation returns for a stack; nothing if the stack does not exist. Any other
# error ends the run: a failed request must not be taken for a missing stack.
# Usage: described STACK QUERY [FORMAT]
described() {
    local error
    error=$(mktemp)
    if ! aws cloudformation describe-stacks --stack-name "$1" --query "$2" --output "${3:-text}" \
        2>"$error" &&
        ! grep -q 'Stack with id .* does not exist' "$error"; then
        cat "$error" >&2
        rm -f "$error"
        exit 1
    fi
    rm -f "$error"
}

# Whether the stage has a user pool of the identity stack, by its parameters.
has_identity() { grep -q '^  "identity":' "$PARAMETERS"; }

# The outputs of a stack, one a line, and a filter that picks one of them.
outputs() { described "$1" 'Stacks[0].Outputs[].[OutputKey, OutputValue]'; }
pick() { awk -F '\t' -v name="$1" '$1 == name { print $2 }'; }
output() { outputs "$1" | pick "$2"; }

# The ECS services of a stack, one a line, from its outputs.
services() {
    local name
    for name in WebServiceName WorkerServiceName RelayServiceName; do pick "$name" <<<"$1"; done
}

# The least number of tasks of an ECS service; None where it does not scale, as in dev.
min_tasks() {
    aws application-autoscaling describe-scalable-targets --service-namespace ecs \
        --resource-ids "service/$1/$2" --query 'ScalableTargets[0].MinCapacity' --output text
}

# Waits until every task of these ECS services runs, or has stopped, as wanted. Usage: wait_stable
# CLUSTER SERVICE…
wait_stable() {
    aws ecs wait services-stable --cluster "$1" --services "${@:2}" ||
        unknown "Not every task is as wanted yet: only the wait for them has ended." \
            "How far they are: make status STAGE=$STAGE"
}

confirm() {
    [ "${YES:-}" = 1 ] && return 0
    [ -t 0 ] || fail "$1 No one can confirm here; set YES=1 to confirm in advance."
    local reply
    read -r -p "$1 [y/N] " reply
    [ "$reply" = y ] || fail "Nothing was changed."
}

# Whether the tasks run on ARM64: decided in the template, unless the stage's parameters differ.
on_arm() {
    local decided
    decided=$(grep -o '"CpuArchitecture": *"[^"]*"' "$PARAMETERS" ||
        sed -n '/^  CpuArchitecture:/,/Default:/s/.*Default: *//p' \
            "$ROOT/cloudformation/service/parameters.yaml")
    [[ $decided == *ARM64* ]]
}

# The tag of the image of this checkout: its commit, and its processor architecture if it is ARM64.
release_tag() {
    if [ -n "${RELEASE_TAG:-}" ]; then
        printf '%s\n' "$RELEASE_TAG"
        return
    fi
    local tag
    tag=$(git -C "$ROOT" rev-parse HEAD)
    if [ -n "$(git -C "$ROOT" status --porcelain)" ]; then
        # An image of uncommitted changes cannot be built again.
        [ "$STAGE" = dev ] ||
            fail "There are changes that are not committed. $STAGE runs only commits."
        tag=$tag-$(date -u +%Y%m%d%H%M%S)
    fi
    if on_arm; then tag=$tag-arm64; fi
    printf '%s\n' "$tag"
}

# Refuses to deploy a checkout that does not contain the running commit: it would take back
# templates, roles and alarms too. The tag of the running image names its commit; if the image is
# gone, the release goes on. $1: the running image.
guard_forward() {
    [ -n "$1" ] && [ "${BACKWARDS:-}" != 1 ] || return 0
    local repository tag
    repository=${1#*/}
    tag=$(aws ecr describe-images --repository-name "${repository%@*}" \
        --image-ids "imageDigest=${1##*@}" --output text \
        --query 'imageDetails[0].imageTags[0]' 2>/dev/null) || return 0
    [ -n "$tag" ] && [ "$tag" != None ] || return 0
    git -C "$ROOT" merge-base --is-ancestor "${tag%%-*}" HEAD 2>/dev/null ||
        fail "$STAGE runs ${tag%%-*}, which this checkout does not contain (git fetch?)." \
            "If you mean to go back: BACKWARDS=1."
}

# Makes a temporary folder that is removed when the script ends.
scratch() {
    SCRATCH=$(mktemp -d)
    trap 'rm -rf "$SCRATCH"' EXIT
}

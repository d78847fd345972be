# shellcheck shell=bash
# Sourced by the others: which deployment is meant, and how to ask CloudFormation about it.
set -euo pipefail

case "${STAGE:-}" in
    dev | staging | production) ;;
    *)
        echo "Name the deployment: STAGE=dev, STAGE=staging or STAGE=production." >&2
        exit 2
        ;;
esac

ROOT=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
DATA_STACK=farebox-$STAGE-data
SERVICE_STACK=farebox-$STAGE
PARAMETERS=$ROOT/cloudformation/parameters/$STAGE.json
# No pager would ever be closed in a pipeline.
export AWS_PAGER=""
export STAGE ROOT DATA_STACK SERVICE_STACK PARAMETERS

say() { printf '%s\n' "$*" >&2; }

fail() {
    say "$*"
    exit 1
}

# The value of one output of a stack; nothing if there is no such stack or output.
output() {
    local value
    value=$(aws cloudformation describe-stacks --stack-name "$1" --output text \
        --query "Stacks[0].Outputs[?OutputKey=='$2'].OutputValue | [0]" 2>/dev/null) || return 0
    [ "$value" = None ] || printf '%s' "$value"
}

# NONE for a stack that is not there.
stack_status() {
    aws cloudformation describe-stacks --stack-name "$1" --query 'Stacks[0].StackStatus' --output text 2>/dev/null || echo NONE
}

confirm() {
    [ "${YES:-}" = 1 ] && return 0
    [ -t 0 ] || fail "$1 Nobody is here to say yes; YES=1 says it in advance."
    local answer
    read -r -p "$1 [y/N] " answer
    [ "$answer" = y ] || fail "Nothing was changed."
}

# A folder of this run alone, gone when it ends.
scratch() {
    SCRATCH=$(mktemp -d)
    trap 'rm -rf "$SCRATCH"' EXIT
}

# shellcheck shell=bash
# Sourced by the others: which deployment is meant, and how to ask CloudFormation about it.
set -euo pipefail
# Bash forgets -e inside $(…) otherwise; the one of macOS does so anyway, so what matters there says `|| exit` besides.
shopt -s inherit_errexit 2>/dev/null || true

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

# What CloudFormation says of a stack; nothing if there is no such stack. Any other error ends the run: "not there" and "not asked" must
# never be taken for each other.
described() {
    local trouble
    trouble=$(mktemp)
    if ! aws cloudformation describe-stacks --stack-name "$1" --query "$2" --output text 2>"$trouble" &&
        ! grep -q 'does not exist' "$trouble"; then
        cat "$trouble" >&2
        rm -f "$trouble"
        exit 1
    fi
    rm -f "$trouble"
}

# A stack's outputs, a line each, and how to pick one of them.
outputs() { described "$1" 'Stacks[0].Outputs[].[OutputKey, OutputValue]'; }
pick() { awk -F '\t' -v name="$1" '$1 == name { print $2 }'; }
output() { outputs "$1" | pick "$2"; }

confirm() {
    [ "${YES:-}" = 1 ] && return 0
    [ -t 0 ] || fail "$1 Nobody is here to say yes; YES=1 says it in advance."
    local answer
    read -r -p "$1 [y/N] " answer
    [ "$answer" = y ] || fail "Nothing was changed."
}

on_arm() { grep -q '"CpuArchitecture": *"ARM64"' "$PARAMETERS"; }

# What an image of this checkout is called: its commit, and its processors where they are not the usual ones.
release_tag() {
    if [ -n "${RELEASE_TAG:-}" ]; then
        printf '%s\n' "$RELEASE_TAG"
        return
    fi
    local tag
    tag=$(git -C "$ROOT" rev-parse HEAD)
    if [ -n "$(git -C "$ROOT" status --porcelain)" ]; then
        # What is not committed cannot be found again.
        [ "$STAGE" = dev ] || fail "There are changes that are not committed. What runs in $STAGE is a commit."
        tag=$tag-$(date -u +%Y%m%d%H%M%S)
    fi
    if on_arm; then tag=$tag-arm64; fi
    printf '%s\n' "$tag"
}

# An older checkout takes templates, roles and alarms back with it, and a newer release that came in between. What runs says in its image's
# tag which commit it is of; where nobody can tell (the image is gone), nobody is held up. $1: the running image.
guard_forward() {
    [ -n "$1" ] && [ "${BACKWARDS:-}" != 1 ] || return 0
    local repository tag
    repository=${1#*/}
    tag=$(aws ecr describe-images --repository-name "${repository%@*}" --image-ids "imageDigest=${1##*@}" \
        --query 'imageDetails[0].imageTags[0]' --output text 2>/dev/null) || return 0
    [ -n "$tag" ] && [ "$tag" != None ] || return 0
    git -C "$ROOT" merge-base --is-ancestor "${tag%%-*}" HEAD 2>/dev/null ||
        fail "$STAGE runs ${tag%%-*}, which this checkout does not contain (git fetch?). If you mean to go back: BACKWARDS=1."
}

# A folder of this run alone, gone when it ends.
scratch() {
    SCRATCH=$(mktemp -d)
    trap 'rm -rf "$SCRATCH"' EXIT
}

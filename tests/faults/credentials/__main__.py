"""`python -m tests.faults.credentials --seconds 4`: greenlets send while the credentials rotate and
their endpoint hangs for a while.

Exit 1 when a request failed or waited for the endpoint."""

import argparse
import os
import sys

# botocore abandons an endpoint that hangs after 3 times 3 seconds: a call that waits for it takes
# longer than a busy machine does.
MAX_CALL_SECONDS = 8.0
# A busy machine may take seconds from the endpoint's response to the first request signed with it.
OVERLAP_SECONDS = 60.0


def main() -> int:
    # As gunicorn's gevent worker does, before anything of the service is loaded.
    from gevent import monkey  # noqa: PLC0415

    monkey.patch_all()
    parser = argparse.ArgumentParser(prog="python -m tests.faults.credentials", description=__doc__)
    parser.add_argument("--seconds", type=float, default=4.0)
    return _run(parser.parse_args().seconds)


def _run(seconds: float) -> int:
    import time  # noqa: PLC0415 - after the patch, with what follows

    from service.storage.dynamodb import connect  # noqa: PLC0415
    from tests.faults.credentials.endpoint import RoleEndpoint  # noqa: PLC0415
    from tests.faults.credentials.load import load  # noqa: PLC0415
    from tests.faults.credentials.verifier import REGION, Verifier  # noqa: PLC0415

    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        os.environ.pop(name, None)
    with RoleEndpoint(5 * 60.0, OVERLAP_SECONDS) as role, Verifier(role) as verifier:
        os.environ["AWS_CONTAINER_CREDENTIALS_FULL_URI"] = role.url
        client = connect(REGION, verifier.url, 5.0, 10.0, 50)

        def hang() -> None:
            verifier.wait_for_keys(2)
            role.fault = "hang"
            time.sleep(seconds / 2)

        result = load(client, 50, 0, hang)
        sys.stdout.write(f"{result}, {len(verifier.keys)} keys\n")
        return 0 if not result.others and result.max_seconds < MAX_CALL_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())

"""What goes out of the routes of erasure and export."""

from collections.abc import Iterable

from marshmallow import fields

from service.core.clock import iso
from service.erasure.entities import Erasure, ErasureState, StepState
from service.web.schemas import StrictSchema

EXAMPLE_TIME = "2026-11-21T09:00:00.000Z"


class ErasureStepSchema(StrictSchema):
    """One step of an erasure."""

    name = fields.String(
        required=True,
        metadata={
            "description": "What it removes. `account`, the last, closes the account and destroys "
            "the key of everything that was encrypted. There may be new ones.",
            "example": "profile",
        },
    )
    status = fields.Enum(
        StepState,
        by_value=True,
        required=True,
        metadata={
            "description": "`waiting`: something has to end first, such as a running job. "
            "`failed`: it did not succeed, and is tried again.",
            "example": "done",
        },
    )
    done_at = fields.DateTime(
        required=True,
        allow_none=True,
        data_key="doneAt",
        metadata={"description": "When it was done (UTC).", "example": EXAMPLE_TIME},
    )


class ErasureSchema(StrictSchema):
    """How far the erasure of an account has come."""

    status = fields.Enum(
        ErasureState,
        by_value=True,
        required=True,
        metadata={"description": "`finished`: nothing is left to do.", "example": "running"},
    )
    requested_at = fields.DateTime(
        required=True,
        data_key="requestedAt",
        metadata={"description": "When it was requested (UTC).", "example": EXAMPLE_TIME},
    )
    finished_at = fields.DateTime(
        required=True,
        allow_none=True,
        data_key="finishedAt",
        metadata={"description": "When it ended (UTC).", "example": None},
    )
    steps = fields.List(
        fields.Nested(ErasureStepSchema),
        required=True,
        metadata={"description": "In the order in which they are done."},
    )


class ExportSchema(StrictSchema):
    """Everything held on one user: besides these, one member for each kind of data."""

    format = fields.Integer(
        required=True,
        metadata={"description": "Grows when a member changes its form.", "example": 1},
    )
    exported_at = fields.DateTime(
        required=True,
        data_key="exportedAt",
        metadata={"description": "When it was read (UTC).", "example": EXAMPLE_TIME},
    )
    user_id = fields.String(
        required=True,
        data_key="userId",
        metadata={"description": "Whose data it is.", "example": "110248495921238986420"},
    )


def erasure_body(erasure: Erasure, steps: Iterable[str]) -> dict[str, object]:
    """`steps` are the names of all there are. Those of an erasure that has ended are the ones that
    it had."""
    is_running = erasure.state is ErasureState.RUNNING
    names = steps if is_running else erasure.done
    ended = erasure.finished_at
    return {
        "status": erasure.state.value,
        "requestedAt": iso(erasure.requested_at),
        "finishedAt": None if ended is None else iso(ended),
        "steps": [_step_body(erasure, name) for name in names],
    }


def _step_body(erasure: Erasure, name: str) -> dict[str, object]:
    done_at = erasure.done.get(name)
    return {
        "name": name,
        "status": erasure.state_of(name).value,
        "doneAt": None if done_at is None else iso(done_at),
    }

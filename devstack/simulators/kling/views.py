"""Tasks as JSON: on the wire, and in the list of `/__tasks`."""

from devstack.simulators.kling.pricing import plain
from devstack.simulators.kling.task_store import FAILED, SUCCEED, Task


def created_view(task: Task) -> dict[str, object]:
    """`data` of the response to a create."""
    return {
        "task_id": task.task_id,
        "task_status": task.status,
        "task_info": _info(task),
        "created_at": task.created_at,
        "updated_at": task.updated_at,
    }


def task_view(task: Task, address: str) -> dict[str, object]:
    """`data` of a query, and the bare body of a callback. `address` is the base of the result
    link."""
    view: dict[str, object] = {
        **created_view(task),
        "watermark_info": {"enabled": task.request.watermark},
        "task_result": {},
    }
    if task.status == SUCCEED:
        view["task_result"] = {"videos": [_video(task, address)]}
    if task.status == FAILED:
        view["task_status_msg"] = task.outcome
    if task.status in (SUCCEED, FAILED):
        view["final_unit_deduction"] = plain(task.charged_units)
    return view


def record_view(task: Task) -> dict[str, object]:
    """One task in `/__tasks`."""
    return {
        "task_id": task.task_id,
        "external_task_id": task.request.external_task_id or None,
        "status": task.status,
        "status_message": task.outcome if task.status == FAILED else "",
        "model_name": task.request.model_name,
        "mode": task.request.mode,
        "duration": task.request.duration,
        "image_sha256": task.image_sha256,
        "callback_url": task.request.callback_url or None,
        "charged_units": plain(task.charged_units),
        "created_at": task.created_at,
        "updated_at": task.updated_at,
    }


def _info(task: Task) -> dict[str, object]:
    external = task.request.external_task_id
    return {"external_task_id": external} if external else {}


def _video(task: Task, address: str) -> dict[str, object]:
    """The duration is one frame longer than requested, as in the vendor's clips."""
    link = f"{address}/kling/videos/{task.task_id}.mp4"
    video: dict[str, object] = {
        "id": task.task_id,
        "url": link,
        "duration": f"{task.request.duration}.041",
    }
    if task.request.watermark:
        video["watermark_url"] = f"{link}?watermark=1"
    return video

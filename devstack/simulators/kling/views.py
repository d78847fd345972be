"""Tasks as Kling writes them on the wire, and as its books show them."""

from devstack.simulators.kling.pricing import plain
from devstack.simulators.kling.task_store import FAILED, SUCCEED, Task


def accepted(task: Task) -> dict[str, object]:
    """`data` of the answer to a create."""
    return {
        "task_id": task.task_id,
        "task_status": task.status,
        "task_info": _info(task),
        "created_at": task.created_at,
        "updated_at": task.updated_at,
    }


def whole(task: Task, address: str) -> dict[str, object]:
    """`data` of a query, and the bare body of a callback. `address` is the base of the result
    link."""
    view: dict[str, object] = {
        **accepted(task),
        "watermark_info": {"enabled": task.order.watermark},
        "task_result": {},
    }
    if task.status == SUCCEED:
        view["task_result"] = {"videos": [_video(task, address)]}
    if task.status == FAILED:
        view["task_status_msg"] = task.outcome
    if task.status in (SUCCEED, FAILED):
        view["final_unit_deduction"] = plain(task.charged_units)
    return view


def booked(task: Task) -> dict[str, object]:
    """One line of the books."""
    return {
        "task_id": task.task_id,
        "external_task_id": task.order.external_task_id or None,
        "status": task.status,
        "status_message": task.outcome if task.status == FAILED else "",
        "model_name": task.order.model_name,
        "mode": task.order.mode,
        "duration": task.order.duration,
        "image_sha256": task.image_sha256,
        "callback_url": task.order.callback_url or None,
        "charged_units": plain(task.charged_units),
        "created_at": task.created_at,
        "updated_at": task.updated_at,
    }


def _info(task: Task) -> dict[str, object]:
    external = task.order.external_task_id
    return {"external_task_id": external} if external else {}


def _video(task: Task, address: str) -> dict[str, object]:
    """The length is not the one ordered to the letter: the vendor's clips run a frame over."""
    link = f"{address}/kling/videos/{task.task_id}.mp4"
    video: dict[str, object] = {
        "id": task.task_id,
        "url": link,
        "duration": f"{task.order.duration}.041",
    }
    if task.order.watermark:
        video["watermark_url"] = f"{link}?watermark=1"
    return video

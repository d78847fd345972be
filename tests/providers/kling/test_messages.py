"""Which of Kling's message texts are about the user's picture or content, and which are not."""

import pytest

from service.providers.base import RejectionReason
from service.providers.kling.messages import (
    is_id_in_use,
    is_task_not_found,
    redacted,
    rejection_of,
)


@pytest.mark.parametrize(
    "message",
    [
        "Image pixel is invalid",
        "image pixel is invalid",
        "File is not in a valid base64 format",
        "Image size exceeds 10MB",
        "The image width must be at least 300px",
        "Image aspect ratio is out of range",
        "Invalid image format",
        "Failed to download image: https://images.example.com/a.jpg",
    ],
)
def test_a_message_about_the_picture_rejects_the_image(message: str) -> None:
    assert rejection_of(message) is RejectionReason.IMAGE


@pytest.mark.parametrize(
    "message",
    [
        "Failure to pass the risk control system",
        "content risk control",
        "The request violates the content security policy",
        "Your content policy check has failed",
        "The input may contain sensitive information",
    ],
)
def test_a_message_about_the_content_rejects_the_content(message: str) -> None:
    assert rejection_of(message) is RejectionReason.CONTENT


@pytest.mark.parametrize(
    "message",
    [
        "",
        "Invalid parameter",
        "mode value 'std' is invalid",
        "duration value '99' is invalid",
        "Duration only supports 5 or 10 seconds when no refer_image is provided",
        "image_tail is not supported by this model, mode and duration",
        "image_list is invalid",
        "image2video is not supported by this model",
        "Image is not supported by this model",
        "kling-v1-6 is not supported with motion brush",
        "the prompt is longer than 2500 characters",
        "callback_url must be an http(s) address",
        "contents cannot be empty",
        "Element id not found: 315187972322559",
        "model kling-v9 does not exist, see https://docs.example.com/image size/",
        "Internal error",
        "Failed to generate the video, please try again",
    ],
)
@pytest.mark.protocol("ours-not-theirs")
def test_every_other_message_is_no_fault_of_the_user(message: str) -> None:
    assert rejection_of(message) is None


def test_an_id_in_use_is_recognised() -> None:
    assert is_id_in_use("External_task_id job_1 already exists")
    assert not is_id_in_use("external_task_id must be a string")


def test_a_task_is_not_found_only_if_the_message_names_the_id_that_was_requested() -> None:
    message = "Task not found by id/external id: job_1"
    assert is_task_not_found(message, "job_1")
    assert not is_task_not_found(message, "job_12")
    assert not is_task_not_found(message, "ob_1")
    assert not is_task_not_found("Task not found", "job_1")


def test_a_logged_message_is_bounded_and_shows_no_address() -> None:
    assert redacted("see https://user.example/secret?x=1 now") == "see [address] now"
    assert len(redacted("x" * 1000)) == 200

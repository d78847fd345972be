import base64
import json

import pytest

from service.providers.kling.models import DURATIONS, MODELS, MODES
from tests.devstack.simulators.stack import Stack
from tests.doubles.pictures import in_base64, png

PNG = in_base64(png())
TAIL = "https://pictures.example/end.png"


def refusal(stack: Stack, **fields: object) -> tuple[int, int]:
    before = len(stack.tasks())
    response = stack.create(**fields)
    assert len(stack.tasks()) == before + (response.status_code == 200)
    return response.status_code, response.json()["code"]


@pytest.mark.parametrize(
    "fields",
    [
        {"image": None},
        {"image": ""},
        {"image": 7},
        {"image": f"data:image/png;base64,{PNG}"},
        {"image": "not base64 at all"},
        {"image": "https://"},
        {"image": "Https://pictures.example/start.png"},
        {"image": "https://pictures.example/refused-image.png"},
        {"image": f"{PNG[:76]}\n{PNG[76:]}"},
        {"image": base64.b64encode(bytes(10 * 1024 * 1024 + 1)).decode()},
        {"image_tail": f"data:image/png;base64,{PNG}"},
        {"mode": "fast"},
        {"mode": 1},
        {"mode": "4k"},
        {"duration": 5},
        {"duration": "7"},
        {"duration": "3"},
        {"model_name": "kling-v3", "duration": "16"},
        {"model_name": "kling-v3", "duration": "2"},
        {"model_name": 3},
        {"prompt": "x" * 2501},
        {"prompt": ["x"]},
        {"negative_prompt": "x" * 2501},
        {"cfg_scale": -0.1},
        {"cfg_scale": 1.1},
        {"cfg_scale": "0.5"},
        {"cfg_scale": True},
        {"sound": "loud"},
        {"sound": "on"},
        {"model_name": "kling-v2-6", "mode": "std", "sound": "on"},
        {"model_name": "kling-v1-5", "mode": "std", "image_tail": TAIL},
        {"model_name": "kling-v2-master", "mode": "pro", "image_tail": TAIL},
        {"model_name": "kling-v1", "duration": "10", "image_tail": TAIL},
        {"model_name": "kling-v2-6", "mode": "pro", "sound": "on", "image_tail": TAIL},
        {"image_tail": TAIL, "camera_control": {"type": "simple"}},
        {"watermark_info": True},
        {"watermark_info": {"enabled": "yes"}},
        {"callback_url": "ftp://files.example"},
        {"callback_url": "https://"},
        {"callback_url": 5},
        {"external_task_id": 12},
    ],
    ids=lambda fields: json.dumps(fields)[:60],
)
def test_a_value_that_is_not_allowed_is_1201_and_makes_no_task(
    shared: Stack, fields: dict[str, object]
) -> None:
    assert refusal(shared, **fields) == (400, 1201)


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"model_name": None},
        {"model_name": None, "model": "no-such-model"},
        {"image": PNG},
        {"image": None, "image_tail": PNG},
        {"image_tail": TAIL},
        {"mode": "pro", "duration": "10"},
        {"model_name": "kling-v3", "mode": "4k", "duration": "15"},
        {"model_name": "kling-v2-6", "mode": "pro", "sound": "on"},
        {"model_name": "kling-v2-6", "mode": "pro", "image_tail": TAIL},
        {"prompt": "x" * 2500, "negative_prompt": "x" * 2500},
        {"cfg_scale": 0},
        {"cfg_scale": 1},
        {"watermark_info": {"enabled": True}},
        {"something_else": [1]},
    ],
    ids=lambda fields: json.dumps(fields)[:60],
)
def test_what_the_documents_allow_is_taken(shared: Stack, fields: dict[str, object]) -> None:
    assert refusal(shared, **fields) == (200, 0)


@pytest.mark.parametrize("model", [*MODELS, "kling-v99"])
def test_the_simulator_takes_exactly_what_our_settings_allow(shared: Stack, model: str) -> None:
    for mode in MODES:
        for duration in DURATIONS:
            response = shared.create(model_name=model, mode=mode, duration=duration)
            known = MODELS.get(model)
            allowed = known and mode in known.modes and duration in known.durations
            assert (response.status_code == 200) == bool(allowed), (mode, duration)


def test_the_old_field_model_silently_gets_the_default(stack: Stack) -> None:
    stack.created(model_name=None, model="kling-v3")
    assert stack.tasks()[0]["model_name"] == "kling-v1"


def test_an_unknown_model_is_1203(shared: Stack) -> None:
    assert refusal(shared, model_name="kling-v99") == (404, 1203)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'"x"', b"\xff\xfe", b"[" * 100_000])
def test_a_body_that_is_no_json_object_is_1200(shared: Stack, body: bytes) -> None:
    response = shared.kling("POST", data=body)
    assert (response.status_code, response.json()["code"]) == (400, 1200)


def test_a_text_that_is_no_unicode_is_still_taken(shared: Stack) -> None:
    response = shared.kling("POST", data=b'{"image": "https://pictures.example/\\ud800.png"}')
    assert response.status_code == 200

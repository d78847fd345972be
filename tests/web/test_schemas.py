import pytest
from marshmallow import ValidationError, fields, validate

from service.web.schemas import (
    CreditsInput,
    EitherSchema,
    Flag,
    IdInput,
    IntegerInput,
    StrictSchema,
    Text,
)


class Inner(StrictSchema):
    word = Text(max_length=3)


class Sample(StrictSchema):
    name = Text(data_key="theName", required=True, max_length=5)
    maybe = Text(max_length=5, min_length=0, allow_none=True)
    inner = fields.Nested(Inner)
    count = IntegerInput()
    paid = CreditsInput(minimum=1, maximum=2500, metadata={"example": 2})


SAMPLE = Sample()


def faults(content: object) -> dict[str, object]:
    with pytest.raises(ValidationError) as caught:
        SAMPLE.load(content)  # type: ignore[arg-type]
    return dict(caught.value.messages_dict)


def test_good_fields_are_loaded_under_our_names() -> None:
    assert SAMPLE.load({"theName": "née 🚀"}) == {"name": "née 🚀"}
    assert SAMPLE.load({"theName": "a", "maybe": ""}) == {"name": "a", "maybe": ""}
    assert SAMPLE.load({"theName": "a", "maybe": None}) == {"name": "a", "maybe": None}


@pytest.mark.parametrize("value", [1, 1.5, True, False, [], {}, ["a"]])
def test_nothing_but_text_is_text(value: object) -> None:
    assert faults({"theName": value}) == {"theName": ["Must be a string."]}


@pytest.mark.parametrize("value", ["", "toolong", "🚀" * 6])
def test_length_is_counted_in_characters(value: str) -> None:
    assert faults({"theName": value}) == {"theName": ["Must have 1 to 5 characters."]}


@pytest.mark.parametrize(
    "character", ["\0", "\n", "\r", "\t", "\x1b", "\x7f", "\x85", "\x9f", "\udfff"]
)
def test_control_characters_are_refused(character: str) -> None:
    assert faults({"theName": f"a{character}b"}) == {
        "theName": ["Must not contain control characters."]
    }


def test_joiners_and_unusual_spaces_are_text_like_any_other() -> None:
    assert SAMPLE.load({"theName": "a\u200db\u00a0c"})


class Others(StrictSchema):
    """Fields of the library's own, and ours without words of their own."""

    words = fields.List(Text(max_length=3), required=True, data_key="theWords")
    flag = Flag(required=True)
    inner = fields.Nested(Inner, required=True)


def test_every_field_says_in_the_same_words_that_it_is_missing_or_null() -> None:
    names = ("theWords", "flag", "inner")
    with pytest.raises(ValidationError) as missing:
        Others().load({})
    assert missing.value.messages == {name: ["Is required."] for name in names}
    with pytest.raises(ValidationError) as null:
        Others().load(dict.fromkeys(names))
    assert null.value.messages == {name: ["Must not be null."] for name in names}


def test_what_is_missing_null_or_unknown_is_named() -> None:
    assert faults({}) == {"theName": ["Is required."]}
    assert faults({"theName": None}) == {"theName": ["Must not be null."]}
    assert faults({"theName": "a", "name": "b", "price": 0}) == {
        "name": ["Is not known."],
        "price": ["Is not known."],
    }
    assert faults({"theName": "a", "inner": {"word": "a", "x": 1}}) == {
        "inner": {"x": ["Is not known."]}
    }


def test_the_bounds_can_be_read_by_the_document() -> None:
    [length] = [
        rule for rule in SAMPLE.fields["name"].validators if isinstance(rule, validate.Length)
    ]
    assert (length.min, length.max) == (1, 5)
    metadata = SAMPLE.fields["paid"].metadata
    assert metadata == {"example": 2, "minimum": 0.001, "maximum": 2.5}


@pytest.mark.parametrize("value", [5, 5.0])
def test_a_number_without_a_fraction_is_whole_as_in_json_schema(value: object) -> None:
    loaded = SAMPLE.load({"theName": "a", "count": value})
    assert (loaded["count"], type(loaded["count"])) == (5, int)


@pytest.mark.parametrize("value", [5.5, "5", True, [5], float("inf"), float("nan")])
def test_nothing_else_is_a_whole_number(value: object) -> None:
    assert faults({"theName": "a", "count": value}) == {"count": ["Must be a whole number."]}


class Either(EitherSchema):
    alternatives = ("theLink", "theId")

    link = Text(data_key="theLink", max_length=9, allow_none=False)
    id = IdInput("upl", data_key="theId", allow_none=False)
    word = Text(required=True, max_length=3)


ID = f"upl_{'0' * 26}"


@pytest.mark.parametrize("given", [{"theLink": "a"}, {"theId": ID}])
def test_a_body_has_one_of_two_fields(given: dict[str, str]) -> None:
    assert len(Either().load({"word": "a", **given})) == 2


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"word": "a"}, {"theLink": ["Is required without theId."]}),
        (
            {"word": "a", "theLink": "a", "theId": ID},
            {"theId": ["Send either theLink or theId."]},
        ),
        ({"word": "a", "theLink": None}, {"theLink": ["Must not be null."]}),
        (
            {"theLink": 1, "theId": ID},
            {
                "theLink": ["Must be a string."],
                "word": ["Is required."],
                "theId": ["Send either theLink or theId."],
            },
        ),
    ],
)
def test_neither_or_both_of_two_fields_are_refused_by_name(
    given: dict[str, object], fault: dict[str, list[str]]
) -> None:
    with pytest.raises(ValidationError) as caught:
        Either().load(given)
    assert caught.value.messages_dict == fault


@pytest.mark.parametrize(
    "wrong", ["", "upl_", f"{ID}0", f"{ID}\n", f" {ID}", f"UPL_{'0' * 26}", f"upl_{'u' * 26}"]
)
def test_what_is_no_id_of_that_kind_is_refused(wrong: str) -> None:
    with pytest.raises(ValidationError, match="Must"):
        Either().load({"word": "a", "theId": wrong})

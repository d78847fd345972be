"""What may be sent as an image, and the one form in which it is used."""

import base64

import pytest

from service.videos.entities import ImageTooLarge, ImageUnusable
from service.videos.images import check_address, check_bytes, is_address, normalised
from tests.doubles.pictures import MEGABYTE, in_base64, jpeg, padded, png

PNG, JPEG = in_base64(png()), in_base64(jpeg())


@pytest.mark.parametrize(
    "image",
    [PNG, JPEG, in_base64(png(300, 300)), in_base64(jpeg(750, 300)), in_base64(png(300, 750))],
)
def test_a_picture_within_the_bounds_is_taken_as_it_is(image: str) -> None:
    assert normalised(image) == image
    check_bytes(image)


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        (in_base64(png(100, 100)), "100 x 100 pixels; each side must have at least 300"),
        (in_base64(png(299, 299)), "299 x 299 pixels"),
        (in_base64(jpeg(299, 400)), "299 x 400 pixels"),
        (in_base64(jpeg(400, 299)), "400 x 299 pixels"),
        (in_base64(png(1200, 400)), "at most 2.5 times"),
        (in_base64(png(300, 751)), "at most 2.5 times"),
        (in_base64(png()[:40]), "cut off"),
        (in_base64(jpeg()[:40]), "cut off"),
        ("R0lGODlhAQABAAAAACw=", "neither a JPEG nor a PNG"),
        ("not base64!", "imageUrl must be"),
        ("", "neither"),
        (PNG[:-1], "imageUrl must be"),
    ],
)
def test_a_picture_outside_the_bounds_is_refused_with_what_is_wrong(
    image: str, sentence: str
) -> None:
    with pytest.raises(ImageUnusable, match=sentence):
        check_bytes(normalised(image))


def test_a_picture_may_have_10_mb_and_no_more() -> None:
    check_bytes(in_base64(padded(jpeg(), 10 * MEGABYTE)))
    with pytest.raises(ImageTooLarge):
        check_bytes(in_base64(padded(jpeg(), 10 * MEGABYTE + 1)))


@pytest.mark.parametrize("picture", [png(), jpeg()])
@pytest.mark.parametrize("kind", ["mime", "crlf", "tabs", "around"])
def test_whitespace_in_base64_is_removed(picture: bytes, kind: str) -> None:
    text = in_base64(picture)
    broken = {
        "mime": base64.encodebytes(picture).decode(),
        "crlf": base64.encodebytes(picture).decode().replace("\n", "\r\n"),
        "tabs": "\t" + text[:10] + " \t" + text[10:],
        "around": f" \n{text}\n",
    }[kind]
    assert normalised(broken) == text


@pytest.mark.parametrize(
    ("prefix", "image"),
    [
        ("data:image/png;base64,", PNG),
        ("data:image/jpeg;base64,", JPEG),
        ("data:image/jpg;base64,", JPEG),
        ("DATA:Image/PNG;BASE64,", PNG),
        ("\n data:image/png;base64,\n", PNG),
    ],
)
def test_a_data_url_that_fits_its_picture_is_the_picture(prefix: str, image: str) -> None:
    assert normalised(prefix + image) == image


@pytest.mark.parametrize(
    ("image", "sentence"),
    [
        (f"data:image/png;base64,{JPEG}", "says image/png, but the image is a JPEG"),
        (f"data:image/jpeg;base64,{PNG}", "says image/jpeg, but the image is a PNG"),
        (f"data:image/webp;base64,{PNG}", "must begin with data:image/png"),
        (f"data:image/png,{PNG}", "must begin with"),
        (f"data:;base64,{PNG}", "must begin with"),
        (f"data:text/html,http://{PNG[:8]}", "must begin with"),
        ("data:", "must begin with"),
    ],
)
def test_a_data_url_that_does_not_fit_is_refused_with_what_is_wrong(
    image: str, sentence: str
) -> None:
    with pytest.raises(ImageUnusable, match=sentence):
        normalised(image)


def test_what_is_left_of_a_data_url_is_checked_like_any_picture() -> None:
    with pytest.raises(ImageUnusable, match="cut off"):
        check_bytes(normalised("data:image/png;base64,iVBORw0KGgo="))


def test_an_address_is_normalised_in_scheme_and_host_alone() -> None:
    image = "Https://Images.Example.com/A.jpg?Signature=Bb"
    assert normalised(image) == "https://images.example.com/A.jpg?Signature=Bb"
    check_address(normalised(image))


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("https://a.example/b", True),
        ("\thttps://a.example/b", True),
        ("//a.example/b", True),
        ("data:text/html,http://a.example", False),
        (PNG, False),
        (JPEG, False),
        ("", False),
    ],
)
def test_an_address_is_distinguished_from_base64_by_its_beginning(text: str, address: bool) -> None:
    assert is_address(text) is address

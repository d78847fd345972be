import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.core.public_urls import AddressRefused, check_public_url

GOOD = [
    "https://images.example.com/astronaut.jpg",
    "HTTPS://Images.Example.COM/Astronaut.JPG",
    "https://example.com",
    "https://example.com?",
    "https://example.com#top",
    "https://example.com:443/a.png",
    "https://a.b.c.d.e.example.co.uk/x",
    "https://xn--bcher-kva.example/bild.jpg",
    "https://xn--fsqu00a.xn--0zwm56d/x.png",
    "https://my-bucket.s3.eu-west-1.amazonaws.com/k?X-Amz-Signature=0a&X-Amz-Date=20261121T000000Z",
    "https://under_score.example.com/a",
    "https://1.example.com/a",
    "https://127.0.0.1.example.com/a",
    "https://0x7f.example.com/a",
    "https://localhost.example.com/a",
    "https://internal.example.com/a",
    "https://93.184.215.14/a.jpg",
    "https://8.8.8.8:443/a.jpg",
    "https://[2606:4700:4700::1111]/a.jpg",
    "https://[2001:4860:4860:0:0:0:0:8888]:443/a.jpg",
    "https://example.com/bücher/🚀.jpg",
    "https://example.com/http://127.0.0.1/",
    "https://example.com/?url=http://user@169.254.169.254:80/",
    "https://example.com/#@127.0.0.1",
    "https://example.com/a%20b.jpg?" + "q" * 1900,
    "https://bucket.s3.amazonaws.com/a.jpg?X-Amz-Security-Token=" + "q" * 2251,
    "https://example.com/" + "a" * 8172,
]

# What a host may look like on its way to somewhere internal. Each is tried as https://<host>/a.jpg.
BAD_HOSTS = [
    # loopback and its spellings
    "127.0.0.1",
    "127.0.0.2",
    "127.255.255.254",
    "127.1",
    "127.0.1",
    "2130706433",
    "0x7f000001",
    "0X7F000001",
    "0x7f.0.0.1",
    "0x7f.1",
    "0177.0.0.1",
    "0177.1",
    "017700000001",
    "00000177.0.0.1",
    "127.0.0.0x1",
    "127.0.0.01",
    "127.0.0.1.",
    "0x.0x.0x.0x",
    "0",
    "0.0.0.0",
    "0.1.2.3",
    # private and shared
    "10.0.0.1",
    "10.1",
    "0xa000001",
    "012.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "192.168.257",
    "3232235777",
    "100.64.0.1",
    "100.100.100.200",
    # metadata
    "169.254.169.254",
    "169.254.170.2",
    "169.254.43518",
    "2852039166",
    "0xa9fea9fe",
    "0xa9.0xfe.0xa9.0xfe",
    "0251.0376.0251.0376",
    "169.254.169.254.",
    "169.254.0xa9fe",
    "0xa9.254.0251.254",
    "025177524776",
    "7147006462",
    "169.254.169.254%2f.example.com",
    "１６９.２５４.１６９.２５４",
    "169。254。169。254",
    "16⁹.254.169.254",
    "example.com@169.254.169.254",
    "169.254.169.254\\.example.com",
    "169.254.169.254\t",
    "169.254\n.169.254",
    "168.63.129.16",
    "192.0.0.192",
    "metadata.google.internal",
    "METADATA.google.INTERNAL",
    # special
    "192.0.0.8",
    "192.0.2.1",
    "192.88.99.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.9",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    # no address at all, though it ends in a number
    "256.1.1.1",
    "1.2.3.4.5",
    "1.1.1.999",
    "example.123",
    "example.0x1f",
    "8.8",
    "134744072",
    "010.010.010.010",
    # IPv6
    "[::1]",
    "[0:0:0:0:0:0:0:1]",
    "[::]",
    "[::127.0.0.1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:7f00:1]",
    "[::ffff:169.254.169.254]",
    "[::ffff:8.8.8.8]",
    "[::ffff:0:127.0.0.1]",
    "[::ffff:a9fe:a9fe]",
    "[::ffff:0:a9fe:a9fe]",
    "[0:0:0:0:0:ffff:169.254.169.254]",
    "[0000:0000:0000:0000:0000:ffff:a9fe:a9fe]",
    "[::169.254.169.254]",
    "[64:ff9b::169.254.169.254]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b:1::a9fe:a9fe]",
    "[2002:a9fe:a9fe::]",
    "[2002:7f00:1::1]",
    "[2002:a9fe:a9fe::169.254.169.254]",
    "[2001:0:a9fe:a9fe::1]",
    "[2001:0:4136:e378:8000:63bf:5601:5601]",
    "[2001::1]",
    "[2001:0:4136:e378:8000:63bf:3fff:fdd2]",
    "[2001:db8::1]",
    "[3fff::1]",
    "[2606:4700::5efe:a00:1]",
    "[2606:4700::200:5efe:127.0.0.1]",
    "[5f00::1]",
    "[100::1]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "[fe80::1%eth0]",
    "[fe80::1%25eth0]",
    "[2606:4700:4700::1111%eth0]",
    "[2606:4700:4700::1111%25eth0]",
    "[fec0::1]",
    "[ff02::1]",
    "[4000::1]",
    "[::1",
    "::1",
    "[]",
    "[1.2.3.4]",
    "[example.com]",
    "[2606:4700::]]",
    "[[2606:4700::]]",
    # names
    "localhost",
    "LOCALHOST",
    "localhost.",
    "foo.localhost",
    "localhost.localdomain",
    "printer.local",
    "db.internal",
    "nas.lan",
    "router.home.arpa",
    "wiki.corp",
    "server",
    "example.com.",
    "example..com",
    ".example.com",
    "-a.example.com",
    "a-.example.com",
    "a" * 64 + ".com",
    ".".join(["a" * 60] * 5) + ".com",
    "exam!ple.com",
    "example.com,evil.com",
    # other letters
    "１２７.０.０.１",
    "127。0。0。1",
    "①②⑦.0.0.1",
    "ⅼocalhost",
    "local\u00adhost",
    "local\ufe0fhost",
    "bücher.example",
    "exa\u200dmple.com",
    "%31%32%37.0.0.1",
    "127%2e0.0.1",
    "localhos%74",
    "example.com%00.evil.com",
    # ports, credentials, and what hides them
    "example.com:80",
    "example.com:8443",
    "example.com:0443",
    "example.com:",
    "example.com:443:443",
    "example.com:-443",
    "example.com:４４３",
    "8.8.8.8:22",
    "[2606:4700:4700::1111]:22",
    "[2606:4700:4700::1111]443",
    "user@example.com",
    "user:password@example.com",
    "example.com@127.0.0.1",
    "@example.com",
    ":@example.com",
    "example.com%40127.0.0.1",
    "",
    ":443",
]

BAD_URLS = [
    "",
    "https",
    "https:",
    "https:/",
    "https://",
    "https:///example.com/a",
    "https:/example.com/a",
    "https:example.com",
    "//example.com/a",
    "example.com/a",
    "http://example.com/a",
    "ftp://example.com/a",
    "file:///etc/passwd",
    "gopher://example.com/",
    "data:image/png;base64,AAAA",
    "javascript:alert(1)",
    "https+x://example.com/",
    " https://example.com/a",
    "https://example.com/a ",
    "https://example.com/a b",
    "https://example.com/a\tb",
    "https://example.com/a\r\nHost: x",
    "https://exa\nmple.com/",
    "https://example.com/\x00",
    "https://example.com\\@127.0.0.1/",
    "https:\\\\example.com/",
    "https://example.com/a\\b.jpg",
    "https://example.com/\u202egpj.exe",
    "https://example.com/\ud800",
    "https://example.com/" + "a" * 8173,
    "ｈttps://example.com/",
]


@pytest.mark.parametrize("url", GOOD)
def test_a_public_address_is_taken(url: str) -> None:
    check_public_url(url)


@pytest.mark.parametrize("host", BAD_HOSTS)
def test_a_host_that_is_not_plainly_public_is_refused(host: str) -> None:
    for url in (
        f"https://{host}/a.jpg",
        f"https://{host}",
        f"https://{host}?a",
        f"https://{host}#a",
    ):
        with pytest.raises(AddressRefused):
            check_public_url(url)


@pytest.mark.parametrize("url", BAD_URLS)
def test_what_is_not_a_plain_https_address_is_refused(url: str) -> None:
    with pytest.raises(AddressRefused):
        check_public_url(url)


def test_a_refusal_says_why_without_repeating_the_address() -> None:
    for url, reason in {
        "http://secret.example.com": "https",
        "https://secret@example.com": "user name",
        "https://secret.example.com:8080": "port 443",
        "https://10.11.12.13": "not public",
        "https://secret.local": "internal",
        "https://sécret.example": "xn--",
        "https://0x7f.1": "usual form",
    }.items():
        with pytest.raises(AddressRefused, match=reason) as caught:
            check_public_url(url)
        assert caught.value.code == "IMAGE_URL_REFUSED"
        assert "secret" not in caught.value.message


@given(st.integers(0, 2**32 - 1))
def test_an_ipv4_address_is_only_ever_taken_in_its_usual_form(number: int) -> None:
    for host in (
        str(number),
        hex(number),
        oct(number).replace("o", ""),
        f"{number >> 24}.{number & 0xFFFFFF}",
    ):
        with pytest.raises(AddressRefused):
            check_public_url(f"https://{host}/")


@given(st.integers(0, 2**32 - 1))
def test_an_ipv4_address_inside_ipv6_is_never_taken(number: int) -> None:
    dotted = ".".join(str(number >> shift & 255) for shift in (24, 16, 8, 0))
    high, low = f"{number >> 16:x}", f"{number & 0xFFFF:x}"
    for host in (
        f"::{dotted}",
        f"::ffff:{dotted}",
        f"64:ff9b::{dotted}",
        f"2002:{high}:{low}::1",
        f"2001:0:{high}:{low}::1",
    ):
        with pytest.raises(AddressRefused):
            check_public_url(f"https://[{host}]/")


@given(st.text(max_size=80))
def test_any_text_is_taken_or_refused(text: str) -> None:
    for url in (text, f"https://{text}"):
        try:
            check_public_url(url)
        except AddressRefused:
            continue
        assert url.lower().startswith("https://")

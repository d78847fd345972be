"""Tokens that claim to be Google's and must be rejected, each with the reason."""

import json
from collections.abc import Callable

import jwt
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from service.identity.entities import Rejection
from service.identity.token_format import MAX_TOKEN
from tests.identity.issuer import CLIENT, REMOVE, Issuer, rsa_key, segment


def public_pem() -> bytes:
    return rsa_key("one").public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def public_der() -> bytes:
    return rsa_key("one").public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def by_elliptic_curve(issuer: Issuer) -> str:
    return jwt.encode(
        issuer.claims(), ec.generate_private_key(ec.SECP256R1()), "ES256", {"kid": "one"}
    )


def by_longer_hash(issuer: Issuer) -> str:
    return jwt.encode(issuer.claims(), rsa_key("one"), "RS512", {"kid": "one"})


def by_other_padding(issuer: Issuer) -> str:
    return jwt.encode(issuer.claims(), rsa_key("one"), "PS256", {"kid": "one"})


def tampered(issuer: Issuer, part: int, content: object) -> str:
    parts = issuer.token().split(".")
    parts[part] = segment(content)
    return ".".join(parts)


def flipped(issuer: Issuer) -> str:
    start, signature = issuer.token().rsplit(".", 1)
    return f"{start}.{'A' if signature[0] != 'A' else 'B'}{signature[1:]}"


def respelt(issuer: Issuer) -> str:
    """The last letter of the signature with one of its spare bits set."""
    token = issuer.token()
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return token[:-1] + letters[letters.index(token[-1]) + 1]


def cut_short(issuer: Issuer) -> str:
    start, signature = issuer.token().rsplit(".", 1)
    return f"{start}.{signature[:320]}"


def nested_header(issuer: Issuer) -> str:
    return issuer.signed(
        b'{"alg":"RS256","kid":"one","x":' + b"[" * 2500 + b"]" * 2500 + b"}",
        json.dumps(issuer.claims()).encode(),
    )


CORPUS: dict[str, tuple[Callable[[Issuer], str], Rejection]] = {
    # algorithm
    "alg none, no signature": (
        lambda i: f"{segment({'alg': 'none', 'kid': 'one'})}.{segment(i.claims())}.",
        Rejection.MALFORMED,
    ),
    "alg none": (lambda i: i.token(header={"alg": "none"}), Rejection.ALGORITHM),
    "alg None": (lambda i: i.token(header={"alg": "None"}), Rejection.ALGORITHM),
    "alg NONE": (lambda i: i.token(header={"alg": "NONE"}), Rejection.ALGORITHM),
    "alg missing": (lambda i: i.token(header={"alg": REMOVE}), Rejection.ALGORITHM),
    "alg empty": (lambda i: i.token(header={"alg": ""}), Rejection.ALGORITHM),
    "alg null": (lambda i: i.token(header={"alg": None}), Rejection.ALGORITHM),
    "alg a list": (lambda i: i.token(header={"alg": ["RS256"]}), Rejection.ALGORITHM),
    "alg in lower case": (lambda i: i.token(header={"alg": "rs256"}), Rejection.ALGORITHM),
    "HS256 with the public key as PEM": (
        lambda i: i.with_secret("HS256", public_pem()),
        Rejection.ALGORITHM,
    ),
    "HS256 with the public key as DER": (
        lambda i: i.with_secret("HS256", public_der()),
        Rejection.ALGORITHM,
    ),
    "HS512 with the public key": (
        lambda i: i.with_secret("HS512", public_pem()),
        Rejection.ALGORITHM,
    ),
    "HS256 with nothing": (lambda i: i.with_secret("HS256", b""), Rejection.ALGORITHM),
    "ES256": (by_elliptic_curve, Rejection.ALGORITHM),
    "RS512": (by_longer_hash, Rejection.ALGORITHM),
    "PS256": (by_other_padding, Rejection.ALGORITHM),
    # type and extensions
    "an access token": (lambda i: i.token(header={"typ": "at+jwt"}), Rejection.TYPE),
    "typ JWE": (lambda i: i.token(header={"typ": "JWE"}), Rejection.TYPE),
    "typ null": (lambda i: i.token(header={"typ": None}), Rejection.TYPE),
    "typ a number": (lambda i: i.token(header={"typ": 1}), Rejection.TYPE),
    "unknown crit": (lambda i: i.token(header={"crit": ["x"], "x": 1}), Rejection.MALFORMED),
    "empty crit": (lambda i: i.token(header={"crit": []}), Rejection.MALFORMED),
    "known crit": (lambda i: i.token(header={"crit": ["b64"], "b64": True}), Rejection.MALFORMED),
    "b64 false, detached": (
        lambda i: (
            segment({"alg": "RS256", "kid": "one", "b64": False, "crit": ["b64"]})
            + ".."
            + segment(b"x" * 256)
        ),
        Rejection.MALFORMED,
    ),
    # key
    "kid missing": (lambda i: i.token(header={"kid": REMOVE}), Rejection.KEY),
    "kid unknown": (lambda i: i.token(kid="other"), Rejection.KEY),
    "kid empty": (lambda i: i.token(header={"kid": ""}), Rejection.KEY),
    "kid a path": (lambda i: i.token(header={"kid": "../../../../dev/null"}), Rejection.KEY),
    "kid an address": (
        lambda i: i.token(header={"kid": "https://evil.example/key"}),
        Rejection.KEY,
    ),
    "kid an injection": (lambda i: i.token(header={"kid": "one' OR '1'='1"}), Rejection.KEY),
    "kid in another case": (lambda i: i.token(header={"kid": "ONE"}), Rejection.KEY),
    "kid a number": (lambda i: i.token(header={"kid": 1}), Rejection.MALFORMED),
    "kid a list": (lambda i: i.token(header={"kid": ["one"]}), Rejection.MALFORMED),
    "other key under a known kid": (
        lambda i: i.signed(
            {"alg": "RS256", "kid": "one"}, json.dumps(i.claims()).encode(), "other"
        ),
        Rejection.SIGNATURE,
    ),
    "own key in jwk": (
        lambda i: i.signed(
            {"alg": "RS256", "kid": "one", "jwk": {"kty": "RSA"}},
            json.dumps(i.claims()).encode(),
            "other",
        ),
        Rejection.SIGNATURE,
    ),
    "own key in jku": (
        lambda i: i.signed(
            {"alg": "RS256", "kid": "one", "jku": i.publisher.url},
            json.dumps(i.claims()).encode(),
            "other",
        ),
        Rejection.SIGNATURE,
    ),
    "own certificate in x5u and x5c": (
        lambda i: i.signed(
            {"alg": "RS256", "kid": "one", "x5u": i.publisher.url, "x5c": ["x"]},
            json.dumps(i.claims()).encode(),
            "other",
        ),
        Rejection.SIGNATURE,
    ),
    # signature
    "payload changed": (lambda i: tampered(i, 1, i.claims(sub="1")), Rejection.SIGNATURE),
    "header changed": (
        lambda i: tampered(i, 0, {"alg": "RS256", "kid": "one", "typ": "jwt"}),
        Rejection.SIGNATURE,
    ),
    "signature changed": (flipped, Rejection.SIGNATURE),
    "signature of another token": (
        lambda i: i.token().rsplit(".", 1)[0] + "." + i.token(sub="1").rsplit(".", 1)[1],
        Rejection.SIGNATURE,
    ),
    "signature spelt otherwise": (respelt, Rejection.MALFORMED),
    "signature cut short": (cut_short, Rejection.SIGNATURE),
    "signature of one byte": (lambda i: i.token().rsplit(".", 1)[0] + ".AA", Rejection.SIGNATURE),
    # form
    "nothing": (lambda i: "", Rejection.MALFORMED),
    "a word": (lambda i: "hello", Rejection.MALFORMED),
    "two segments": (lambda i: i.token().rsplit(".", 1)[0], Rejection.MALFORMED),
    "four segments": (lambda i: i.token() + ".AAAA", Rejection.MALFORMED),
    "five segments": (lambda i: i.token() + ".AAAA.AAAA", Rejection.MALFORMED),
    "an empty segment in front": (lambda i: "." + i.token(), Rejection.MALFORMED),
    "no signature": (lambda i: i.token().rsplit(".", 1)[0] + ".", Rejection.MALFORMED),
    "padding": (lambda i: i.token() + "==", Rejection.MALFORMED),
    "the other base64": (lambda i: i.token().rsplit(".", 1)[0] + ".++//", Rejection.MALFORMED),
    "white space behind": (lambda i: i.token() + "\n", Rejection.MALFORMED),
    "other letters": (lambda i: i.token() + "é", Rejection.MALFORMED),
    "too long": (lambda i: i.token(filler="x" * MAX_TOKEN), Rejection.MALFORMED),
    "a header that is no JSON": (lambda i: tampered(i, 0, b"{"), Rejection.MALFORMED),
    "a header that is a list": (lambda i: tampered(i, 0, ["RS256"]), Rejection.MALFORMED),
    "a header of bytes": (lambda i: tampered(i, 0, b"\xff\xfe"), Rejection.MALFORMED),
    "a header nested beyond reason": (nested_header, Rejection.MALFORMED),
    "a payload that is no JSON": (
        lambda i: i.signed({"alg": "RS256", "kid": "one"}, b"{"),
        Rejection.MALFORMED,
    ),
    "a payload that is a list": (
        lambda i: i.signed({"alg": "RS256", "kid": "one"}, b"[]"),
        Rejection.MALFORMED,
    ),
    # claims
    "iss wrong": (
        lambda i: i.token(iss="https://accounts.google.com.evil.example"),
        Rejection.ISSUER,
    ),
    "iss with http": (lambda i: i.token(iss="http://accounts.google.com"), Rejection.ISSUER),
    "iss with a slash": (lambda i: i.token(iss="https://accounts.google.com/"), Rejection.ISSUER),
    "iss missing": (lambda i: i.token(iss=REMOVE), Rejection.ISSUER),
    "iss a list": (lambda i: i.token(iss=["https://accounts.google.com"]), Rejection.ISSUER),
    "iss Firebase": (lambda i: i.token(iss="https://securetoken.google.com/x"), Rejection.ISSUER),
    "aud wrong": (lambda i: i.token(aud="evil.apps.example"), Rejection.AUDIENCE),
    "aud missing": (lambda i: i.token(aud=REMOVE), Rejection.AUDIENCE),
    "aud empty": (lambda i: i.token(aud=""), Rejection.AUDIENCE),
    "aud a list with ours": (lambda i: i.token(aud=[CLIENT]), Rejection.AUDIENCE),
    "aud a list with ours and another's": (
        lambda i: i.token(aud=["evil.apps.example", CLIENT]),
        Rejection.AUDIENCE,
    ),
    "aud in another case": (lambda i: i.token(aud=CLIENT.upper()), Rejection.AUDIENCE),
    "azp ours, aud not": (
        lambda i: i.token(aud="evil.apps.example", azp=CLIENT),
        Rejection.AUDIENCE,
    ),
    "exp past": (lambda i: i.token(exp=i.now - 60), Rejection.EXPIRED),
    "exp long past": (lambda i: i.token(iat=0, exp=1), Rejection.EXPIRED),
    "exp missing": (lambda i: i.token(exp=REMOVE), Rejection.CLAIMS),
    "exp text": (lambda i: i.token(exp=str(i.now + 60)), Rejection.CLAIMS),
    "exp true": (lambda i: i.token(exp=True), Rejection.CLAIMS),
    "exp null": (lambda i: i.token(exp=None), Rejection.CLAIMS),
    "exp infinite": (lambda i: i.token(exp=float("inf")), Rejection.CLAIMS),
    "exp not a number": (lambda i: i.token(exp=float("nan")), Rejection.CLAIMS),
    "exp beyond all time": (lambda i: i.token(exp=10**400), Rejection.CLAIMS),
    "exp negative": (lambda i: i.token(exp=-1), Rejection.CLAIMS),
    "iat future": (lambda i: i.token(iat=i.now + 61), Rejection.NOT_YET_VALID),
    "iat future, nbf past": (lambda i: i.token(iat=i.now + 61, nbf=0), Rejection.NOT_YET_VALID),
    "iat missing": (lambda i: i.token(iat=REMOVE), Rejection.CLAIMS),
    "iat text": (lambda i: i.token(iat=str(i.now)), Rejection.CLAIMS),
    "nbf future": (lambda i: i.token(nbf=i.now + 61), Rejection.NOT_YET_VALID),
    "nbf text": (lambda i: i.token(nbf="0"), Rejection.CLAIMS),
    "nbf null": (lambda i: i.token(nbf=None), Rejection.CLAIMS),
    "sub missing": (lambda i: i.token(sub=REMOVE), Rejection.SUBJECT),
    "sub empty": (lambda i: i.token(sub=""), Rejection.SUBJECT),
    "sub a number": (lambda i: i.token(sub=110248495921238986420), Rejection.SUBJECT),
    "sub with a meaning in keys": (lambda i: i.token(sub="1#2"), Rejection.SUBJECT),
    "sub with a slash": (lambda i: i.token(sub="a/b"), Rejection.SUBJECT),
    "sub with a line end": (lambda i: i.token(sub="110\n"), Rejection.SUBJECT),
    "sub with other digits": (lambda i: i.token(sub="١١٠"), Rejection.SUBJECT),
    "sub of a password account": (lambda i: i.token(sub="usr_01jx"), Rejection.SUBJECT),
    "sub of a password account in capitals": (lambda i: i.token(sub="USR_1"), Rejection.SUBJECT),
    "sub of a Cognito user": (
        lambda i: i.token(sub="e4c8a4d8-30f1-70a6-b7a0-0123456789ab"),
        Rejection.SUBJECT,
    ),
    "sub of a Cognito user in capitals": (
        lambda i: i.token(sub="E4C8A4D8-30F1-70A6-B7A0-0123456789AB"),
        Rejection.SUBJECT,
    ),
    "iss repeated": (
        lambda i: i.signed(
            {"alg": "RS256", "kid": "one"},
            b'{"iss":"https://evil.example",' + json.dumps(i.claims()).encode()[1:],
        ),
        Rejection.MALFORMED,
    ),
    "alg repeated": (
        lambda i: i.signed(
            b'{"alg":"none","alg":"RS256","kid":"one"}', json.dumps(i.claims()).encode()
        ),
        Rejection.MALFORMED,
    ),
    "sub too long": (lambda i: i.token(sub="1" * 256), Rejection.SUBJECT),
}

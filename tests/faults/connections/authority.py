"""Certificates of a server in tests, right and wrong ones."""

import datetime
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

HOST = "dynamodb.example.com"
HOUR = datetime.timedelta(hours=1)

_Key = ec.EllipticCurvePrivateKey


@dataclass(frozen=True)
class Certificates:
    """What clients trust, and what the server can show them."""

    trusting: ssl.SSLContext
    good: ssl.SSLContext
    wrong_name: ssl.SSLContext
    expired: ssl.SSLContext
    unknown_authority: ssl.SSLContext


def make_certificates(folder: Path) -> Certificates:
    """Good for an hour. Writes into that folder."""
    known, unknown = _Authority("known"), _Authority("unknown")
    root = folder / "root.pem"
    root.write_bytes(known.certificate.public_bytes(serialization.Encoding.PEM))
    now = datetime.datetime.now(datetime.UTC)
    return Certificates(
        trusting=ssl.create_default_context(cafile=str(root)),
        good=known.serving(folder / "good.pem", HOST, now + HOUR),
        wrong_name=known.serving(folder / "name.pem", "another.example.com", now + HOUR),
        expired=known.serving(folder / "expired.pem", HOST, now - HOUR),
        unknown_authority=unknown.serving(folder / "unknown.pem", HOST, now + HOUR),
    )


class _Authority:
    def __init__(self, name: str) -> None:
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name(name)
        until = datetime.datetime.now(datetime.UTC) + HOUR
        self.certificate = (
            _certificate(self._name, self._name, self._key, until)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(self._key, hashes.SHA256())
        )

    def serving(self, file: Path, host: str, until: datetime.datetime) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        names = x509.SubjectAlternativeName([x509.DNSName(host)])
        certificate = (
            _certificate(_name(host), self._name, key, until)
            .add_extension(names, critical=False)
            .sign(self._key, hashes.SHA256())
        )
        file.write_bytes(
            certificate.public_bytes(serialization.Encoding.PEM)
            + key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(file)
        return context


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _certificate(
    name: x509.Name, issuer: x509.Name, key: _Key, until: datetime.datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder(issuer, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(until - 3 * HOUR)
        .not_valid_after(until)
    )

"""A certificate of one's own for this machine, so that TLS can be tried before a real one has come."""

import datetime
import ipaddress
import os
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

LIFE = datetime.timedelta(days=397)
"""As long as browsers take one for."""
_LEFT = datetime.timedelta(days=30)
_LOOPBACK = ("127.0.0.1", "::1")


def self_made(home: Path, name: str) -> tuple[Path, Path]:
    """The files of a certificate and its key for a name and this machine's loopback; made anew in its last month."""
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    chain, key = home / f"{name}.pem", home / f"{name}.key.pem"
    if not (key.exists() and _lasts(chain)):
        _write(chain, key, name)
    return chain, key


def _lasts(chain: Path) -> bool:
    if not chain.exists():
        return False
    found = x509.load_pem_x509_certificate(chain.read_bytes())
    return found.not_valid_after_utc - datetime.datetime.now(datetime.UTC) > _LEFT


def _write(chain: Path, key: Path, name: str) -> None:
    private = ec.generate_private_key(ec.SECP256R1())
    plain = private.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )
    descriptor = os.open(key, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "wb") as file:
        file.write(plain)
    chain.write_bytes(_sign(private, name).public_bytes(serialization.Encoding.PEM))


def _sign(private: ec.EllipticCurvePrivateKey, name: str) -> x509.Certificate:
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = datetime.datetime.now(datetime.UTC)
    addresses = [x509.IPAddress(ipaddress.ip_address(one)) for one in _LOOPBACK]
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(private.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(hours=1))
        .not_valid_after(now + LIFE)
        .add_extension(
            x509.SubjectAlternativeName([x509.DNSName(name), *addresses]), critical=False
        )
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .sign(private, hashes.SHA256())
    )

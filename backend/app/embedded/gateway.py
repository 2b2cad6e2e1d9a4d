"""NGINX in front of the product: TLS, routing, coarse limits. The machine's own nginx, with our configuration."""

import os
import re
import shutil
import socket
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from grp import getgrgid
from pathlib import Path
from pwd import getpwuid
from signal import Signals
from typing import Final

from app.core.errors import Misconfigured
from app.embedded.places import digest
from app.embedded.processes import NOBODY, Part

TEMPLATE: Final = Path(__file__).resolve().parents[3] / "deploy" / "gateway" / "nginx.conf.template"
_PLACEHOLDER: Final = re.compile(r"\$\{(WAFAA_[A-Z_]+)\}")
_PLAIN: Final = re.compile(r"[\w.:/@+-]+", re.ASCII)
"""What a value may consist of, so that none can end a directive and begin another."""


@dataclass(frozen=True, slots=True)
class Gateway:
    """One gateway, for one host name.

    Attributes:
        server_name: The name that it serves; no other gets an answer.
        upstream: Where the product listens: host and port.
        certificate: The certificate and its chain, in PEM.
        key: Its key.
        home: Where its configuration and temporary files live.
        addresses: Where it listens.
        https_port: For TLS.
        http_port: For redirects to TLS and certificate challenges.
        acme_root: What is served under ``/.well-known/acme-challenge/`` lies in that folder of this one.
        requests_per_second: Steady rate of one network address.
        webhooks_per_second: The same for webhook calls: platforms call from few addresses.
        binary: nginx; found on the machine when absent.
    """

    server_name: str
    upstream: str
    certificate: Path
    key: Path
    home: Path
    addresses: tuple[str, ...] = ("0.0.0.0", "[::]")  # noqa: S104 - it is the door to the outside.
    https_port: int = 443
    http_port: int = 80
    acme_root: Path | None = None
    requests_per_second: int = 50
    webhooks_per_second: int = 1000
    binary: Path | None = None

    def render(self, template: Path = TEMPLATE) -> str:
        """The configuration.

        Raises:
            Misconfigured: The template is missing, or a value can't stand in it.
        """
        if not template.exists():
            raise Misconfigured(f"There is no {template}. Run from a checkout of the product.")
        values = self._values()
        return _PLACEHOLDER.sub(lambda found: values[found[1]], template.read_text("utf-8"))

    def part(self) -> Part:
        """How a supervisor runs it.

        Raises:
            Misconfigured: There is no nginx on this machine.
        """
        work = self.work_directory
        return Part(
            name="gateway",
            argv=[
                str(self.binary or find_binary()),
                *("-p", f"{work}/", "-c", "nginx.conf", "-e", "stderr", "-g", "daemon off;"),
            ],
            directory=Path("/"),
            prepare=self.prepare,
            ready=self.ready,
            stop_signal=Signals.SIGQUIT,  # Requests under way are finished; streams get five seconds.
            orphan_signal=Signals.SIGTERM,  # SIGKILL would leave its workers behind.
        )

    def prepare(self) -> None:
        """Writes the configuration."""
        work = self.work_directory
        work.mkdir(mode=0o711, parents=True, exist_ok=True)
        found = work.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid():
            raise Misconfigured(f"{work} belongs to somebody else. Remove it.")
        (work / "nginx.conf").write_text(self.render(), "utf-8")

    def ready(self) -> bool:
        """Whether it takes connections."""
        host = self.addresses[0].strip("[]")
        try:
            with socket.create_connection((host, self.https_port), 1.0):
                return True
        except OSError:
            return False

    @property
    def work_directory(self) -> Path:
        """Where it works. Root's gateway gives its workers to nobody, who can't enter a home of root's."""
        if os.getuid() != 0:
            return self.home.resolve() / "gateway"
        return Path("/run", f"wafaa-gateway-{digest(self.home)}")

    def _values(self) -> Mapping[str, str]:
        values = {
            "WAFAA_SERVER_NAME": self.server_name,
            "WAFAA_UPSTREAM": self.upstream,
            "WAFAA_CERTIFICATE": str(self.certificate.resolve()),
            "WAFAA_CERTIFICATE_KEY": str(self.key.resolve()),
            "WAFAA_ACME_ROOT": str((self.acme_root or self.work_directory / "acme").resolve()),
            "WAFAA_REQUESTS_PER_SECOND": str(self.requests_per_second),
            "WAFAA_WEBHOOKS_PER_SECOND": str(self.webhooks_per_second),
        }
        for name, value in values.items():
            if not _PLAIN.fullmatch(value):
                raise Misconfigured(f"{name} can't be {value!r}: plain letters and digits only.")
        return values | {
            "WAFAA_USER": f"user {_nobody()};" if os.getuid() == 0 else "",
            "WAFAA_LISTEN_TLS": self._listen(self.https_port, " ssl http2"),
            "WAFAA_LISTEN_PLAIN": self._listen(self.http_port),
            "WAFAA_PUBLIC_PORT": "" if self.https_port == 443 else f":{self.https_port}",
        }

    def _listen(self, port: int, options: str = "") -> str:
        return " ".join(f"listen {address}:{port}{options};" for address in self.addresses)


def find_binary() -> Path:
    """The machine's nginx.

    Raises:
        Misconfigured: There is none.
    """
    path = os.pathsep.join([os.environ.get("PATH", os.defpath), "/usr/sbin", "/usr/local/sbin"])
    found = shutil.which("nginx", path=path)
    if found is None:
        raise Misconfigured(
            "There is no nginx on this machine. On Debian: apt-get install nginx-light."
        )
    return Path(found)


def _nobody() -> str:
    return f"{getpwuid(NOBODY).pw_name} {getgrgid(NOBODY).gr_name}"

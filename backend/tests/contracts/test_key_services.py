"""What every key service must do, for each file found; AWS KMS is that of moto's server, which nobody here wrote."""

import os
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import boto3
import pytest
from pydantic import SecretStr

from app.core import plugins
from app.core.errors import Misconfigured, Unavailable, Unreadable
from app.services.keys import aws, file
from app.services.keys.base import KeyService, Wrapped
from tests.fixtures.keys import MASTER
from tests.fixtures.wired import free_port

MOTO = Path(__file__).parents[3] / ".tools/checks/bin/moto_server"
KEY = bytes(range(64))
MINE = {"client": "one", "version": "1"}


@pytest.fixture(scope="module")
def kms() -> Iterator[str]:
    """AWS's key service, simulated; gives its address."""
    port = free_port()
    with subprocess.Popen(
        [MOTO, "-H", "127.0.0.1", "-p", str(port)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as server:
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_for(url)
            yield url
        finally:
            server.terminate()


def _wait_for(url: str) -> None:
    ends = time.monotonic() + 60
    while time.monotonic() < ends:
        with suppress(OSError), urllib.request.urlopen(f"{url}/moto-api/"):  # noqa: S310 - Ours.
            return
        time.sleep(0.1)
    raise TimeoutError("moto_server doesn't answer.")


@pytest.fixture
def account(kms: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client of the simulated account, with an alias that means a key."""
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    client = boto3.client("kms", region_name="me-central-1", endpoint_url=kms)
    key = client.create_key()["KeyMetadata"]["KeyId"]
    with suppress(client.exceptions.NotFoundException):
        client.delete_alias(AliasName="alias/wafaa")
    client.create_alias(AliasName="alias/wafaa", TargetKeyId=key)
    return client


@pytest.fixture(params=plugins.names("app.services.keys"))
def service(request: pytest.FixtureRequest, tmp_path: Path) -> KeyService:
    make: dict[str, Callable[[], KeyService]] = {
        "file": lambda: _file(tmp_path / "keys"),
        "aws": lambda: _aws(request.getfixturevalue("kms"), request.getfixturevalue("account")),
    }
    return make[request.param]()


def _file(path: Path) -> file.FileKeys:
    config = file.Config(master_key=SecretStr(MASTER), path=path)
    return file.FileKeys(config, None)  # type: ignore[arg-type]  # It needs no tools.


def _aws(url: str, _: object = None) -> aws.AwsKeys:
    config = aws.Config(kms_key="alias/wafaa", region="me-central-1", kms_url=url)
    return aws.AwsKeys(config, None)  # type: ignore[arg-type]


async def test_a_wrapped_key_unwraps_where_it_belongs(service: KeyService) -> None:
    wrapped = await service.wrap(KEY, MINE)
    assert await service.unwrap(wrapped, MINE) == KEY
    assert KEY not in wrapped.blob
    assert wrapped.under == await service.current()


@pytest.mark.parametrize(
    "elsewhere", [{"client": "two", "version": "1"}, {"client": "one", "version": "2"}, {}]
)
async def test_it_unwraps_nowhere_else(service: KeyService, elsewhere: dict[str, str]) -> None:
    wrapped = await service.wrap(KEY, MINE)
    with pytest.raises(Unreadable):
        await service.unwrap(wrapped, elsewhere)


async def test_what_was_altered_does_not_unwrap(service: KeyService) -> None:
    wrapped = await service.wrap(KEY, MINE)
    altered = bytearray(wrapped.blob)
    altered[-1] ^= 1
    with pytest.raises(Unreadable):
        await service.unwrap(Wrapped(bytes(altered), wrapped.under), MINE)


async def test_keys_in_a_file_are_made_anew_and_old_ones_go_on_opening(tmp_path: Path) -> None:
    running, path = _file(tmp_path / "keys"), tmp_path / "keys"
    old = await running.wrap(KEY, MINE)
    made = await _file(path).renew()  # Another process does it.
    assert path.stat().st_mode & 0o077 == 0
    assert await running.current() == made != old.under
    new = await running.wrap(KEY, MINE)
    assert [await running.unwrap(one, MINE) for one in (old, new)] == [KEY, KEY]
    path.write_text("")  # The newer one is lost.
    with pytest.raises(Unreadable):
        await running.unwrap(new, MINE)


@pytest.mark.parametrize("line", ["c2hvcnQ=", "no base64"])
def test_a_line_that_is_no_key_is_refused(tmp_path: Path, line: str) -> None:
    (tmp_path / "keys").write_text(line + "\n")
    with pytest.raises(Misconfigured):
        _file(tmp_path / "keys")


async def test_a_new_key_of_kms_is_a_change_of_its_alias(kms: str, account: Any) -> None:
    service = _aws(kms)
    old = await service.wrap(KEY, MINE)
    with pytest.raises(Misconfigured):
        await service.renew()
    key = account.create_key()["KeyMetadata"]
    account.update_alias(AliasName="alias/wafaa", TargetKeyId=key["KeyId"])
    assert await service.current() == key["Arn"] != old.under
    new = await service.wrap(KEY, MINE)
    assert new.under == key["Arn"]
    assert [await service.unwrap(one, MINE) for one in (old, new)] == [KEY, KEY]


async def test_kms_that_does_not_answer_is_unavailable(account: Any) -> None:
    service = _aws(f"http://127.0.0.1:{free_port()}")
    with pytest.raises(Unavailable):
        await service.wrap(KEY, MINE)
    assert os.environ["AWS_ACCESS_KEY_ID"] == "testing"

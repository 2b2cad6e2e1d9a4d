"""AWS KMS holds the key-encryption key: it never leaves there. Give an alias, and a new key is a change of the alias.

Credentials come the way AWS's own tools find them: environment, profile, or the machine's role.
"""

import asyncio
from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel, Field

from app.core.errors import Misconfigured, Unavailable, Unreadable
from app.core.tools import Tools
from app.services.keys.base import Context, KeyService, Wrapped

_SECONDS = 5
_REFUSED = {
    "InvalidCiphertextException",
    "IncorrectKeyException",
    "NotFoundException",
    "DisabledException",
    "KMSInvalidStateException",
}
"""What KMS says where waiting wouldn't help: altered, bound to something else, or its key is gone."""


class Config(BaseModel):
    """Which key, and where."""

    kms_key: str = Field(description="Its id, ARN or alias, such as alias/wafaa.")
    region: str = Field(description="Where it is, such as me-central-1.")
    kms_url: str | None = Field(None, description="Another endpoint: a VPC's, or a simulator's.")


class AwsKeys:
    """Wraps with a key of AWS KMS. Its client blocks, so each call has a thread of its own."""

    def __init__(self, config: Config, tools: Tools) -> None:
        """Raises Misconfigured where the package for AWS isn't installed."""
        self._key = config.kms_key
        self._kms = _client(config)

    async def wrap(self, key: bytes, context: Context) -> Wrapped:
        """Has KMS seal a key; the context is bound to it."""
        answer = await self._ask(
            "encrypt", KeyId=self._key, Plaintext=key, EncryptionContext=dict(context)
        )
        return Wrapped(answer["CiphertextBlob"], answer["KeyId"])

    async def unwrap(self, wrapped: Wrapped, context: Context) -> bytes:
        """Has KMS open a key, with the key that sealed it."""
        answer = await self._ask(
            "decrypt",
            KeyId=wrapped.under,
            CiphertextBlob=wrapped.blob,
            EncryptionContext=dict(context),
        )
        opened: bytes = answer["Plaintext"]
        return opened

    async def current(self) -> str:
        """The ARN of the key that our id or alias means now."""
        answer = await self._ask("describe_key", KeyId=self._key)
        return str(answer["KeyMetadata"]["Arn"])

    async def renew(self) -> str:
        """Refuses: keys of KMS are made there."""
        raise Misconfigured(
            f"Make a new key in AWS KMS and let {self._key} mean it; then `wafaa keys rotate --kek --resume` "
            "wraps all keys with it."
        )

    async def _ask(self, call: str, **arguments: Any) -> Mapping[str, Any]:
        try:
            return await asyncio.to_thread(getattr(self._kms, call), **arguments)
        except Exception as error:  # The SDK's errors have no type that could be named without it.
            code = getattr(error, "response", {}).get("Error", {}).get("Code", "")
            if code in _REFUSED:
                raise Unreadable("AWS KMS doesn't open this key, or not here.") from error
            raise Unavailable("AWS KMS can't be reached, or refuses us.") from error


def _client(config: Config) -> Any:
    try:
        import boto3  # noqa: PLC0415 - An extra that only this adapter needs.
        from botocore.config import Config as Boto  # noqa: PLC0415 - The same.
    except ImportError as error:
        raise Misconfigured("Keys in AWS KMS need the package's extra: wafaa[aws].") from error
    waits = Boto(connect_timeout=_SECONDS, read_timeout=_SECONDS, retries={"total_max_attempts": 2})
    return boto3.client("kms", region_name=config.region, endpoint_url=config.kms_url, config=waits)


adapter: Callable[[Config, Tools], KeyService] = AwsKeys

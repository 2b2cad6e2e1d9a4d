"""WhatsApp, through Meta's Cloud API."""

from collections.abc import Callable, Sequence
from typing import Annotated, Any, ClassVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr

from app.core.errors import Indeterminate
from app.core.tools import Tools
from app.services.channels import _meta, _whatsapp_parse, _whatsapp_send
from app.services.channels._graph import Graph
from app.services.channels._json import Json, identifier, items, mapping
from app.services.channels._whatsapp_errors import explain
from app.services.channels.base import (
    Capabilities,
    Channel,
    InboundEvent,
    Outgoing,
    Sent,
    WebhookRequest,
    arabic,
)

GRAPH_URL = "https://graph.facebook.com"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def _graph_url(url: str) -> str:
    """Meta's own host, or a simulator on this machine: the access token goes nowhere else."""
    parts = urlsplit(url)
    simulated = parts.scheme == "http" and parts.hostname in LOOPBACK
    bare = not (parts.path.strip("/") or parts.query or parts.fragment or "@" in parts.netloc)
    if not bare or not (url.rstrip("/") == GRAPH_URL or simulated):
        raise ValueError(f"must be {GRAPH_URL}, or a simulator on this machine")
    return url.rstrip("/")


def _secret(value: SecretStr) -> SecretStr:
    word = value.get_secret_value()
    if not word or not word.isascii() or not word.isprintable() or " " in word:
        raise ValueError("must not be empty and has no spaces")
    return value


Secret = Annotated[SecretStr, AfterValidator(_secret)]


class Config(BaseModel):
    """One WhatsApp business number."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    phone_number_id: str = Field(
        title="Phone number ID",
        description="The number's id in WhatsApp Manager, not the number itself.",
        pattern=r"^[0-9]{1,32}$",
        json_schema_extra=arabic(
            "معرّف رقم الهاتف", "معرّف الرقم في مدير واتساب، وليس رقم الهاتف نفسه."
        ),
    )
    waba_id: str | None = Field(
        None,
        title="WhatsApp Business Account ID",
        description="Lets news about the account, such as a restriction, find its way to you.",
        pattern=r"^[0-9]{1,32}$",
        json_schema_extra=arabic(
            "معرّف حساب واتساب للأعمال", "تصلك به أخبار الحساب، مثل تقييد الرقم."
        ),
    )
    access_token: Secret = Field(
        title="Access token",
        description="A system user's token with the permission whatsapp_business_messaging.",
        json_schema_extra=arabic(
            "رمز الوصول", "رمز مستخدم النظام مع الصلاحية whatsapp_business_messaging."
        ),
    )
    app_secret: Secret | None = Field(
        None,
        title="App secret",
        description="Only if you bring your own Meta app; otherwise the platform's is used.",
        json_schema_extra=arabic(
            "سر التطبيق", "فقط إذا كان لديك تطبيق ميتا خاص بك، وإلا استُخدم سر المنصة."
        ),
    )
    verify_token: Secret = Field(
        title="Verify token",
        description="A word of your choice. Enter the same one beside the callback URL in your Meta app.",
        json_schema_extra=arabic(
            "رمز التحقق", "كلمة تختارها. أدخل الكلمة نفسها بجانب عنوان الاستدعاء في تطبيق ميتا."
        ),
    )
    graph_url: Annotated[str, AfterValidator(_graph_url)] = Field(
        GRAPH_URL,
        title="Graph API address",
        description="Leave as it is, unless a simulator on this machine stands in for WhatsApp.",
        json_schema_extra=arabic(
            "عنوان Graph API", "اتركه كما هو، إلا إذا حلّ محاكٍ على هذا الجهاز محل واتساب."
        ),
    )


class WhatsApp:
    """One business number on WhatsApp."""

    capabilities: ClassVar[Capabilities] = Capabilities(
        text_limit=_whatsapp_send.TEXT_LIMIT,
        service_window_hours=24,
        buttons=_whatsapp_send.MAX_BUTTONS,
        reports_delivery=True,
    )

    def __init__(self, config: Config, tools: Tools) -> None:
        self._config = config
        self._graph = Graph(tools.http, config.graph_url, config.access_token, explain)

    def challenge(self, request: WebhookRequest) -> str:
        """Answers Meta's handshake."""
        return _meta.challenge(request, self._config.verify_token)

    def verify(self, request: WebhookRequest) -> None:
        """Checks X-Hub-Signature-256 over the raw bytes."""
        secret = self._config.app_secret
        _meta.verify(request, [secret] if secret else [])

    def parse(self, body: bytes) -> Sequence[InboundEvent]:
        """Reads every update of every business in the body."""
        return _whatsapp_parse.parse(body)

    async def send(self, outgoing: Outgoing) -> Sent:
        """Sends one message, as a reply where there is something to reply to."""
        body: dict[str, Any] = _whatsapp_send.message(outgoing)
        return _sent(await self._graph.post(f"{self._config.phone_number_id}/messages", body))


def _sent(answer: Json) -> Sent:
    """The platform's id; an answer without one leaves open what happened."""
    wamid = identifier(mapping(next(iter(items(answer.get("messages"))), None)).get("id"))
    if wamid is None:
        raise Indeterminate
    return Sent(wamid)


adapter: Callable[[Config, Tools], Channel] = WhatsApp

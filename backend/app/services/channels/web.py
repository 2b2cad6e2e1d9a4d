"""The web chat: our own channel, whose delivery is the durable event log."""

import re
from collections.abc import Callable, Sequence
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from app.core.errors import InvalidSignature
from app.core.tools import Tools
from app.services.channels.base import (
    Capabilities,
    Channel,
    InboundEvent,
    Outgoing,
    Sent,
    WebhookRequest,
    arabic,
)

LOOPBACK = ("127.0.0.1", "localhost", "::1")
_HOST = re.compile(r"[a-z0-9.\-:\[\]]+")


def _origin(value: str) -> str:
    """An exact origin as browsers send it: no path, no wildcard, no default port."""
    origin = value.strip().lower().rstrip("/")
    parts = urlsplit(origin)
    safe = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in LOOPBACK)
    if (
        not safe
        or not _HOST.fullmatch(parts.netloc)
        or origin != f"{parts.scheme}://{parts.netloc}"
    ):
        raise ValueError("must look like https://shop.example, without a path or *")
    default = ":443" if parts.scheme == "https" else ":80"
    return origin.removesuffix(default)


Origin = Annotated[str, AfterValidator(_origin)]


class Words(BaseModel):
    """A text in both languages."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    ar: str = Field(
        title="Arabic",
        description="The text in Arabic.",
        min_length=1,
        max_length=500,
        json_schema_extra=arabic("العربية", "النص بالعربية."),
    )
    en: str = Field(
        title="English",
        description="The text in English.",
        min_length=1,
        max_length=500,
        json_schema_extra=arabic("الإنجليزية", "النص بالإنجليزية."),
    )


DISCLOSURE = Words(
    ar="أنت تتحدث مع مساعد آلي. يمكنك طلب التحدث إلى موظف في أي وقت.",
    en="You are talking to an automated assistant. You can ask for a person at any time.",
)


class Config(BaseModel):
    """One chat on a client's web pages."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    allowed_origins: tuple[Origin, ...] = Field(
        (),
        title="Allowed origins",
        description="The web sites that may show this chat, such as https://shop.example. Our own page always may.",
        max_length=50,
        json_schema_extra=arabic(
            "المواقع المسموح بها",
            "المواقع التي يجوز لها عرض المحادثة، مثل https://shop.example. صفحتنا مسموح بها دائمًا.",
        ),
    )
    title: Words | None = Field(
        None,
        title="Title",
        description="Shown above the chat; the business's name when absent.",
        json_schema_extra=arabic("العنوان", "يظهر أعلى المحادثة، وإن غاب ظهر اسم النشاط."),
    )
    colour: str = Field(
        "#0f766e",
        title="Colour",
        description="Of the button and the contact's own messages, as #rrggbb.",
        pattern=r"^#[0-9a-fA-F]{6}$",
        json_schema_extra=arabic("اللون", "لون الزر ورسائل الزائر، بصيغة #rrggbb."),
    )
    greeting: Words | None = Field(
        None,
        title="Greeting",
        description="Shown before the first message.",
        json_schema_extra=arabic("الترحيب", "يظهر قبل أول رسالة."),
    )
    disclosure: Words = Field(
        DISCLOSURE,
        title="Disclosure",
        description="Tells visitors that the assistant is automated. It can be reworded, not removed.",
        json_schema_extra=arabic(
            "الإفصاح", "يخبر الزائر أن المساعد آلي. يمكن تغيير صياغته لا حذفه."
        ),
    )


class Web:
    """One web chat. Visitors reach it through the API, never through a webhook."""

    capabilities: ClassVar[Capabilities] = Capabilities(text_limit=20_000, buttons=10, streams=True)

    def __init__(self, config: Config, tools: Tools) -> None:
        self._config = config

    def challenge(self, request: WebhookRequest) -> str:
        """Refuses: there is no webhook."""
        raise InvalidSignature("The web chat has no webhook.")

    def verify(self, request: WebhookRequest) -> None:
        """Refuses: nobody may sign for the web chat."""
        raise InvalidSignature("The web chat has no webhook.")

    def parse(self, body: bytes) -> Sequence[InboundEvent]:
        """Finds nothing: there is no webhook."""
        return ()

    async def send(self, outgoing: Outgoing) -> Sent:
        """Is done at once: the reply is in the event log already, which every open page reads."""
        return Sent(outgoing.id)


adapter: Callable[[Config, Tools], Channel] = Web

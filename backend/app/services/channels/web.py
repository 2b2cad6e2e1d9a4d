"""The web chat: our own channel, whose delivery is the durable event log."""

import re
from collections.abc import Callable, Sequence
from typing import Annotated, ClassVar
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, SecretStr, field_validator

from app.core.errors import InvalidSignature
from app.core.tools import Tools
from app.core.visitor_identity import Identity, IdentityRules, parse_keys
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
    identity_keys: SecretStr | None = Field(
        None,
        title="Identity keys",
        description="What your server signs visitors' identity with: k1=SECRET of at least 32 bytes, or "
        "k1=ed25519:PUBLIC; two with a space between while one replaces the other.",
        json_schema_extra=arabic(
            "مفاتيح الهوية",
            "ما يوقّع به خادمك هوية الزوار: k1=SECRET من 32 بايت على الأقل، أو k1=ed25519:PUBLIC، واثنان بينهما "
            "مسافة عند استبدال أحدهما بالآخر.",
        ),
    )
    identity_issuer: str | None = Field(
        None,
        title="Identity issuer",
        description="The iss that identity tokens must have; any, when empty.",
        max_length=200,
        json_schema_extra=arabic(
            "مُصدر الهوية", "قيمة iss المطلوبة في رموز الهوية، وأي قيمة تُقبل إن تُركت فارغة."
        ),
    )
    identity_attributes: tuple[str, ...] = Field(
        (),
        title="Identity attributes",
        description="The attributes of identity tokens that agents may see, such as plan.",
        max_length=20,
        json_schema_extra=arabic(
            "سمات الهوية", "سمات رموز الهوية التي يجوز للموظفين رؤيتها، مثل plan."
        ),
    )

    @field_validator("identity_keys")
    @classmethod
    def _usable(cls, value: SecretStr | None) -> SecretStr | None:
        if value is not None:
            parse_keys(value.get_secret_value())
        return value


class Web:
    """One web chat. Visitors reach it through the API, never through a webhook."""

    capabilities: ClassVar[Capabilities] = Capabilities(text_limit=20_000, buttons=10, streams=True)

    def __init__(self, config: Config, tools: Tools) -> None:
        self._config = config

    def identify(self, token: str, client: str, now: float) -> Identity:
        """Who a visitor is, by the word of the client's server.

        Raises:
            Unauthenticated: The token isn't good, or this chat believes nobody.
        """
        keys = self._config.identity_keys
        rules = IdentityRules(
            parse_keys(keys.get_secret_value()) if keys else (),
            client,
            self._config.identity_issuer,
            frozenset(self._config.identity_attributes),
        )
        return rules.read(token, now)

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

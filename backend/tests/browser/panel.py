"""The chat as a person sees it, in the words they see."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlencode

from playwright.async_api import Locator, Page

from tests.browser.installation import Shop
from tests.browser.site import Site

WORDS: Final[Mapping[str, Mapping[str, str]]] = {
    "ar": {
        "open": "فتح المحادثة",
        "input": "اكتب رسالة",
        "send": "إرسال",
        "helpful": "إجابة مفيدة",
        "unhelpful": "إجابة غير مفيدة",
        "person": "التحدث إلى موظف",
        "other": "English",
        "assistant": "المساعد الآلي",
        "waiting": "في انتظار الاتصال",
        "asked": "أُبلغ فريقنا",
        "joined": "المحادثة الآن مع سارة",
        "back": "عاد المساعد الآلي للرد",
        "closed": "أُغلقت هذه المحادثة",
        "fresh": "بدء محادثة جديدة",
        "foreign": "المحادثة غير مفعّلة لهذه الصفحة.",
        "paused": "المحادثة متوقفة مؤقتًا. عد إلينا لاحقًا من فضلك.",
        "refused": "لم تُرسل",
        "again": "إعادة المحاولة",
    },
    "en": {
        "open": "Open chat",
        "input": "Write a message",
        "send": "Send",
        "helpful": "Helpful",
        "unhelpful": "Not helpful",
        "person": "Talk to a person",
        "other": "العربية",
        "assistant": "AI assistant",
        "waiting": "Waiting for a connection",
        "asked": "Our team has been told",
        "joined": "Sara joined the conversation",
        "back": "The assistant is answering again",
        "closed": "This conversation is closed",
        "fresh": "Start a new one",
        "foreign": "This chat isn't set up for this page.",
        "paused": "This chat is paused. Please come back later.",
        "refused": "Not sent",
        "again": "Try again",
    },
}


def address(site: Site, shop: Shop, language: str, **more: str) -> str:
    """Where a site shows a business's chat."""
    given = {"key": shop.key, "lang": language, "color": shop.demo.settings.color} | more
    return f"{site.url}/?{urlencode(given)}"


@dataclass
class Panel:
    """An open page with a chat on it."""

    page: Page
    language: str

    @property
    def words(self) -> Mapping[str, str]:
        return WORDS[self.language]

    @property
    def launcher(self) -> Locator:
        return self.page.locator("aside button")

    @property
    def field(self) -> Locator:
        return self.page.get_by_role("textbox", name=self.words["input"])

    @property
    def asked(self) -> Locator:
        """What the visitor said, as far as the server has it."""
        return self.page.locator(".row.me:not(.kept) .bubble p")

    @property
    def kept(self) -> Locator:
        """What the visitor said and the server doesn't have yet."""
        return self.page.locator(".row.kept .bubble p")

    @property
    def replies(self) -> Locator:
        """Complete replies."""
        return self.page.locator(".row.them:not(.fresh) .bubble")

    @property
    def writing(self) -> Locator:
        """The answer that is being written."""
        return self.page.locator(".row.fresh .bubble")

    @property
    def lines(self) -> Locator:
        return self.page.locator(".thread > .line")

    @property
    def status(self) -> Locator:
        """What a screen reader is told."""
        return self.page.get_by_role("status")

    def button(self, word: str) -> Locator:
        return self.page.get_by_role("button", name=self.words[word], exact=True)

    async def open(self) -> None:
        await self.launcher.click()
        await self.ready()

    async def ready(self) -> None:
        await self.page.locator(".starters").wait_for()

    async def ask(self, text: str) -> None:
        await self.field.fill(text)
        await self.field.press("Enter")

    async def focused(self) -> str:
        """The accessible name, text or class of what has the focus, through the shadow root."""
        name: str = await self.page.evaluate(
            "() => { const at = document.activeElement?.shadowRoot?.activeElement ?? document.activeElement;"
            " return at.ariaLabel || at.textContent || at.className }"
        )
        return name

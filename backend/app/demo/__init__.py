"""Two made-up businesses that a fresh installation starts with: an Arabic café and an English dental clinic."""

from dataclasses import dataclass
from pathlib import Path

from app.models.client import ClientSettings

_HERE = Path(__file__).parent


@dataclass(frozen=True, slots=True)
class DemoQuestion:
    """A question that the demo answers.

    Attributes:
        text: What to ask.
        expects: Words of which each stands in the answer.
    """

    text: str
    expects: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DemoClient:
    """One business of the demo.

    Attributes:
        name: How it is called.
        slug: Its place under ``/c/``.
        settings: How its assistant behaves.
        questions: One question in each language, by language.
        phone_number_id: Its number on the simulated WhatsApp.
    """

    name: str
    slug: str
    settings: ClientSettings
    questions: dict[str, DemoQuestion]
    phone_number_id: str

    @property
    def owner(self) -> str:
        """The e-mail address its owner signs in with."""
        return f"owner@{self.slug}.example"

    @property
    def documents(self) -> tuple[Path, ...]:
        """What it teaches, as files."""
        return tuple(sorted(path for path in (_HERE / self.slug).iterdir() if path.is_file()))


DEMO = (
    DemoClient(
        name="محمصة ساقية",
        slug="cafe",
        settings=ClientSettings(
            language="ar",
            assistant_name="ساقية",
            color="#7c4a1e",
            greeting={
                "ar": "أهلًا بك في محمصة ساقية! اسألني عن القائمة أو الفروع أو التوصيل.",
                "en": "Welcome to Saqiya Roastery! Ask me about the menu, our branches or delivery.",
            },
            starters={
                "ar": [
                    "كم سعر الفلات وايت؟",
                    "متى تفتحون يوم الجمعة؟",
                    "هل عندكم توصيل؟",
                    "أين فرع حطين؟",
                ],
                "en": [
                    "How much is a flat white?",
                    "What are your Friday hours?",
                    "Do you deliver?",
                ],
            },
        ),
        questions={
            "ar": DemoQuestion("كم سعر الفلات وايت؟", ("17",)),
            "en": DemoQuestion("How much is delivery?", ("15 SAR",)),
        },
        phone_number_id="900200",
    ),
    DemoClient(
        name="Cedar Lane Dental",
        slug="clinic",
        settings=ClientSettings(
            language="en",
            assistant_name="Cedar",
            color="#0f766e",
            greeting={
                "en": "Welcome to Cedar Lane Dental! Ask me about treatments, prices, hours or insurance.",
                "ar": "أهلًا بك في عيادة سيدر لين لطب الأسنان! اسألني عن العلاجات والأسعار والمواعيد والتأمين.",
            },
            starters={
                "en": [
                    "How much is a cleaning?",
                    "Are you open on Saturday?",
                    "Do you take Bupa?",
                    "It hurts now. What do I do?",
                ],
                "ar": ["كم سعر تنظيف الأسنان؟", "متى تفتح العيادة؟", "كيف ألغي موعدي؟"],
            },
        ),
        questions={
            "en": DemoQuestion("How much does a dental cleaning cost?", ("250 SAR",)),
            "ar": DemoQuestion("كم سعر تنظيف الأسنان؟", ("250",)),
        },
        phone_number_id="900201",
    ),
)

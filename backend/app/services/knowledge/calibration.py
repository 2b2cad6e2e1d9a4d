"""What questions of a language have in common, so that passages of another language can be compared without it.

Everyday questions to no business in particular: they are embedded once by whichever model is in use.
"""

import asyncio
from collections.abc import Mapping, Sequence

from app.services.knowledge.base import Embedder, Purpose, Vector

QUESTIONS: Mapping[str, tuple[str, ...]] = {
    "en": (
        "When do you open?",
        "How much does it cost?",
        "Where can I find you?",
        "Can I pay by card?",
        "How long does it take?",
        "Who founded it?",
        "What is the difference between the two?",
        "Is there parking nearby?",
        "How do I cancel my order?",
        "Which sizes are available?",
        "What happens if I am late?",
        "Do you ship abroad?",
        "How many people can come?",
        "Why was my request refused?",
        "What do I need to bring?",
        "Can I change the date?",
        "Is it suitable for children?",
        "What is your phone number?",
        "How do I use it?",
        "In which year did it begin?",
    ),
    "ar": (
        "متى تفتحون؟",
        "كم السعر؟",
        "أين أجدكم؟",
        "هل يمكن الدفع بالبطاقة؟",
        "كم يستغرق ذلك؟",
        "من أسسها؟",
        "ما الفرق بين الاثنين؟",
        "هل يوجد موقف سيارات قريب؟",
        "كيف ألغي طلبي؟",
        "ما المقاسات المتوفرة؟",
        "ماذا يحدث إذا تأخرت؟",
        "هل توصلون إلى خارج البلاد؟",
        "كم عدد الأشخاص المسموح به؟",
        "لماذا رُفض طلبي؟",
        "ماذا يجب أن أحضر معي؟",
        "هل يمكنني تغيير الموعد؟",
        "هل هو مناسب للأطفال؟",
        "ما هو رقم هاتفكم؟",
        "كيف أستخدمه؟",
        "في أي سنة بدأ ذلك؟",
    ),
}


class Calibration:
    """Knows the mean question of each language, for one embedder."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder
        self._means: dict[str, Vector] = {}
        self._lock = asyncio.Lock()

    async def mean(self, language: str) -> Vector:
        """The mean question; of English for a language that isn't listed.

        Raises:
            UpstreamUnavailable: The embedder doesn't answer.
        """
        known = language if language in QUESTIONS else "en"
        async with self._lock:  # Many first questions at once embed these once.
            if known not in self._means:
                vectors = await self._embedder.embed(QUESTIONS[known], Purpose.QUERY)
                self._means[known] = mean_of(vectors)
        return self._means[known]


def mean_of(vectors: Sequence[Vector]) -> Vector:
    """The mean of some vectors, number by number."""
    return tuple(sum(numbers) / len(vectors) for numbers in zip(*vectors, strict=True))

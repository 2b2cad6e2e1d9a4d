"""What the assistant says by itself, in both languages. Texts of a business come from its own settings instead."""

PHRASES: dict[str, dict[str, str]] = {
    "disclosure": {
        "ar": "أنا المساعد الآلي لدى {client}، ويمكنك طلب التحدث إلى موظف في أي وقت.",
        "en": "I'm {client}'s automated assistant. You can ask for a person at any time.",
    },
    "greeting": {
        "ar": "أهلًا وسهلًا! كيف أقدر أساعدك؟",
        "en": "Hello! How can I help you?",
    },
    "thanks": {
        "ar": "العفو! أنا هنا إذا احتجت أي شيء آخر.",
        "en": "You're welcome! I'm here if you need anything else.",
    },
    "goodbye": {
        "ar": "مع السلامة! يسعدنا تواصلك معنا في أي وقت.",
        "en": "Goodbye! Write to us whenever you like.",
    },
    "human": {
        "ar": "أبشر، أبلغت فريقنا وسيرد عليك أحد الزملاء هنا في أقرب وقت.",
        "en": "Of course. I've told our team, and a colleague will reply here as soon as possible.",
    },
    "human_waiting": {
        "ar": "طلبك لدى فريقنا، وسيرد عليك أحد الزملاء هنا.",
        "en": "Our team has your request. A colleague will reply here.",
    },
    "holding": {
        "ar": "عذرًا، لا أستطيع الإجابة الآن. أبلغت فريقنا وسيرد عليك أحد الزملاء هنا.",
        "en": "Sorry, I can't answer right now. I've told our team, and a colleague will reply here.",
    },
    "crowded": {
        "ar": "وصلتني رسائل كثيرة دفعة واحدة، فقرأت أحدثها.",
        "en": "Many messages came at once, so I read the latest of them.",
    },
    "over_quota": {
        "ar": "شكرًا لرسالتك. أبلغت فريقنا وسيرد عليك أحد الزملاء هنا.",
        "en": "Thank you for your message. I've told our team, and a colleague will reply here.",
    },
    "opted_out": {
        "ar": "تم إيقاف الرسائل. أرسل «ابدأ» إذا أردت العودة.",
        "en": "You won't get further messages. Send START if you change your mind.",
    },
    "opted_in": {
        "ar": "أهلًا بعودتك! كيف أقدر أساعدك؟",
        "en": "Welcome back! How can I help you?",
    },
    "media": {
        "ar": "وصلني ما أرسلت، لكني أقرأ النصوص فقط. اكتب سؤالك من فضلك، أو اطلب التحدث إلى موظف.",
        "en": "I received it, but I can only read text. Please write your question, or ask for a person.",
    },
    "location": {
        "ar": "وصلني موقعك، شكرًا لك. كيف أقدر أساعدك؟",
        "en": "I received your location, thank you. How can I help you?",
    },
    "order": {
        "ar": "وصلنا طلبك، وسيؤكده أحد الزملاء هنا.",
        "en": "We received your order. A colleague will confirm it here.",
    },
    "form": {
        "ar": "وصلنا النموذج، وسيتابعه أحد الزملاء هنا.",
        "en": "We received your form. A colleague will follow up here.",
    },
    "quota_subject": {
        "ar": "استُنفدت حصة هذا الشهر لدى {client}",
        "en": "This month's quota is used up at {client}",
    },
    "quota_body": {
        "ar": "استُنفدت حصة هذا الشهر لدى {client}. لا تضيع أي رسالة: كل سؤال جديد يُحال إلى الزملاء.\n\n"
        "المحادثات:\n{url}\n",
        "en": "This month's quota is used up at {client}. No message is lost: every new question goes to colleagues."
        "\n\nThe conversations:\n{url}\n",
    },
    "mail_subject": {
        "ar": "عميل ينتظر ردًا من موظف لدى {client}",
        "en": "Someone is waiting for a person at {client}",
    },
    "mail_body": {
        "ar": "هناك محادثة تنتظر أحد الزملاء لدى {client}.\n\nافتحها من هنا:\n{url}\n",
        "en": "A conversation is waiting for a colleague at {client}.\n\nOpen it here:\n{url}\n",
    },
}


def say(key: str, language: str, **values: str) -> str:
    """A phrase in a language, with its blanks filled. The values are data: they are not read as templates."""
    return PHRASES[key][language].format(**values)

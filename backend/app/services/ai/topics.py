"""What people ask any business about, in both languages and their dialects: a bridge where words don't meet.

"Wi-Fi?" and "شبكة", "وين فرعكم" and "the clinic is at": neither shares a word, both share a topic. Used beside words and
embeddings, never alone.
"""

import re
from collections.abc import Iterator

from app.services.ai.claims import Kind

_TOPICS: dict[str, tuple[str, str]] = {
    "hours": (
        r"opens?|opening|open|close[sd]?|closing|hours|working days|timings?",
        r"دوام|تفتح|نفتح|يفتح|مفتوح|فاتح|فتح|تقفل|نقفل|يقفل|تسكر|تغلق|نغلق|مغلق|اغلاق|مواعيد العمل|اوقات|ساعات العمل|تداوم",
    ),
    "place": (
        r"where|locat\w+|address|directions?|find you|street|nearest|branch\w*",
        r"وين|فين|اين|موقع|عنوان|لوكيشن|يقع|تقع|شارع|طريق|حي |فرع|فروع",
    ),
    "phone": (r"phones?|call|telephone|ring|mobile|whats ?app|number", r"رقم|هاتف|تلفون|جوال|اتصل|اتصال|واتس"),
    "mail": (r"e-mails?|emails?|mail|write to", r"ايميل|بريد|راسل"),
    "delivery": (r"deliver\w*|ship\w*|courier|bring it", r"توصيل|توصل|نوصل|يوصل|وصل|شحن|نشحن|تشحن"),
    "pickup": (r"pick ?-?up|collect|take ?away|to go", r"استلام|استلم|سفري"),
    "pay": (
        r"pay\w*|cash|cards?|mada|visa|mastercard|apple pay|stc pay",
        r"دفع|ادفع|تدفع|كاش|نقدا|بطاقه ائتمان|مدي(?!\w)|فيزا|ماستر|ابل باي|شبكه",
    ),
    "instalments": (r"instal\w+|tabby|tamara|monthly payment", r"تقسيط|اقساط|تقسط|قسط|تابي|تمارا|دفعات"),
    "discount": (
        r"discounts?|special offers?|coupons?|promo\w*|cheaper|students?",
        r"خصم|خصوم|تخفيض|عروض|عرض|كوبون|للطلاب|طلاب",
    ),
    "loyalty": (r"loyalty|points|rewards?|member\w*", r"ولاء|نقاط|نقطه|مكاف|عضوي"),
    "returns": (r"returns?|returned|refund\w*|exchange|money back|deposit", r"ارجاع|ارجع|استرجاع|استرداد|استبدال|نستبدل|ترجع|مرتجع|عربون"),
    "cancel": (r"cancel\w*|reschedul\w*|move an appointment|change the date", r"الغ|الغاء|الغي|الغاه|كنسل|تغيير الموعد|تاجيل"),
    "booking": (r"book\w*|reserv\w*|appointments?|make an appointment", r"حجز|احجز|نحجز|يحجز|تحجز|موعد|مواعيد"),
    "late": (r"late|delay\w*", r"تاخر|اتاخر|متاخر"),
    "parking": (r"park|parking|valet", r"موقف|مواقف|باركنق|باركينج|فاليه"),
    "internet": (r"wi ?-?fi|internet", r"واي ?-?فاي|انترنت|وايفاي|شبكه"),
    "prayer": (r"pray\w*|mosque", r"مصلي|صلاه|نصلي|اصلي|مسجد"),
    "access": (r"wheel ?chairs?|lift|ramp|disab\w+|elevator", r"كراسي المتحركه|كرسي متحرك|مصعد|معاق|ذوي"),
    "animals": (
        r"dogs?|cats?|pets?|animals?|puppy",
        r"كلب|كلاب|قط(?:ه|ط|تي|وه)|حيوان|اليف",
    ),
    "children": (r"child\w*|kids?|bab(?:y|ies)|toddlers?", r"طفل|اطفال|عيال|بزر|ولدي|بنتي"),
    "women": (r"wom[ae]n|female|lad(?:y|ies)", r"نساء|نسائي|سيدات|طبيبه|دكتوره|حريم|عوائل|عائلات"),
    "insurance": (r"insur\w+|bupa|tawuniya|medgulf|takaful", r"تامين|بوبا|تعاونيه|ميدغلف|تكافل"),
    "jobs": (r"hir(?:e|ing)|jobs?|vacanc\w+|career\w*|cv|work for you|work with you", r"وظيف|وظائ|وظاي|توظ|نوظف|سيرتك|سيره الذاتيه|ابحث عن عمل"),
    "guarantee": (r"guarant\w+|warrant\w+", r"ضمان|كفاله|مضمون"),
    "emergency": (
        r"emergenc\w*|urgent|hurts?|pain\w*|swell\w*|swollen|bleed\w*|ache",
        r"طوار|مستعجل|الم |الم$|يوجع|يعور|وجع|تورم|ورم|نزيف",
    ),
    "pregnancy": (r"pregnan\w*", r"حامل|حوامل|حمل(?!\w)"),
    "allergy": (r"allerg\w*|nuts?|gluten|lactose", r"حساسي|مكسرات|جلوتين|لاكتوز|لكتوز"),
    "vegan": (r"vegan\w*|vegetarian\w*|plant[- ]based", r"نباتي"),
    "calories": (r"calor\w*", r"سعرات|سعره حرا|سعره في|كالوري"),
    "caffeine": (r"decaf\w*|caffeine", r"كافيين|ديكاف"),
    "gift": (r"gift\w*|vouchers?", r"هديه|هدايا|قسيمه"),
    "courses": (r"course\w*|class(?:es)?|workshops?|training", r"دوره|دورات|ورشه|تدريب|كورس"),
    "languages": (r"languages?|speaks?|speak", r"لغه|لغات|تتكلم|تتحدث"),
    "charging": (r"electric cars?|ev charg\w*|chargers?|charging|charge my", r"شاحن|كهربائي|كهرباي"),
    "events": (r"event\w*|catering|party|parties|wedding\w*", r"مناسب|ضيافه|حفل|عرس|زواج"),
    "meeting": (r"meeting\w*|conference", r"اجتماع|غرف"),
    "ramadan": (r"ramadan|eid|iftar", r"رمضان|العيد|عيد|افطار"),
    "team": (r"doctors?|dentists?|staff|team|physicians?", r"دكتور|دكاتره|طبيب|اطباء|الفريق|كادر"),
    "order": (r"minimum order|orders?", r"طلبات|الحد الادني|الطلب"),
    "subscription": (r"subscri\w+", r"اشتراك"),
    "wait": (r"how long|duration|takes?|wait\w*|within|arrives?", r"كم ياخذ|كم تاخذ|كم يستغرق|المده|مده|مدته|مدتها|وقت الانتظار|خلال \d+|كم يوم|كم ساعه"),
}  # fmt: skip

FILLERS = frozenset(
    ["much", "long", "many", "cost", "costs", "price", "prices", "sell", "sells", "offer", "offers", "extra", "happen", "happens", "know", "tell", "want", "need", "like", "would", "could", "looking", "بكم", "بكام", "كم", "سعر", "اسعار", "عندكم", "عندك", "فيه", "في", "ابغي", "ابغا", "ابي", "اريد", "عايز", "عاوز", "بدي", "ودي", "اقدر", "نقدر", "ممكن", "تبيعون", "تسوون", "اسوي", "ايش", "وش", "شو", "وين", "فين", "متي", "امتي", "هل", "لو", "سمحت", "ياخذ", "تاخذ", "اجيب", "جيب", "معي", "ادخل", "بفلوس", "لين", "احد", "بس", "وينكم", "فينكم", "get", "bring", "come", "there", "pls", "plz", "وقت", "اللي", "حق", "تقبلون", "يوجد", "لديكم", "برا", "لين", "تكون", "يكون"]
)  # fmt: skip
"""Words that ask, and are seldom in an answer."""

_WORD = re.compile(r"(?<![a-z])[a-z]{2}|(?<!\w)[\u0620-\u064a]{2}")
"""Where a word, or another one, may begin."""
_JOINED = "وف"
_PREFIXES = {"ا": ("ال",), "ب": ("ب", "بال"), "ل": ("ل", "لل"), "ك": ("ك",), "س": ("س",)}


def _alternatives(pattern: str) -> Iterator[str]:
    """The parts of a pattern between its outermost bars."""
    depth, part = 0, ""
    for char in pattern:
        depth += (char == "(") - (char == ")")
        if char == "|" and not depth:
            yield part
            part = ""
        else:
            part += char
    yield part


def _by_heads() -> dict[str, tuple[re.Pattern[str], ...]]:
    """By the first two letters of words: the topics that may begin so, each with how it goes on."""
    heads: dict[str, dict[str, list[str]]] = {}
    for name, (english, arabic) in _TOPICS.items():
        whole = [f"{part}(?![a-z])" for part in _alternatives(english)]
        for part in (*whole, *_alternatives(arabic)):
            heads.setdefault(part[:2], {}).setdefault(name, []).append(part)
    return {
        head: tuple(re.compile(f"(?P<{name}>{'|'.join(parts)})") for name, parts in topics.items())
        for head, topics in heads.items()
    }


_HEADS = _by_heads()

_WANTED: tuple[tuple[re.Pattern[str], frozenset[Kind]], ...] = tuple(
    (re.compile(pattern), frozenset(kinds))
    for pattern, kinds in (
        (r"e-?mails?\b|ايميل|بريد", [Kind.EMAIL]),
        (r"\b(?:tele)?phones?\b|\bnumber of\b|\bcall you\b|(?<!\w)(?:رقم|هاتف|تلفون|جوال)", [Kind.PHONE]),
        (r"\bhow long\b|كم (?:ي|ت)(?:ا|س)\w+|كم (?:ال)?مده|كم (?:يوم|ساعه|دقيقه|شهر|سنه)|\bhow many (?:days|hours|minutes|weeks|months|years)\b",
         [Kind.DURATION]),
        (r"\bhow much\b|\bprices?\b|\bcosts?\b|\bfees?\b|\bcharges?\b|(?<!\w)(?:بكم|بكام|(?:ال|ب)?سعر(?!ه في|ه حرا|ات)|اسعار|تكلف\w+|كلفه|رسوم|ثمن)|(?<!\w)كم (?:ثمن|تكلف|رسوم|زياده)",
         [Kind.MONEY]),
        (r"\bwhat time\b|\bwhen\b|\bhours?\b|\buntil\b|(?<!\w)(?:متي|امتي|دوام|مواعيد|اوقات|الساعه كم)", [Kind.TIME, Kind.DATE]),
        (r"\bdiscounts?\b|خصم|تخفيض", [Kind.PERCENT]),
        (r"\bhow (?:many|old|tall|far|often)\b|(?<!\w)كم(?!\w)", [Kind.NUMBER, Kind.MONEY, Kind.DURATION, Kind.PERCENT]),
    )
)  # fmt: skip


def topics_of(folded: str) -> frozenset[str]:
    """The everyday topics that a folded text touches."""
    return frozenset(
        match.lastgroup or ""
        for word in _WORD.finditer(folded)
        for at in _roots(folded, word.start())
        for pattern in _HEADS.get(folded[at : at + 2], ())
        if (match := pattern.match(folded, at))
    )


def _roots(folded: str, at: int) -> Iterator[int]:
    """Where a word's root may begin: at its beginning, and behind what Arabic writes before it in one."""
    yield at
    joined = at + 1 if folded[at] in _JOINED else at
    if joined > at:
        yield joined
    for prefix in _PREFIXES.get(folded[joined : joined + 1], ()):
        if folded.startswith(prefix, joined):
            yield joined + len(prefix)


def wanted(folded: str) -> frozenset[Kind]:
    """The kinds of fact that would answer a folded question, by its most telling words; empty where any text might."""
    return next((kinds for pattern, kinds in _WANTED if pattern.search(folded)), frozenset())

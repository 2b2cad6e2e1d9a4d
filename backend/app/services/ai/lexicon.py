"""Words that the checks of a reply know, in both languages, in folded spelling (see ``text.fold``)."""

import re
from decimal import Decimal

STOP_WORDS = frozenset(
    ["a", "an", "the", "this", "that", "these", "those", "it", "its", "is", "are", "was", "were", "be", "been", "being", "am", "do", "does", "did", "done", "has", "have", "had", "having", "will", "would", "shall", "should", "can", "could", "may", "might", "must", "of", "in", "on", "at", "by", "for", "with", "from", "to", "into", "onto", "over", "under", "as", "about", "between", "within", "and", "or", "but", "nor", "so", "if", "then", "than", "when", "while", "where", "which", "who", "whom", "whose", "what", "why", "how", "there", "here", "i", "you", "he", "she", "we", "they", "me", "him", "her", "us", "them", "my", "your", "our", "their", "his", "not", "no", "yes", "also", "too", "very", "just", "only", "more", "most", "some", "any", "each", "every", "all", "both", "other", "such", "own", "same", "per", "up", "out", "off", "until", "till", "during", "after", "before", "please", "ok", "okay", "otherwise", "one", "ones", "get", "gets", "let", "n't", "don't", "doesn't", "isn't", "aren't", "can't", "cannot", "won't", "didn't", "wasn't", "weren't", "couldn't", "i'm", "you're", "we're", "it's", "that's", "there's", "they're", "في", "من", "الي", "الى", "علي", "على", "عن", "مع", "هذا", "هذه", "ذلك", "تلك", "هو", "هي", "هم", "هن", "نحن", "انا", "انت", "انتم", "كان", "كانت", "يكون", "تكون", "ان", "انه", "انها", "التي", "الذي", "الذين", "ما", "ماذا", "متي", "متى", "اين", "كيف", "كم", "هل", "لا", "لم", "لن", "ليس", "ليست", "غير", "بدون", "او", "ام", "ثم", "قد", "كل", "بعض", "اي", "بين", "عند", "عندنا", "عندكم", "لدي", "لدينا", "لديكم", "لك", "لكم", "لنا", "له", "لها", "لكن", "لان", "اذا", "حتي", "حتى", "بعد", "قبل", "خلال", "منذ", "حول", "فقط", "ايضا", "كذلك", "نعم", "يوجد", "توجد", "هناك", "هنا", "هي", "كما", "وهو", "وهي", "وقد", "ولا", "وما", "لو", "مثل", "حيث", "اما", "الا", "يمكن", "يمكنك", "يمكنكم", "مو", "مش", "ايش", "وش", "شو", "وين", "فين", "شلون", "ازاي", "ليش", "عشان", "بس", "يا", "به", "بها", "فيه", "فيها", "منه", "منها", "عليه", "عليها"]
)  # fmt: skip
"""Words that say nothing of what a sentence is about."""

CURRENCIES: dict[str, str] = {
    "kwd": r"kwd|د\.ك\.?|دينار كويتي",
    "bhd": r"bhd|دينار بحريني",
    "omr": r"omr|ر\.ع\.?|ريال عماني",
    "qar": r"qar|ر\.ق\.?|ريال قطري",
    "jod": r"jod|jds?|دينار اردني",
    "gbp": r"gbp|£|pounds?|quid|جنيه استرليني",
    "usd": r"usd|us ?\$|\$|dollars?|bucks?|دولارات|دولارا|دولار",
    "aed": r"aed|dhs?|dirhams?|د\.? ?ا\.|دراهم|درهما|درهم",
    "sar": r"sar|s\.r\.?|sr|saudi riyals?|riyals?|riyal|rials?|ر\.? ?س\.?|ريالات|ريالا|ريال سعودي|ريال|رس|﷼|\u20c1",
    "dinar": r"dinars?|دنانير|دينارا|دينار",
    "egp": r"egp|e£|egyptian pounds?|ج\.م\.?|جنيهات|جنيها|جنيه مصري|جنيه",
    "eur": r"eur|€|euros?|يورو",
    "inr": r"inr|₹|rupees?|روبيه",
    "halala": r"halalas?|هللات|هلله",
    "cent": r"cents?|سنتات|سنت",
}
"""Currency code and how it is written; the particular before the general."""

DURATIONS: dict[str, tuple[str, str, Decimal]] = {
    "second": (r"seconds?|secs?|ثانيه|ثواني|ثوان", "min", Decimal(1) / 60),
    "minute": (r"minutes?|mins?|دقيقه|دقايق|دقائق", "min", Decimal(1)),
    "hour": (r"hours?|hrs?|ساعه|ساعات", "min", Decimal(60)),
    "day": (r"days?|يوما|يوم|ايام", "min", Decimal(1440)),
    "night": (r"nights?|ليله|ليالي", "night", Decimal(1)),
    "week": (r"weeks?|اسبوعا|اسبوع|اسابيع", "min", Decimal(10080)),
    "month": (r"months?|شهرا|شهر|اشهر|شهور", "mo", Decimal(1)),
    "year": (r"years?|yrs?|سنه|سنوات|سنين|عاما|عام|اعوام", "mo", Decimal(12)),
}
"""Unit of time: how it is written, the unit it is measured in, and how many of those it is."""

DUALS: dict[str, str] = {
    r"ريالين|ريالان": "sar",
    r"درهمين|درهمان": "aed",
    r"دينارين|ديناران": "dinar",
    r"جنيهين|جنيهان": "egp",
    r"دولارين|دولاران": "usd",
    r"دقيقتين|دقيقتان": "minute",
    r"ساعتين|ساعتان": "hour",
    r"يومين|يومان": "day",
    r"ليلتين|ليلتان": "night",
    r"اسبوعين|اسبوعان": "week",
    r"شهرين|شهران": "month",
    r"سنتين|سنتان|عامين|عامان": "year",
}
"""Arabic duals: two of a unit in one word."""

PERCENT = r"%|percent|per cent|pct|بالمايه|بالميه|في المايه|في الميه|بالمءه"
MORNING = r"(?<=[\d ])a\.? ?m\b\.?|in the morning|صباحا|الصبح|فجرا|الفجر|(?<![^\W\d_])ص"
EVENING = r"(?<=[\d ])p\.? ?m\b\.?|in the (?:evening|afternoon)|مساء|المساء|ظهرا|الظهر|عصرا|العصر|(?<![^\W\d_])م"
NIGHT = r"at night|بالليل|ليلا|منتصف الليل"
CLOCK = r"o'clock|الساعه|الساعات من"

MONTHS: dict[str, str] = {
    "g1": "january|jan|يناير|كانون الثاني|جانفي",
    "g2": "february|feb|فبراير|شباط|فيفري",
    "g3": "march|mar|مارس|اذار",
    "g4": "april|apr|ابريل|نيسان|افريل",
    "g5": "may|مايو|ايار|ماي",
    "g6": "june|jun|يونيو|حزيران|جوان",
    "g7": "july|jul|يوليو|تموز|جويليه",
    "g8": "august|aug|اغسطس|اب|اوت",
    "g9": "september|sept|sep|سبتمبر|ايلول",
    "g10": "october|oct|اكتوبر|تشرين الاول",
    "g11": "november|nov|نوفمبر|تشرين الثاني",
    "g12": "december|dec|ديسمبر|كانون الاول",
    "h1": "muharram|محرم",
    "h2": "safar|صفر",
    "h3": "rabi al-awwal|ربيع الاول",
    "h4": "rabi al-thani|ربيع الثاني|ربيع الاخر",
    "h5": "jumada al-ula|جمادي الاولي",
    "h6": "jumada al-akhirah|جمادي الاخره|جمادي الثانيه",
    "h7": "rajab|رجب",
    "h8": "sha'?ban|شعبان",
    "h9": "ramadan|رمضان",
    "h10": "shawwal|شوال",
    "h11": "dhu al-qi'?dah|ذو القعده|ذي القعده",
    "h12": "dhu al-hijjah|ذو الحجه|ذي الحجه",
}
"""Month: ``g`` Gregorian or ``h`` Hijri, its number, and its names."""

PRICE_CUES = re.compile(
    r"\b(?:prices?d?|costs?|fees?|(?<!of )charges?d?|sells?|only|each|apiece|worth)\b"
    r"|(?<!\w)(?:ال|ب|و|ل)?(?:سعره?ا?|اسعار|بسعر|تكلف\w*|يكلف\w*|كلفه|رسوم\w*|ثمن\w*|بكم|فقط|بس)(?!\w)"
)
"""Words beside which a bare number is a price."""

PROMISES: dict[str, re.Pattern[str]] = {
    "free": re.compile(
        r"(?<!feel )(?<!-)\bfree\b(?! to\b| up\b| time\b|-?from)|\bfreebies?\b|\bcomplimentary\b|\bgratis\b|\bon the house\b"
        r"|\b(?:no|without|at no|zero) (?:extra |additional |any )?(?:cost|charge|fee)s?\b|\bfree-of-charge\b"
        r"|(?<!\w)(?:ال|و|ب|ل)?(?:مجان\w*|ببلاش|بلاش)(?!\w)|(?:بدون|بلا|دون) (?:اي )?(?:رسوم|مقابل|تكلفه|ثمن)|علي حسابنا"
    ),
    "discount": re.compile(
        r"\bdiscount\w*|\b(?:half|quarter|third)[- ](?:price|off)|\d ?(?:%|percent|¤\w+)? ?off\b|\bcash ?back\b|\bcoupons?\b|\bvouchers?\b"
        r"|\bpromo(?:tion)?s?\b|\bpromo(?:tional)? code|\bon sale\b|\bflash sale\b|\bprice (?:cut|drop)|\breduced price"
        r"|(?<!\w)(?:و|ب|ال|ل)*(?:خصم\w*|خصومات|تخفيض\w*|كوبون\w*|قسيمه|تنزيلات|كاش ?باك)(?!\w)|(?:نصف|نص|ربع) (?:ال)?(?:سعر|ثمن)"
    ),
    "offer": re.compile(
        r"(?<!we )(?<!they )(?<!also )(?<!to )(?<!can )(?<!and )(?<!which )(?<!that )(?<!not )\boffers?\b(?! (?:a|an|the|our|you)\b)"
        r"|\b(?:special|great|best|good) deals?\b|\bdeals?\b(?! with)|\bbogo\b|\bbuy (?:one|1|two|2)\b.{0,12}\bget\b"
        r"|(?<!\w)(?:و|ب|ال|ل)*(?:عرض خاص|عروض\w*|العرض|عرضنا|صفقه|اشتر\w* \w+ واحصل)(?!\w)|(?<!\w)عرض(?= (?:علي|مميز|رائع|محدود|اليوم|حصري))"
    ),
    "guarantee": re.compile(
        r"\bguarant\w+|\bwarrant(?:y|ies|ied)\b|\b(?:we|i) promise\b"
        r"|(?<!\w)(?:و|ب|ال|ل)*(?:ضمان\w*|مضمون\w*|نضمن\w*|كفاله|نعدك\w*|اعدك)(?!\w)"
    ),
    "refund": re.compile(
        r"\brefund\w*|\bmoney[- ]back\b|\breimburs\w+|\breturns? (?:policy|period|window)|\breturnable\b"
        r"|(?<!\w)(?:و|ب|ال|ل)*(?:استرجاع\w*|استرداد\w*|نسترجع|ارجاع\w*|تعويض\w*|نعوضك)(?!\w)"
    ),
    "gift": re.compile(
        r"\bgifts?\b|\bgiveaway\w*|\bprizes?\b|\bbonus(?:es)?\b|\byou(?:'ve| have)? won\b"
        r"|(?<!\w)(?:و|ب|ال|ل)*(?:هديه\w*|هدايا|هديتك|جايزه|جوايز|مكافاه|مكافات|ربحت)(?!\w)"
    ),
    "unlimited": re.compile(r"\bunlimited\b|\blifetime\b|غير محدود\w*|مدي الحياه|بلا حدود"),
}
"""What a business must not be made to promise, by idea; the same idea must stand in the cited passage."""

NEGATORS = frozenset(
    ["not", "no", "never", "without", "except", "neither", "nor", "cannot", "excluding", "don't", "doesn't", "isn't", "aren't", "can't", "won't", "didn't", "wasn't", "weren't", "couldn't", "shouldn't", "wouldn't", "hasn't", "haven't", "لا", "ولا", "ليس", "ليست", "وليس", "لسنا", "غير", "بدون", "دون", "لن", "ولن", "لم", "ولم", "مو", "مش", "مب", "ماعدا", "عدا", "الا", "باستثناء", "بلا", "محد", "مافي", "مافيه", "ماعندنا"]
)  # fmt: skip
"""Words that turn the next word round."""

COURTESY = re.compile(
    r"\b(?:hello|hi|hey|welcome|thanks?|thank you|sorry|apologi[sz]e|happy to help|glad|let me know|feel free|anything else|please|"
    r"great question|good question|how can i help|of course|sure|certainly|absolutely|unfortunately|yes(?=\W*$)|no(?=\W*$)|have a (?:nice|great|good))\b"
    r"|(?<!\w)(?:مرحبا|اهلا|السلام|وعليكم|شكرا|العفو|عفوا|اسف|نعتذر|يسعدني|يسعدنا|سعيد|تفضل|اخبرني|اي سوال|مساعدتك|مساعده|اساعدك|اخدمك|بالتاكيد|اكيد|نعم(?=\W*$)|"
    r"اهلين|هلا|حياك|سوال اخر|استفسار)"
)
"""Sentences that say nothing of the business and so need no source."""

DENIAL = re.compile(
    r"\b(?:(?:don't|do not|doesn't|does not) (?:currently )?(?:have|know|say|mention|include|contain|cover)|couldn't find|could not find|can't find|"
    r"(?:isn't|is not|not) (?:mentioned|listed|specified|available in)|no information|not sure|unable to (?:find|confirm)|can't confirm)\b"
    r"|(?<!\w)(?:لا (?:املك|اعرف|اعلم|تتوفر|يتوفر|توجد لدي|استطيع تاكيد)|ليس لدي|ليست لدي|لم اجد|لا اجد|ما عندي|ماعندي|مو متاكد|لا تذكر|لا يذكر|غير مذكور)"
)
"""Saying that something isn't known."""

CONTACT_CUES = re.compile(
    r"\b(?:your|yours|you (?:said|mentioned|asked|wrote|paid))\b|(?<!\w)(?:طلبك|طلبكم|فاتورتك|ميزانيتك|مبلغك|ذكرت|قلت|سالت|دفعت|كتبت)(?!\w)"
)
"""Words that refer to what the contact said."""

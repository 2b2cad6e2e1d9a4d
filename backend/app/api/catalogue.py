"""What people read when something goes wrong, in both languages, by code.

The English detail is the error's own message; the Arabic one is said by code, as messages are written in English.
"""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Said:
    """A sentence in our languages."""

    en: str
    ar: str

    def within(self, language: str) -> str:
        """The sentence in one language."""
        return self.ar if language == "ar" else self.en


@dataclass(frozen=True, slots=True)
class Entry:
    """A problem's title, and its detail where the error brings none in the reader's language."""

    title: Said
    detail: Said


def _entry(title: str, title_ar: str, detail: str, detail_ar: str) -> Entry:
    return Entry(Said(title, title_ar), Said(detail, detail_ar))


PROBLEMS: dict[str, Entry] = {
    "internal_error": _entry(
        "Something went wrong",
        "حدث خطأ",
        "Something went wrong on our side. Try again; if it stays, tell whoever runs this installation its request id.",
        "حدث خطأ من جهتنا. حاول مرة أخرى، وإن تكرر فأبلغ مسؤول النظام برقم الطلب.",
    ),
    "misconfigured": _entry(
        "Not set up",
        "الإعداد غير مكتمل",
        "The installation isn't set up for this. Whoever runs it finds the reason by the request id.",
        "لم يُهيَّأ النظام لهذا الأمر. يجد مسؤول النظام السبب برقم الطلب.",
    ),
    "bad_request": _entry(
        "Not understood",
        "طلب غير مفهوم",
        "The request can't be read. Check how it is written and send it again.",
        "تعذّرت قراءة الطلب. راجع صيغته وأرسله من جديد.",
    ),
    "invalid_input": _entry(
        "Check your input",
        "تحقّق من المدخلات",
        "The request can't be understood as it is. Correct the named fields and send it again.",
        "لا يمكن قبول الطلب كما هو. صحّح الحقول المذكورة وأرسله من جديد.",
    ),
    "too_large": _entry(
        "Too large",
        "الحجم كبير جدًا",
        "The body is larger than this endpoint takes. Send less, or send it in parts.",
        "المحتوى أكبر من المسموح به هنا. أرسل محتوى أصغر أو على أجزاء.",
    ),
    "unsupported_media": _entry(
        "Unsupported kind of file",
        "نوع الملف غير مدعوم",
        "Files of this kind can't be read. Send text, Markdown, HTML, PDF, DOCX or CSV.",
        "لا يمكن قراءة هذا النوع من الملفات. أرسل نصًا أو Markdown أو HTML أو PDF أو DOCX أو CSV.",
    ),
    "unauthenticated": _entry(
        "Sign in",
        "سجّل الدخول",
        "A valid credential is needed. Sign in again and send it as a bearer token.",
        "يلزم اعتماد صالح. سجّل الدخول من جديد وأرسل الرمز مع الطلب.",
    ),
    "second_factor_needed": _entry(
        "Second step",
        "خطوة ثانية",
        "Signing in takes a second step here. Send the authenticator app's code, or a recovery code, as `code`.",
        "يتطلب تسجيل الدخول خطوة ثانية. أرسل رمز تطبيق المصادقة أو أحد رموز الاسترداد في الحقل `code`.",
    ),
    "enrolment_needed": _entry(
        "Second factor needed",
        "يلزم عامل تحقق ثانٍ",
        "Your business asks for a second factor. Set one up on the sign-in page first.",
        "تشترط منشأتك عامل تحقق ثانيًا. أضِفه أولًا من صفحة تسجيل الدخول.",
    ),
    "invalid_signature": _entry(
        "Wrong signature",
        "توقيع غير صحيح",
        "The signature doesn't match the body. Check the app secret on both sides.",
        "التوقيع لا يطابق المحتوى. تحقّق من المفتاح السري لدى الطرفين.",
    ),
    "forbidden": _entry(
        "Not allowed",
        "غير مسموح",
        "Your role doesn't allow this. Ask an owner of the business.",
        "دورك لا يسمح بهذا. اطلب ذلك من مالك المنشأة.",
    ),
    "suspended": _entry(
        "Paused",
        "الخدمة متوقفة مؤقتًا",
        "This business is paused: nothing is lost, and nobody answers. Whoever runs this installation knows why.",
        "خدمة هذه المنشأة متوقفة مؤقتًا: لا يضيع شيء ولا يجيب أحد. لمعرفة السبب راجع مسؤول النظام.",
    ),
    "quota_exceeded": _entry(
        "Quota used up",
        "استُنفدت الحصة",
        "What this business may use is used up. Ask whoever runs this installation for more.",
        "استُنفدت حصة هذه المنشأة. اطلب زيادتها من مسؤول النظام.",
    ),
    "not_found": _entry(
        "Not found",
        "غير موجود",
        "There is no such thing here. Check the id.",
        "لا يوجد شيء بهذا المعرّف هنا. تحقّق من المعرّف.",
    ),
    "method_not_allowed": _entry(
        "Method not allowed",
        "طريقة غير مسموحة",
        "This address doesn't take this method. The Allow header names those it takes.",
        "هذا العنوان لا يقبل هذه الطريقة. تجد الطرق المقبولة في ترويسة Allow.",
    ),
    "conflict": _entry(
        "Conflict",
        "تعارض",
        "This doesn't fit the present state. Read it again, then decide.",
        "هذا لا يوافق الحالة الراهنة. أعد القراءة ثم قرّر.",
    ),
    "idempotency_key_reused": _entry(
        "Key already used",
        "المفتاح مستخدم من قبل",
        "This Idempotency-Key was used for another request. Use a new one for each thing you want done.",
        "استُخدم مفتاح Idempotency-Key هذا لطلب آخر. استخدم مفتاحًا جديدًا لكل عملية.",
    ),
    "idempotency_key_in_use": _entry(
        "Still being worked on",
        "الطلب قيد التنفيذ",
        "The first request with this Idempotency-Key is still being worked on. Send it again in a moment.",
        "ما زال الطلب الأول بمفتاح Idempotency-Key هذا قيد التنفيذ. أعد إرساله بعد لحظات.",
    ),
    "overloaded": _entry(
        "Too much to do",
        "ضغط كبير",
        "Too much is waiting to be done. Try again as Retry-After says.",
        "الطلبات المنتظرة كثيرة الآن. أعد المحاولة بعد المدة المذكورة في ترويسة Retry-After.",
    ),
    "gone": _entry(
        "No longer kept",
        "لم يعد محفوظًا",
        "This is no longer kept. Load a fresh snapshot and go on from there.",
        "لم يعد هذا محفوظًا. حمّل نسخة حديثة وتابع منها.",
    ),
    "precondition_failed": _entry(
        "Changed meanwhile",
        "تغيّر أثناء ذلك",
        "Somebody changed this since you read it. Read it again, compare, then send your change with the new ETag.",
        "عدّله شخص آخر بعد قراءتك. أعد القراءة وقارن، ثم أرسل تعديلك مع ETag الجديد.",
    ),
    "precondition_required": _entry(
        "Say what you have seen",
        "حدّد ما قرأته",
        "Say which state you have seen: send the ETag of what you read as If-Match.",
        "حدّد الحالة التي قرأتها: أرسل قيمة ETag في ترويسة If-Match.",
    ),
    "rate_limited": _entry(
        "Too many requests",
        "طلبات كثيرة",
        "Too many requests. Wait as long as Retry-After says.",
        "طلبات كثيرة جدًا. انتظر المدة المذكورة في ترويسة Retry-After.",
    ),
    "upstream_refused": _entry(
        "Refused by the other side",
        "رفض من الطرف الآخر",
        "The service on the other side refused this. Check its credentials and settings.",
        "رفضت الخدمة الخارجية هذا الطلب. تحقّق من اعتماداتها وإعداداتها.",
    ),
    "upstream_unavailable": _entry(
        "The other side doesn't answer",
        "الطرف الآخر لا يجيب",
        "The service on the other side doesn't answer. It will be tried again.",
        "الخدمة الخارجية لا تجيب. ستُعاد المحاولة.",
    ),
    "circuit_open": _entry(
        "The other side is resting",
        "مهلة للطرف الآخر",
        "The service on the other side failed repeatedly and is given a pause. Try again shortly.",
        "تكرر تعطل الخدمة الخارجية فأُعطيت مهلة. حاول بعد قليل.",
    ),
    "unavailable": _entry(
        "Not ready",
        "غير جاهز",
        "This part of the installation isn't ready. Try again shortly.",
        "هذا الجزء من النظام غير جاهز. حاول بعد قليل.",
    ),
    "indeterminate": _entry(
        "Outcome unknown",
        "النتيجة غير معروفة",
        "Nobody knows whether the platform accepted this message. Wait for its status before sending again.",
        "لا يُعرف هل قبلت المنصة هذه الرسالة. انتظر حالتها قبل الإرسال من جديد.",
    ),
    "window_closed": _entry(
        "Reply time is over",
        "انتهت مهلة الرد",
        "The time in which the platform lets us reply freely is over. Wait for the contact, or use a template.",
        "انتهت المدة التي تسمح فيها المنصة بالرد الحر. انتظر رسالة من جهة الاتصال أو استخدم قالبًا.",
    ),
    "opted_out": _entry(
        "Wants to hear nothing",
        "طلب إيقاف الرسائل",
        "This contact doesn't want to hear from us unasked. Wait until they write again.",
        "طلبت جهة الاتصال هذه إيقاف الرسائل. انتظر حتى تكتب من جديد.",
    ),
    "account_blocked": _entry(
        "Channel account blocked",
        "حساب القناة محظور",
        "The platform no longer takes messages from this channel account. Connect it again.",
        "لم تعد المنصة تقبل الرسائل من حساب القناة هذا. أعد ربطه.",
    ),
    "unreadable": _entry(
        "Unreadable",
        "تعذّرت القراءة",
        "A stored value was altered, moved here from another place, or its key is gone. Enter it again.",
        "قيمة محفوظة غُيّرت أو نُقلت من موضع آخر أو فُقد مفتاحها. أدخلها من جديد.",
    ),
    "erased": _entry(
        "Erased",
        "محذوف",
        "This client was erased: its key was destroyed, and nothing of it can be read any more.",
        "حُذف هذا العميل: أُتلف مفتاحه ولم يعد يُقرأ شيء من بياناته.",
    ),
    "unreachable": _entry(
        "Contact out of reach",
        "تعذّر الوصول",
        "The contact can't be reached on this channel. Try another one.",
        "لا يمكن الوصول إلى جهة الاتصال عبر هذه القناة. جرّب قناة أخرى.",
    ),
}

WRONG = Said("This value isn't valid.", "هذه القيمة غير صالحة.")

_NUMBER = Said("A number belongs here.", "يلزم هنا رقم.")
_TRUTH = Said("True or false belongs here.", "يلزم هنا صواب أو خطأ.")
_ID = Said("An id belongs here (UUID).", "يلزم هنا معرّف (UUID).")
_TIME = Said("A date and time belong here (RFC 3339).", "يلزم هنا تاريخ ووقت (RFC 3339).")
_LIST = Said("A list belongs here.", "يلزم هنا قائمة.")
_OBJECT = Said("An object belongs here.", "يلزم هنا كائن.")
_CHOICE = Said("One of the documented values belongs here.", "يلزم هنا إحدى القيم الموثّقة.")
_JSON = Said("This isn't valid JSON.", "هذا ليس JSON صالحًا.")

FIELD_ERRORS: dict[str, Said] = {
    "missing": Said("This field is needed.", "هذا الحقل مطلوب."),
    "extra_forbidden": Said("There is no such field.", "لا يوجد حقل بهذا الاسم."),
    "string_type": Said("A text belongs here.", "يلزم هنا نص."),
    "string_too_short": Said("At least {min_length} characters.", "{min_length} حرفًا على الأقل."),
    "string_too_long": Said("At most {max_length} characters.", "{max_length} حرفًا على الأكثر."),
    "too_short": Said("At least {min_length}.", "{min_length} على الأقل."),
    "too_long": Said("At most {max_length}.", "{max_length} على الأكثر."),
    "greater_than": Said("More than {gt}.", "أكبر من {gt}."),
    "greater_than_equal": Said("At least {ge}.", "{ge} على الأقل."),
    "less_than": Said("Less than {lt}.", "أقل من {lt}."),
    "less_than_equal": Said("At most {le}.", "{le} على الأكثر."),
    "json_invalid": _JSON,
    "json_type": _JSON,
    "enum": _CHOICE,
    "literal_error": _CHOICE,
    "list_type": _LIST,
    "dict_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    **dict.fromkeys(
        ("int_type", "int_parsing", "int_from_float", "float_type", "float_parsing"), _NUMBER
    ),
    **dict.fromkeys(("bool_type", "bool_parsing"), _TRUTH),
    **dict.fromkeys(("uuid_type", "uuid_parsing"), _ID),
    **dict.fromkeys(("datetime_type", "datetime_parsing", "datetime_from_date_parsing"), _TIME),
}
"""By pydantic's type of error. What isn't here is only called wrong: other messages may quote the input."""

BOUNDS = frozenset({"min_length", "max_length", "gt", "ge", "lt", "le"})
"""What may be filled in: our own limits, never the caller's values."""

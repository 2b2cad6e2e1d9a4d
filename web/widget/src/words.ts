/** Every text of ours that a contact sees, in both languages. */

import type { Digits, Language } from "@wafaa/shared/protocol.ts";

const en = {
  chat: "Chat",
  withAgent: (name: string) => `${name} is here`,
  awaited: "A colleague will join you",
  language: "العربية",
  person: "Talk to a person",
  close: "Close chat",
  log: "Conversation",
  input: "Write a message",
  send: "Send",
  you: "You",
  assistant: "AI assistant",
  colleague: "A colleague",
  typing: "The assistant is typing",
  searching: "Looking it up",
  writing: "Writing",
  sources: "Sources",
  source: (number: string, title: string) => `Source ${number}: ${title}`,
  openSource: "Open the source",
  closeSource: "Close source",
  helpful: "Helpful",
  unhelpful: "Not helpful",
  why: "What was wrong?",
  wrong: "Wrong",
  incomplete: "Incomplete",
  thanks: "Thank you, noted.",
  starters: "Suggestions",
  offline: "You are offline. Your messages are sent when you are back.",
  waiting: "Waiting for a connection",
  sending: "Sending",
  refused: "Not sent",
  again: "Try again",
  dismiss: "Discard",
  failed: "Something went wrong with this answer.",
  unreachable: "The chat can't be reached right now. We keep trying.",
  earlier: "Show earlier messages",
  latest: "Jump to the latest message",
  foreign: "This chat isn't set up for this page.",
  paused: "This chat is paused. Please come back later.",
  asked: "Our team has been told. Someone will reply here.",
  joined: (name: string) => `${name} joined the conversation`,
  back: "The assistant is answering again",
  closed: "This conversation is closed",
  fresh: "Start a new one",
  powered: "Powered by Wafaa",
};

export type Words = typeof en;

const ar: Words = {
  chat: "المحادثة",
  withAgent: (name) => `${name} معك الآن`,
  awaited: "سينضم إليك أحد الزملاء",
  language: "English",
  person: "التحدث إلى موظف",
  close: "إغلاق المحادثة",
  log: "سجل المحادثة",
  input: "اكتب رسالة",
  send: "إرسال",
  you: "أنت",
  assistant: "المساعد الآلي",
  colleague: "أحد الزملاء",
  typing: "المساعد يكتب الآن",
  searching: "جارٍ البحث",
  writing: "جارٍ الكتابة",
  sources: "المصادر",
  source: (number, title) => `المصدر ${number}: ${title}`,
  openSource: "فتح المصدر",
  closeSource: "إغلاق المصدر",
  helpful: "إجابة مفيدة",
  unhelpful: "إجابة غير مفيدة",
  why: "ما المشكلة في الإجابة؟",
  wrong: "غير صحيحة",
  incomplete: "غير مكتملة",
  thanks: "شكرًا، سجّلنا ملاحظتك.",
  starters: "اقتراحات",
  offline: "لا يوجد اتصال بالإنترنت. نرسل رسائلك عند عودة الاتصال.",
  waiting: "في انتظار الاتصال",
  sending: "جارٍ الإرسال",
  refused: "لم تُرسل",
  again: "إعادة المحاولة",
  dismiss: "تجاهل",
  failed: "حدث خطأ أثناء إعداد الإجابة.",
  unreachable: "تعذّر الوصول إلى المحادثة الآن. سنواصل المحاولة.",
  earlier: "عرض الرسائل السابقة",
  latest: "الانتقال إلى آخر رسالة",
  foreign: "المحادثة غير مفعّلة لهذه الصفحة.",
  paused: "المحادثة متوقفة مؤقتًا. عد إلينا لاحقًا من فضلك.",
  asked: "أُبلغ فريقنا، وسيرد عليك هنا أحد الزملاء.",
  joined: (name) => `المحادثة الآن مع ${name}`,
  back: "عاد المساعد الآلي للرد",
  closed: "أُغلقت هذه المحادثة",
  fresh: "بدء محادثة جديدة",
  powered: "بدعم من وفاء",
};

export const WORDS: Readonly<Record<Language, Words>> = { ar, en };

/** The direction in which `language` is written. */
export function directionOf(language: Language): "rtl" | "ltr" {
  return language === "ar" ? "rtl" : "ltr";
}

/** `ar` or `en` for whatever the page, the visitor or the browser calls their language. */
export function toLanguage(tag: string | null | undefined, fallback: Language = "en"): Language {
  const primary = (tag ?? "").toLowerCase().split("-")[0];
  return primary === "ar" || primary === "en" ? primary : fallback;
}

/** Writes numbers and times in the visitor's language and the business's digits. */
export class Formats {
  readonly #locale: string;
  readonly #number: Intl.NumberFormat;
  readonly #time: Intl.DateTimeFormat;

  constructor(language: Language, digits: Digits) {
    this.#locale = localeOf(language, digits);
    this.#number = new Intl.NumberFormat(this.#locale);
    this.#time = new Intl.DateTimeFormat(this.#locale, { hour: "numeric", minute: "2-digit" });
  }

  /** These formats, or new ones where language or digits differ: making them is slow. */
  in(language: Language, digits: Digits): Formats {
    return localeOf(language, digits) === this.#locale ? this : new Formats(language, digits);
  }

  number(value: number): string {
    return this.#number.format(value);
  }

  time(iso: string | null): string {
    return iso ? this.#time.format(new Date(iso)) : "";
  }
}

function localeOf(language: Language, digits: Digits): string {
  return language === "ar" ? `ar-u-nu-${digits}` : "en-u-nu-latn";
}

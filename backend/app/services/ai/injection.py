"""Recognises sentences of a passage that speak to the assistant instead of about the business.

Whoever can write into a document (a crawled page, a pasted review) could otherwise teach it "facts". Such a sentence,
and all that follows it in its passage, is no evidence and is never quoted. It is not a classifier and needn't be: the
checks of a draft hold without it, this only keeps a poisoned passage from vouching for itself.
"""

import re
from collections.abc import Sequence
from itertools import takewhile

from app.services.ai.text import fold

_ORDERS = re.compile(
    r"\b(?:ignore|disregard|forget|override|bypass)\b.{0,40}\b(?:instructions?|rules?|prompts?|previous|above|guidelines)\b"
    r"|\b(?:assistants?|ai|chat ?bots?|bots?|language models?|llms?|gpt)\b.{0,30}\b(?:must|should|shall|has to|have to|now|always)\b"
    r".{0,30}\b(?:say|reply|answer|tell|write|respond|offer|send|include|output|recommend)\b"
    r"|\b(?:system|developer) (?:prompt|message|instructions?)\b|\bnew instructions?\b|\byou are now\b|\bact as\b.{0,20}\b(?:ai|assistant|dan)\b"
    r"|\b(?:reply|respond|answer|say|output) (?:only |exactly |always )?(?:with|exactly|only)\b.{0,10}[\"'«“:]"
    r"|<\|?(?:system|im_start|assistant)|\[/?inst\]|^[^\S\n]*(?:system|assistant) ?:"
    r"|(?<!\w)(?:تجاهل\w*|انس|تخط\w*)(?!\w).{0,40}(?:تعليمات|قواعد|ما سبق|السابق)"
    r"|(?<!\w)(?:ال|ايها ال|يا )?(?:مساعد\w*|روبوت|بوت|ذكاء الاصطناعي|نموذج اللغوي)(?!\w).{0,30}(?<!\w)(?:قل|قولي|اكتب|رد|اجب|ان تقول|ان يقول|ان يرد|ان قل|ارسل)(?!\w)"
    r"|تعليمات جديده|(?<!\w)انت الان(?!\w)|رساله النظام",
    re.MULTILINE,
)


def orders(sentence: str) -> bool:
    """Whether a sentence gives the assistant orders."""
    return bool(_ORDERS.search(fold(sentence)))


def honest(parts: Sequence[str]) -> list[str]:
    """The sentences before the first that gives orders."""
    return list(takewhile(lambda part: not orders(part), parts))

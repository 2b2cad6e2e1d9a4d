"""What the clients in the races know: questions and answers of shops, made up."""

PLACES = (
    "Hittin", "Olaya", "Malaz", "Yasmin", "Narjis", "Sahafa", "Rabwa", "Nakheel", "Wurud", "Murabba",
    "Diriyah", "Qirawan", "Aqiq", "Ghadir", "Nuzha", "Izdihar", "Rawda", "Manar", "Khaleej", "Andalus",
)  # fmt: skip


def faq() -> list[tuple[str, str]]:
    """Sixty questions with their answers: delivery, hours and parking of twenty branches."""
    return [
        entry
        for n, place in enumerate(PLACES)
        for entry in (
            (
                f"Do you deliver to {place}?",
                f"Yes, we deliver to {place}. It costs {10 + n} riyals and takes {30 + n} minutes.",
            ),
            (
                f"When does the {place} branch open?",
                f"The {place} branch opens at {6 + n % 5} in the morning, Friday at 1 pm.",
            ),
            (
                f"Is there parking at the {place} branch?",
                f"The {place} branch has {5 + n} parking spaces behind the building.",
            ),
        )
    ]


def as_text() -> bytes:
    """The same as a text file of questions and answers."""
    return "\n\n".join(f"Q: {question}\nA: {answer}" for question, answer in faq()).encode()

"""A contact writes on WhatsApp."""

MENU = "# Menu\n\nA flat white costs 18 SAR. We open at 7 in the morning.\n"


async def test_a_question_is_answered_once_with_what_the_business_taught(product, whatsapp) -> None:
    cafe = await product.business("cafe", documents={"menu.md": MENU})
    await product.connect_whatsapp(cafe, "900200")
    await product.drain()
    assert (
        await whatsapp.deliver(whatsapp.says("900200", "966500000001", "How much is a flat white?"))
        == 200
    )
    await product.drain()
    replies = [send.text for send in whatsapp.inbox("966500000001")]
    assert len(replies) == 1
    assert "18 SAR" in replies[0]

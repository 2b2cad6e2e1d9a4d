"""Prints the Arabic PDFs beside this file, and the text they were made from, with a real browser.

Run it where Chromium and the fonts are installed (Debian: ``chromium fonts-noto-core``):
``python tests/payloads/files/make_pdfs.py``. The tests read what it made and need no browser.
"""

from pathlib import Path

from playwright.sync_api import sync_playwright

HERE = Path(__file__).parent

CAFE = """
<h1>مقهى وفاء ومحمصتها</h1>
<p>يقع المقهى الرئيسي في حي العليا (شارع التحلية)، ويستقبل الزوار على مدار ٢٤ ساعة طوال أيام الأسبوع، ما عدا يوم
الجمعة حيث
يفتح من الساعة ١:٣٠ ظهرًا إلى الساعة ١١:٤٥ مساءً. للحجز اتصل على الرقم 920001234 أو على +966 50 123 4567.</p>
<p>قال رسول الله ﷺ: إن الله يحب إذا عمل أحدكم عملًا أن يتقنه.</p>
<h2>قائمة الأسعار</h2>
<table class="ruled"><tr><th>المشروب<th>الحجم<th>السعر<th>Price
<tr><td>قهوة مختصة<td>كبير<td>١٢٫٥٠ ر.س<td>12.50 SAR
<tr><td>لاتيه بالحليب<td>وسط<td>١٨٫٧٥ ر.س<td>18.75 SAR
<tr><td>شاي كرك (حار)<td>صغير<td>٥ ر.س<td>5 SAR</table>
<h2>العروض</h2>
<p>خصم ٢٥٪ على طلبات التوصيل من 2026-03-01 حتى ٣١/٠٣/٢٠٢٦، وخصم 15% لأعضاء برنامج Wafaa Rewards عند الدفع بواسطة
Apple Pay أو mada.
الحد الأدنى للطلب 45 ريالًا، ورسوم التوصيل ٩٫٩٩ ريال.</p>
<p>الإجمالي ١٬٢٥٠٫٠٠ ر.س (شامل ضريبة القيمة المضافة 15%)، والمدة 3-5 أيام عمل، والبريد info@wafaa.example والموقع
https://wafaa.example/menu?id=7</p>
<ul><li>واي فاي مجاني بسرعة 100 Mbps</li><li>مواقف لعدد ٤٠ سيارة</li></ul>
"""

POLICY = """
<h1>سياسة الإرجاع والاستبدال</h1>
<p>يمكن إرجاع المنتجات خلال 14 يومًا من تاريخ الشراء، بشرط إبراز الفاتورة رقم INV-2026-0042، ويُعاد المبلغ خلال
7 أيام عمل إلى
البطاقة نفسها. تبلغ رسوم الشحن 25.00 ريالًا للطلبات التي تقل عن 200 ريال، وهي مجانية لما زاد على ذلك.</p>
<p>أوقات خدمة العملاء: من 9:00 إلى 17:30 من الأحد إلى الخميس، وهاتفها 8001234567 (مجاني)، وواتساب 0501234567.</p>
<p>الطراز XJ-900 بقدرة 1,500 واط وضمان 24 شهرًا [النسخة 2.1]، ودرجة التخزين 25°C، ونسبة الرضا 99.9%.</p>
<p>الهاتف <span dir="ltr">+966 11 234 5678</span> والسعر <bdi dir="ltr">12.50 SAR</bdi> والمدة <span
dir="ltr">30 min</span>
والرقم المحلي 050 123 4567 والتاريخ 12/05/2026، ونعمل من 9 AM إلى 5 PM، وسعر الطرد 3 kg هو $45.</p>
<p>2026-04-01 هو تاريخ بدء السياسة الجديدة.</p>
"""

_BRANCH = """تفتح فروعنا أبوابها من الساعة 6:00 صباحًا إلى الساعة 1:00 بعد منتصف الليل، ويبلغ عدد المقاعد ١٢٠
مقعدًا، وتوجد قاعة
اجتماعات (VIP) تتسع إلى 18 شخصًا بسعر 350.00 ريال لليوم الواحد شاملة القهوة العربية والتمر. """

BRANCHES = f"""
<h1>دليل الفروع</h1>
<table><tr><td>الأحد - الخميس<td>9:00 - 17:30<tr><td>الجمعة<td>١٤:٠٠ - ٢٢:٠٠<tr><td>السبت<td>مغلق</table>
<div style="columns: 2; column-gap: 40px"><p>{_BRANCH * 3}</p><p>{_BRANCH * 3}</p></div>
<h2>المشروبات</h2>
<table><tr><th>الصنف<th>السعر<th>السعرات<tr><td>كابتشينو<td>16 ريال<td>120 kcal
<tr><td>موكا بالشوكولاتة البيضاء<td>٢١٫٥٠ ريال<td>٣٤٠ سعرة<tr><td>Flat White<td>17.25 SAR<td>95</table>
<p>قهوة اليوم<br>إثيوبيا ١٩ ريال<br>كولومبيا ٢٠ ريال<br>البرازيل 17 ريال</p>
"""

CLINIC = """
<h1>Bright Dental Clinic</h1>
<p>We open Sunday to Thursday from 9:00 to 17:30. Call 920001234 or +966 50 123 4567 for an appointment. The
name in Arabic is
عيادة الأسنان المشرقة and we are at King Road 12.</p>
<h2>Prices</h2>
<table class="ruled"><tr><th>Treatment<th>Price<th>Duration<tr><td>Cleaning<td>SAR 250.00<td>30 min
<tr><td>Whitening (laser)<td>SAR 1,200<td>60-90 min</table>
<ul><li>Parking is free</li><li>VAT 15% included</li></ul>
"""

STYLE = """<style>body { font: 14px/1.6 'Noto Naskh Arabic', 'Noto Sans', sans-serif } td, th { padding: 3px
14px; text-align: start }
.ruled { border-collapse: collapse } .ruled td, .ruled th { border: 1px solid #888 }</style>"""

PAGES = {
    "cafe.ar": ("ar", "rtl", CAFE),
    "policy.ar": ("ar", "rtl", POLICY),
    "branches.ar": ("ar", "rtl", BRANCHES),
    "clinic.en": ("en", "ltr", CLINIC),
}


def main() -> None:
    """Prints every page."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path="/usr/bin/chromium", args=["--no-sandbox"]
        )
        for name, (language, direction, body) in PAGES.items():
            page = browser.new_page()
            head = f'<!doctype html><html lang="{language}" dir="{direction}"><meta charset="utf-8">{STYLE}'
            page.set_content(head + body)
            page.pdf(path=HERE / f"{name}.pdf", format="A4", tagged=False)
            (HERE / f"{name}.txt").write_text(page.inner_text("body") + "\n", encoding="utf-8")
        browser.close()


if __name__ == "__main__":
    main()

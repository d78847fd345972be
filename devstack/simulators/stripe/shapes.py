"""Parameters that many operations share."""

from devstack.simulators.stripe.parameters import (
    Currency,
    Decimals,
    Either,
    Fields,
    Flag,
    Kind,
    ListOf,
    Metadata,
    Text,
    Whole,
    fields,
    one_of,
)

TEXT, ID, METADATA, FLAG = Text(), Text(), Metadata(), Flag()
CREATE_METADATA = Metadata(clearable=False)
WHOLE, CENTS, QUANTITY, TIME = Whole(), Whole(0, 99_999_999), Whole(0, 999_999), Whole(0)
CURRENCY, DECIMAL = Currency(), Decimals()
EXPAND = ListOf(Text(), 20)
MAX_PAGE = 100

INTERVAL = one_of("day month week year")
TAX_BEHAVIOR = one_of("exclusive inclusive unspecified")
FUTURE_USAGE = one_of("off_session on_session")
METHOD = one_of(
    "acss_debit affirm afterpay_clearpay alipay alma amazon_pay au_becs_debit bacs_debit "
    "bancontact billie bizum blik boleto card cashapp crypto customer_balance eps fpx giropay "
    "grabpay ideal kakao_pay klarna konbini kr_card link mb_way mobilepay multibanco naver_pay "
    "nz_bank_account oxxo p24 pay_by_bank payco paynow paypal payto pix promptpay revolut_pay "
    "samsung_pay satispay scalapay sepa_debit sofort sunbit swish twint upi us_bank_account "
    "wechat_pay zip"
)
EXCLUDABLE = one_of(" ".join(word for word in METHOD.words if word != "link"))
SAVED = one_of(" ".join((*METHOD.words, "custom")))
LOCALE = one_of(
    "auto bg cs da de el en en-GB es es-419 et fi fil fr fr-CA hr hu id it ja ko lt lv ms mt nb nl "
    "pl pt pt-BR ro ru sk sl sv th tr vi zh zh-HK zh-TW"
)
PORTAL_LOCALE = one_of(" ".join((*LOCALE.words, "en-AU en-CA en-IE en-IN en-NZ en-SG")))
ADDRESS = fields(city=TEXT, country=TEXT, line1=TEXT, line2=TEXT, postal_code=TEXT, state=TEXT)
ISSUER = fields("type", account=TEXT, type=one_of("account self"))
AUTOMATIC_TAX = fields("enabled", enabled=FLAG, liability=ISSUER)
RECURRING = fields("interval", interval=INTERVAL, interval_count=Whole(1))
CREATED = Either(fields(gt=TIME, gte=TIME, lt=TIME, lte=TIME), TIME)
PAGE: dict[str, Kind] = {
    "limit": Whole(1, MAX_PAGE),
    "starting_after": ID,
    "ending_before": ID,
    "expand": EXPAND,
}
RETRIEVE = fields(expand=EXPAND)


def page(**filters: Kind) -> Fields:
    """The query of a list: a page of it, and what it can be filtered by."""
    return Fields({**PAGE, "created": CREATED, **filters})

"""The parameters of all operations but checkout: what Stripe's reference lists for this API
version and this simulator understands."""

from devstack.simulators.stripe.checkout_parameters import EMAIL, URL
from devstack.simulators.stripe.parameters import (
    Either,
    Fields,
    ListOf,
    Text,
    Whole,
    WordOr,
    fields,
    merged,
    one_of,
)
from devstack.simulators.stripe.shapes import (
    ADDRESS,
    AUTOMATIC_TAX,
    CENTS,
    CREATE_METADATA,
    CURRENCY,
    DECIMAL,
    EXPAND,
    FLAG,
    FUTURE_USAGE,
    ID,
    INTERVAL,
    METADATA,
    PAGE,
    QUANTITY,
    SAVED,
    TAX_BEHAVIOR,
    TEXT,
    TIME,
    WHOLE,
    page,
)

_CLEARABLE = Text(clearable=True)
_SHIPPING = fields("address name", address=ADDRESS, name=TEXT, phone=TEXT, clearable=True)
_CUSTOMER = fields(
    address=fields(clearable=True, **ADDRESS.kinds),
    balance=WHOLE,
    business_name=Text(150, clearable=True),
    description=_CLEARABLE,
    email=Text(512, clearable=True, format="email"),
    expand=EXPAND,
    individual_name=Text(150, clearable=True),
    invoice_settings=fields(default_payment_method=Text(clearable=True), footer=_CLEARABLE),
    metadata=METADATA,
    name=Text(256, clearable=True),
    phone=Text(20, clearable=True),
    preferred_locales=ListOf(TEXT),
    shipping=_SHIPPING,
    tax=fields(ip_address=_CLEARABLE, validate_location=one_of("deferred immediately")),
    tax_exempt=one_of("exempt none reverse", clearable=True),
)
CUSTOMER_CREATE = merged(_CUSTOMER, fields(payment_method=ID))
_LOCATION = one_of("auto deferred immediately")
CUSTOMER_UPDATE = merged(
    _CUSTOMER, fields(tax=fields(ip_address=_CLEARABLE, validate_location=_LOCATION))
)
CUSTOMER_LIST = page(email=Text(512))

PRODUCT_CREATE = fields(
    "name",
    active=FLAG,
    description=Text(40_000),
    expand=EXPAND,
    id=ID,
    images=ListOf(TEXT, 8),
    metadata=CREATE_METADATA,
    name=TEXT,
    statement_descriptor=Text(22),
    tax_code=TEXT,
    unit_label=Text(12),
    url=Text(format="url"),
)
PRODUCT_LIST = page(active=FLAG, ids=ListOf(ID))
PRICE_CREATE = fields(
    "currency",
    active=FLAG,
    billing_scheme=one_of("per_unit tiered"),
    currency=CURRENCY,
    expand=EXPAND,
    lookup_key=Text(200),
    metadata=CREATE_METADATA,
    nickname=TEXT,
    product=ID,
    product_data=fields(
        "name", active=FLAG, id=ID, metadata=CREATE_METADATA, name=TEXT, unit_label=Text(12)
    ),
    recurring=fields(
        "interval",
        interval=INTERVAL,
        interval_count=Whole(1),
        usage_type=one_of("licensed metered"),
    ),
    tax_behavior=TAX_BEHAVIOR,
    transfer_lookup_key=FLAG,
    unit_amount=CENTS,
    unit_amount_decimal=DECIMAL,
)
PRICE_LIST = page(
    active=FLAG,
    currency=CURRENCY,
    lookup_keys=ListOf(TEXT, 10),
    product=ID,
    type=one_of("one_time recurring"),
)

_METHODS = fields("enabled", allow_redirects=one_of("always never"), enabled=FLAG)
_OFF_SESSION = Either(FLAG, fields())
_CONFIRM = fields(
    capture_method=one_of("automatic automatic_async manual"),
    error_on_requires_action=FLAG,
    expand=EXPAND,
    off_session=_OFF_SESSION,
    payment_method=ID,
    payment_method_types=ListOf(TEXT),
    receipt_email=EMAIL,
    return_url=URL,
    setup_future_usage=FUTURE_USAGE,
    use_stripe_sdk=FLAG,
)
INTENT_CREATE = merged(
    _CONFIRM,
    fields(
        "amount currency",
        amount=CENTS,
        automatic_payment_methods=_METHODS,
        confirm=FLAG,
        confirmation_method=one_of("automatic manual"),
        currency=CURRENCY,
        customer=ID,
        description=Text(1000),
        metadata=CREATE_METADATA,
        statement_descriptor=Text(22),
        statement_descriptor_suffix=Text(22),
        transfer_group=TEXT,
    ),
)
INTENT_CONFIRM = merged(
    _CONFIRM,
    fields(
        receipt_email=Text(format="email", clearable=True),
        setup_future_usage=one_of("off_session on_session", clearable=True),
    ),
)
INTENT_CANCEL = fields(
    cancellation_reason=one_of("abandoned duplicate fraudulent requested_by_customer"),
    expand=EXPAND,
)
INTENT_UPDATE = fields(
    amount=CENTS,
    description=Text(1000, clearable=True),
    expand=EXPAND,
    metadata=METADATA,
    payment_method=ID,
    receipt_email=Text(512, clearable=True),
)
INTENT_LIST = page(customer=ID)
SETUP_LIST = page(customer=ID, payment_method=ID)
CHARGE_LIST = page(customer=ID, payment_intent=ID)
REFUND_CREATE = fields(
    amount=Whole(1),
    charge=ID,
    expand=EXPAND,
    metadata=METADATA,
    payment_intent=ID,
    reason=one_of("duplicate fraudulent requested_by_customer"),
)
REFUND_UPDATE = fields(expand=EXPAND, metadata=METADATA)
REFUND_LIST = page(charge=ID, payment_intent=ID)
DISPUTE_LIST = page(charge=ID, payment_intent=ID)
WARNING_LIST = page(charge=ID, payment_intent=ID)
BALANCE_LIST = page(currency=CURRENCY, payout=ID, source=ID, type=TEXT)
EVENT_LIST = page(delivery_success=FLAG, type=TEXT, types=ListOf(TEXT, 20))

_REDISPLAY = one_of("always limited unspecified")
METHOD_LIST = Fields({**PAGE, "allow_redisplay": _REDISPLAY, "customer": ID, "type": SAVED})
METHOD_ATTACH = fields(customer=ID, expand=EXPAND)
METHOD_OF_CUSTOMER_LIST = Fields({**PAGE, "allow_redisplay": _REDISPLAY, "type": SAVED})

_CANCELLATION = fields(
    comment=_CLEARABLE,
    feedback=one_of(
        "customer_service low_quality missing_features other switched_service too_complex "
        "too_expensive unused",
        clearable=True,
    ),
)
_ITEM = fields(deleted=FLAG, id=ID, metadata=METADATA, price=ID, quantity=QUANTITY)
SUBSCRIPTION_UPDATE = fields(
    automatic_tax=AUTOMATIC_TAX,
    cancel_at=Either(Whole(0), fields()),
    cancel_at_period_end=FLAG,
    cancellation_details=_CANCELLATION,
    default_payment_method=ID,
    description=Text(500, clearable=True),
    expand=EXPAND,
    items=ListOf(_ITEM, 20),
    metadata=METADATA,
    off_session=FLAG,
    proration_behavior=one_of("always_invoice create_prorations none"),
    trial_end=WordOr("now", TIME),
)
SUBSCRIPTION_CANCEL = fields(
    cancellation_details=_CANCELLATION, expand=EXPAND, invoice_now=FLAG, prorate=FLAG
)
SUBSCRIPTION_LIST = page(
    collection_method=one_of("charge_automatically send_invoice"),
    customer=ID,
    price=ID,
    status=one_of(
        "active all canceled ended incomplete incomplete_expired past_due paused trialing unpaid"
    ),
)
INVOICE_LIST = page(
    collection_method=one_of("charge_automatically send_invoice"),
    customer=ID,
    status=one_of("draft open paid uncollectible void"),
    subscription=ID,
)
INVOICE_UPDATE = fields(description=Text(1500), expand=EXPAND, metadata=METADATA)
INVOICE_PAY = fields(expand=EXPAND, off_session=FLAG, payment_method=ID)
INVOICE_ATTACH = fields(expand=EXPAND, payment_intent=ID, payment_record=ID)
INVOICE_LINES = Fields(PAGE)
_NOTE_LINE = fields(
    "type",
    amount=WHOLE,
    description=TEXT,
    invoice_line_item=ID,
    quantity=WHOLE,
    type=one_of("custom_line_item invoice_line_item"),
    unit_amount=WHOLE,
)
CREDIT_NOTE_CREATE = fields(
    "invoice",
    amount=WHOLE,
    credit_amount=WHOLE,
    effective_at=WHOLE,
    email_type=one_of("credit_note none"),
    expand=EXPAND,
    invoice=ID,
    lines=ListOf(_NOTE_LINE),
    memo=TEXT,
    metadata=CREATE_METADATA,
    out_of_band_amount=WHOLE,
    reason=one_of("duplicate fraudulent order_change product_unsatisfactory"),
    refund_amount=WHOLE,
    refunds=ListOf(fields(amount_refunded=WHOLE, refund=ID)),
)
CREDIT_NOTE_UPDATE = fields(expand=EXPAND, memo=TEXT, metadata=METADATA)
CREDIT_NOTE_LIST = page(customer=ID, invoice=ID)
CUSTOMER_BALANCE_LIST = page(invoice=ID)
INVOICE_PAYMENT_LIST = page(
    invoice=ID,
    payment=fields("type", payment_intent=ID, type=one_of("payment_intent payment_record")),
    status=one_of("canceled open paid"),
)
DISPUTE_UPDATE = fields(
    evidence=fields(
        customer_email_address=TEXT,
        customer_name=TEXT,
        product_description=Text(20_000),
        uncategorized_text=Text(20_000),
    ),
    expand=EXPAND,
    metadata=METADATA,
    submit=FLAG,
)

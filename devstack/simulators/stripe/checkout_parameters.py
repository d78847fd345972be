"""The parameters of checkout sessions and of the customer portal."""

from devstack.simulators.stripe.parameters import Fields, ListOf, Text, Whole, fields, one_of
from devstack.simulators.stripe.shapes import (
    ADDRESS,
    AUTOMATIC_TAX,
    CENTS,
    CREATE_METADATA,
    CURRENCY,
    DECIMAL,
    EXCLUDABLE,
    EXPAND,
    FLAG,
    FUTURE_USAGE,
    ID,
    ISSUER,
    LOCALE,
    METHOD,
    PORTAL_LOCALE,
    QUANTITY,
    RECURRING,
    TAX_BEHAVIOR,
    TEXT,
    TIME,
    page,
)

URL = Text(format="url")
EMAIL = Text(512, format="email")
_ON = fields("enabled", enabled=FLAG)
_MESSAGE = fields("message", message=Text(1200), clearable=True)
_UPDATE = one_of("auto never")
_REDISPLAY = one_of("always limited unspecified")
_PRODUCT = fields(
    "name",
    description=Text(40_000),
    images=ListOf(TEXT, 8),
    metadata=CREATE_METADATA,
    name=TEXT,
    tax_code=TEXT,
    unit_label=Text(12),
)
_PRICE = fields(
    "currency",
    currency=CURRENCY,
    product=ID,
    product_data=_PRODUCT,
    recurring=RECURRING,
    tax_behavior=TAX_BEHAVIOR,
    unit_amount=CENTS,
    unit_amount_decimal=DECIMAL,
)
_LINE = fields(
    adjustable_quantity=fields("enabled", enabled=FLAG, maximum=Whole(0), minimum=Whole(0)),
    metadata=CREATE_METADATA,
    price=ID,
    price_data=_PRICE,
    quantity=QUANTITY,
)
_INVOICE = fields(
    "enabled",
    enabled=FLAG,
    invoice_data=fields(
        account_tax_ids=ListOf(ID, clearable=True),
        custom_fields=ListOf(
            fields("name value", name=Text(40), value=Text(140)), 4, clearable=True
        ),
        description=Text(1500),
        footer=TEXT,
        issuer=ISSUER,
        metadata=CREATE_METADATA,
    ),
)
_SHIPPING = fields(
    "address name",
    address=Fields(ADDRESS.kinds, frozenset({"line1"})),
    name=TEXT,
    carrier=TEXT,
    phone=TEXT,
)
_PAYMENT = fields(
    capture_method=one_of("automatic automatic_async manual"),
    description=Text(1000),
    metadata=CREATE_METADATA,
    receipt_email=EMAIL,
    setup_future_usage=FUTURE_USAGE,
    shipping=_SHIPPING,
    statement_descriptor=Text(22),
    statement_descriptor_suffix=Text(22),
    transfer_group=TEXT,
)
_SUBSCRIPTION = fields(
    billing_mode=fields("type", type=one_of("classic flexible")),
    description=Text(500),
    invoice_settings=fields(issuer=ISSUER),
    metadata=CREATE_METADATA,
    proration_behavior=one_of("create_prorations none"),
    trial_end=TIME,
    trial_period_days=Whole(1, 730),
    trial_settings=fields(
        "end_behavior",
        end_behavior=fields(
            "missing_payment_method",
            missing_payment_method=one_of("cancel create_invoice pause"),
        ),
    ),
)
_CONSENT = fields(
    payment_method_reuse_agreement=fields("position", position=one_of("auto hidden")),
    promotions=one_of("auto none"),
    terms_of_service=one_of("none required"),
)
_TEXTS = fields(
    after_submit=_MESSAGE,
    shipping_address=_MESSAGE,
    submit=_MESSAGE,
    terms_of_service_acceptance=_MESSAGE,
)
_BRANDING = fields(
    background_color=Text(clearable=True),
    border_style=one_of("pill rectangular rounded", clearable=True),
    button_color=Text(clearable=True),
    display_name=TEXT,
)
_SAVED = fields(
    allow_redisplay_filters=ListOf(_REDISPLAY),
    payment_method_remove=one_of("disabled enabled"),
    payment_method_save=one_of("disabled enabled"),
)
_CARD_OPTIONS = fields(
    request_three_d_secure=one_of("any automatic challenge"),
    setup_future_usage=FUTURE_USAGE,
)

SESSION_CREATE = fields(
    adaptive_pricing=fields(enabled=FLAG),
    after_expiration=fields(recovery=fields("enabled", allow_promotion_codes=FLAG, enabled=FLAG)),
    allow_promotion_codes=FLAG,
    automatic_tax=AUTOMATIC_TAX,
    billing_address_collection=one_of("auto required"),
    branding_settings=_BRANDING,
    cancel_url=URL,
    client_reference_id=Text(200),
    consent_collection=_CONSENT,
    currency=CURRENCY,
    custom_text=_TEXTS,
    customer=ID,
    customer_creation=one_of("always if_required"),
    customer_email=EMAIL,
    customer_update=fields(address=_UPDATE, name=_UPDATE, shipping=_UPDATE),
    excluded_payment_method_types=ListOf(EXCLUDABLE),
    expand=EXPAND,
    expires_at=TIME,
    invoice_creation=_INVOICE,
    line_items=ListOf(_LINE),
    locale=LOCALE,
    metadata=CREATE_METADATA,
    mode=one_of("payment setup subscription"),
    name_collection=fields(
        business=fields("enabled", enabled=FLAG, optional=FLAG),
        individual=fields("enabled", enabled=FLAG, optional=FLAG),
    ),
    origin_context=one_of("mobile_app web"),
    payment_intent_data=_PAYMENT,
    payment_method_collection=one_of("always if_required"),
    payment_method_configuration=Text(100),
    payment_method_data=fields(allow_redisplay=_REDISPLAY),
    payment_method_options=fields(card=_CARD_OPTIONS),
    payment_method_types=ListOf(METHOD),
    phone_number_collection=_ON,
    redirect_on_completion=one_of("always if_required never"),
    return_url=URL,
    saved_payment_method_options=_SAVED,
    setup_intent_data=fields(description=Text(1000), metadata=CREATE_METADATA),
    submit_type=one_of("auto book donate pay subscribe"),
    subscription_data=_SUBSCRIPTION,
    success_url=URL,
    tax_id_collection=fields("enabled", enabled=FLAG, required=one_of("if_supported never")),
    ui_mode=one_of("elements embedded_page form hosted_page"),
    wallet_options=fields(link=fields(display=one_of("auto never"))),
)
SESSION_LIST: Fields = page(
    customer=ID,
    customer_details=fields("email", email=EMAIL),
    payment_intent=ID,
    status=one_of("complete expired open"),
    subscription=ID,
)
_RETURN = fields("return_url", return_url=URL)
_FLOW = fields(
    "type",
    after_completion=fields(
        "type",
        hosted_confirmation=fields(custom_message=Text(500)),
        redirect=_RETURN,
        type=one_of("hosted_confirmation portal_homepage redirect"),
    ),
    subscription_cancel=fields("subscription", subscription=ID),
    subscription_update=fields("subscription", subscription=ID),
    type=one_of(
        "customer_update payment_method_update subscription_cancel subscription_update "
        "subscription_update_confirm"
    ),
)
PORTAL_CREATE = fields(
    configuration=ID,
    customer=ID,
    expand=EXPAND,
    flow_data=_FLOW,
    locale=PORTAL_LOCALE,
    return_url=URL,
)
LINE_ITEMS = fields(limit=Whole(1, 100), starting_after=ID, ending_before=ID, expand=EXPAND)

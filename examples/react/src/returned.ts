const query = () => new URLSearchParams(location.search);

/** The order of the payment page that has led back here; empty for a page that was opened otherwise. */
export const returnedOrder = () => query().get("order_id") ?? "";

/** A reload shows the purchase no more. */
export const forgetReturn = () => history.replaceState(null, "", location.pathname);

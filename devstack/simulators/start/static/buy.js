// Buying credits: one button for each package, which leads to the page where they are paid.

const money = (cents, currency) =>
  new Intl.NumberFormat("en", { style: "currency", currency }).format(cents / 100);

/**
 * Fills the list. `call` calls the service as the current user, `guarded` shows what goes wrong, `confirmed` is called
 * after a payment that the bank wanted confirmed.
 */
export async function showPackages(list, call, guarded, confirmed) {
  const { packages } = await call("/credits/packages");
  const { confirmation } = await call("/me/top-up");
  const buttons = packages.map((each) => packageButton(each, call, guarded));
  if (confirmation) buttons.unshift(confirmButton(confirmation, guarded, confirmed));
  list.replaceChildren(...buttons);
}

/** The bank did not let an automatic top-up pass: its buyer goes on with that payment. */
function confirmButton({ clientSecret, paymentMethodId, amountCents, currency }, guarded, confirmed) {
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.confirm = "";
  button.append(`Confirm your top-up of ${money(amountCents, currency)}`);
  button.addEventListener("click", guarded(async () => {
    const stripe = await loadStripe();
    const { error } = await stripe.confirmCardPayment(clientSecret, { payment_method: paymentMethodId });
    if (error) throw new Error(error.message);
    await confirmed();
  }));
  const item = document.createElement("li");
  item.append(button);
  return item;
}

function loadStripe() {
  return new Promise((done, failed) => {
    const script = document.createElement("script");
    script.src = "/stripe/js";
    script.onload = () => done(window.Stripe("pk_test_local"));
    script.onerror = () => failed(new Error("Stripe.js cannot be loaded."));
    document.head.append(script);
  });
}

function packageButton({ packageId, totalCredits, bonusCredits, amountCents, currency }, call, guarded) {
  const button = document.createElement("button");
  button.type = "button";
  button.dataset.package = packageId;
  button.append(`${totalCredits} credits for ${money(amountCents, currency)}`);
  const note = document.createElement("span");
  note.textContent = bonusCredits ? `${bonusCredits} of them on top` : "No card is charged: Stripe is simulated.";
  button.append(note);
  // A click that is repeated after a lost response goes on with the same order.
  const key = crypto.randomUUID();
  button.addEventListener("click", guarded(async () => {
    const body = { packageId, uiMode: "hosted" };
    const { url } = await call("/stripe/checkout", { method: "POST", body, key });
    location.assign(url);
  }));
  const item = document.createElement("li");
  item.append(button);
  return item;
}

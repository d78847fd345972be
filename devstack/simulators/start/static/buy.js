// Buying credits: one button for each package, which leads to the page where they are paid.

const money = (cents, currency) =>
  new Intl.NumberFormat("en", { style: "currency", currency }).format(cents / 100);

/** Fills the list. `call` calls the service as the current user, `guarded` shows what goes wrong. */
export async function showPackages(list, call, guarded) {
  const { packages } = await call("/credits/packages");
  list.replaceChildren(...packages.map((each) => packageButton(each, call, guarded)));
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

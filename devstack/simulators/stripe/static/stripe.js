// Stands in for Stripe.js on a local stack, as far as an embedded checkout page and the confirmation of a
// payment need it:
//   const checkout = await Stripe("pk_test_…").createEmbeddedCheckoutPage({ fetchClientSecret, onComplete });
//   checkout.mount("#checkout");
//   const { error } = await Stripe("pk_test_…").confirmCardPayment(clientSecret, { payment_method });
// In production the page loads https://js.stripe.com instead.
(() => {
  const base = document.currentScript.src.replace(/\/js(\?.*)?$/, "");
  const origin = new URL(base).origin;

  let page;

  const createEmbeddedCheckoutPage = async ({ clientSecret, fetchClientSecret, onComplete } = {}) => {
    const secret = clientSecret ?? (await fetchClientSecret?.());
    if (typeof secret !== "string" || !secret.includes("_secret_")) {
      throw new Error("createEmbeddedCheckoutPage needs the client secret of a checkout session.");
    }
    if (page) throw new Error("You cannot have multiple Embedded Checkout objects.");
    const frame = (page = document.createElement("iframe"));
    frame.title = "Payment";
    frame.src = `${base}/pay/${secret.split("_secret_")[0]}?embedded#${secret}`;
    frame.style.cssText = "width: 100%; min-height: 26rem; border: 0; color-scheme: normal";

    const receive = (event) => {
      const message = event.data;
      if (event.origin !== origin || event.source !== frame.contentWindow) return;
      if (message?.source !== "simulated-stripe") return;
      if (message.type === "resize") frame.style.height = `${message.height}px`;
      if (message.type === "complete") {
        onComplete?.();
        if (message.redirect) location.assign(message.redirect);
      }
    };

    const unmount = () => {
      removeEventListener("message", receive);
      frame.remove();
    };
    return {
      mount(target) {
        const element = typeof target === "string" ? document.querySelector(target) : target;
        if (!element) throw new Error(`Nothing matches ${target}.`);
        addEventListener("message", receive);
        element.append(frame);
      },
      unmount,
      destroy() {
        unmount();
        page = undefined;
      },
    };
  };

  const confirmCardPayment = async (clientSecret, { payment_method: method } = {}) => {
    const [id] = clientSecret.split("_secret_");
    const passed = window.confirm("Simulated bank: is it you who pays?");
    const response = await fetch(`${base}/confirm/${id}`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ secret: clientSecret, method, passed }),
    });
    const content = await response.json();
    return response.ok ? { paymentIntent: { id, ...content } } : { error: content };
  };

  window.Stripe = (key) => {
    if (!/^pk_test_/.test(key ?? "")) throw new Error("The simulated Stripe takes keys pk_test_… only.");
    return { createEmbeddedCheckoutPage, confirmCardPayment };
  };
})();

"use strict";

const said = document.getElementById("said");

function showAddress() {
  if (document.body.dataset.addressKnown === "yes") return;
  for (const place of document.querySelectorAll(".address")) place.textContent = location.origin;
}

function selectText(block) {
  const range = document.createRange();
  range.selectNodeContents(block);
  getSelection().removeAllRanges();
  getSelection().addRange(range);
}

async function copy(button) {
  const block = button.closest("figure").querySelector("code");
  const label = button.firstChild;
  try {
    await navigator.clipboard.writeText(block.textContent);
    label.textContent = "Copied";
    said.textContent = "Copied to the clipboard";
  } catch {
    // Without https the clipboard is closed to pages: the text is left selected for the keyboard.
    selectText(block);
    label.textContent = "Selected";
    said.textContent = "Selected; copy it with the keyboard";
  }
  setTimeout(() => { label.textContent = "Copy"; }, 2000);
}

function openCopyButtons() {
  for (const button of document.querySelectorAll("button.copy")) {
    button.hidden = false;
    button.addEventListener("click", () => copy(button));
  }
}

function markPlace(id) {
  for (const link of document.querySelectorAll(".side a")) {
    if (link.hash === "#" + id) link.setAttribute("aria-current", "true");
    else link.removeAttribute("aria-current");
  }
}

function followReading() {
  const watcher = new IntersectionObserver((seen) => {
    for (const each of seen) if (each.isIntersecting) markPlace(each.target.id);
  }, { rootMargin: "-15% 0px -75% 0px" });
  for (const part of document.querySelectorAll("main section[id], main article[id]")) watcher.observe(part);
}

function closeDrawer() {
  const drawer = document.querySelector(".drawer details");
  if (drawer) drawer.open = false;
}

showAddress();
openCopyButtons();
followReading();
addEventListener("hashchange", closeDrawer);

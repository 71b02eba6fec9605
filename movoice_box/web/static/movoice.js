// What pages need beyond HTML and htmx. Elements ask for it by data- attributes.
"use strict";

document.addEventListener("click", async (event) => {
  const opener = event.target.closest("[data-opens]");
  if (opener) {
    document.getElementById(opener.dataset.opens).showModal();
  }
  const closer = event.target.closest("[data-closes]");
  if (closer) {
    closer.closest("dialog").close();
  }
  const copier = event.target.closest("[data-copies]");
  if (copier) {
    await copy(document.getElementById(copier.dataset.copies).textContent.trim());
    copier.querySelector("[data-copied]").textContent = "Copied";
  }
});

// navigator.clipboard is missing where the box is reached by plain http on the network.
async function copy(text) {
  if (navigator.clipboard) {
    await navigator.clipboard.writeText(text);
    return;
  }
  const area = document.createElement("textarea");
  area.value = text;
  document.body.append(area);
  area.select();
  document.execCommand("copy");
  area.remove();
}

// <form data-sends-once>: a second click sends nothing while the first is on its way.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (!("sendsOnce" in form.dataset)) {
    return;
  }
  if (form.dataset.sent) {
    event.preventDefault();
    return;
  }
  form.dataset.sent = "yes";
  for (const button of form.querySelectorAll("[type=submit]")) {
    button.setAttribute("aria-disabled", "true");
  }
});

// A page that comes back from the browser's memory can be sent again.
addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) {
    delete form.dataset.sent;
    form.querySelectorAll("[aria-disabled]").forEach((one) => one.removeAttribute("aria-disabled"));
  }
});

// A field that the browser finds wrong is shown, though its part of the form is folded up.
document.addEventListener("invalid", (event) => {
  const fold = event.target.closest("details");
  if (fold) {
    fold.open = true;
  }
}, true);

// [data-adds="id of a template"] puts a row before itself; [data-removes] takes its own row away.
document.addEventListener("click", (event) => {
  const adder = event.target.closest("[data-adds]");
  if (adder) {
    adder.before(document.getElementById(adder.dataset.adds).content.cloneNode(true));
    adder.previousElementSibling.querySelector("input").focus();
  }
  event.target.closest("[data-removes]")?.closest("[data-row]").remove();
});

// [data-shown-by="field=value"]: part of a form that belongs to one choice of another field.
function showDependents() {
  for (const part of document.querySelectorAll("[data-shown-by]")) {
    const [name, value] = part.dataset.shownBy.split("=");
    const chosen = document.querySelector(`[name="${name}"]:checked`);
    part.hidden = !chosen || chosen.value !== value;
  }
}
document.addEventListener("change", showDependents);
document.addEventListener("DOMContentLoaded", showDependents);

// <select data-submits>: choosing is enough. <input type=file data-names="id">: say which file.
document.addEventListener("change", (event) => {
  if ("submits" in event.target.dataset) {
    event.target.form.requestSubmit();
  }
  if (event.target.dataset.names) {
    const file = event.target.files[0];
    const size = file && (file.size < 1e6 ? `${Math.ceil(file.size / 1e3)} kB` : `${(file.size / 1e6).toFixed(1)} MB`);
    document.getElementById(event.target.dataset.names).textContent = file ? `${file.name}, ${size}` : "";
  }
});

// [data-drop]: a file dropped on it goes to its file input.
for (const type of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(type, (event) => {
    const zone = event.target.closest?.("[data-drop]");
    if (!zone) {
      return;
    }
    event.preventDefault();
    zone.classList.toggle("is-over", type === "dragover");
    if (type === "drop" && event.dataTransfer.files.length) {
      const input = zone.querySelector("input[type=file]");
      input.files = event.dataTransfer.files;
      input.dispatchEvent(new Event("change", { bubbles: true }));
    }
  });
}

// The stream of a page: say when it is cut and when it is back, in words.
function say(id, isSaid) {
  document.getElementById(id).hidden = !isSaid;
}
document.addEventListener("htmx:sseOpen", () => say("connection", false));
document.addEventListener("htmx:sseError", () => say("connection", true));
document.addEventListener("htmx:sseClose", () => say("connection", false));
document.addEventListener("htmx:responseError", () => say("failure", true));
document.addEventListener("htmx:beforeRequest", () => say("failure", false));

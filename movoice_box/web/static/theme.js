// Runs before the page is drawn: the theme that was chosen, or else the machine's own.
(() => {
  const KEY = "movoice-theme";
  const machine = matchMedia("(prefers-color-scheme: dark)");

  function apply() {
    const chosen = localStorage.getItem(KEY) || "auto";
    const isDark = chosen === "dark" || (chosen === "auto" && machine.matches);
    document.documentElement.dataset.bsTheme = isDark ? "dark" : "light";
    for (const button of document.querySelectorAll("[data-theme]")) {
      button.setAttribute("aria-pressed", String(button.dataset.theme === chosen));
    }
  }

  apply();
  machine.addEventListener("change", apply);
  document.addEventListener("DOMContentLoaded", apply);
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-theme]");
    if (button) {
      localStorage.setItem(KEY, button.dataset.theme);
      apply();
    }
  });
})();

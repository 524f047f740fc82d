// Light or dark as this browser was told, before anything is drawn. And what the page may rely on:
// `scripted` = scripts run; `js` = the built bundle is there too. Without it the plain forms stay.
(function () {
  "use strict";
  var root = document.documentElement;
  root.classList.add("scripted");
  if ("bundle" in root.dataset) root.classList.add("js");
  addEventListener("error", function (event) {
    if (event.target instanceof HTMLScriptElement) root.classList.remove("js");
  }, true);
  function stored() {
    try { return localStorage.getItem("earmark.theme"); } catch (_) { return null; }
  }
  function apply(theme) {
    if (theme === "light" || theme === "dark") root.dataset.theme = theme;
    else delete root.dataset.theme;
  }
  apply(stored());
  // A menu closes when something else is pressed, or on Escape.
  function close(target) {
    document.querySelectorAll("details.menu[open], details.heard[open]").forEach(function (menu) {
      if (!(target instanceof Node) || !menu.contains(target)) menu.open = false;
    });
  }
  document.addEventListener("keydown", function (event) { if (event.key === "Escape") close(null); });
  document.addEventListener("click", function (event) {
    close(event.target);
    var button = event.target instanceof Element && event.target.closest("[data-theme-toggle]");
    if (!button) return;
    var dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
    var next = dark ? "light" : "dark";
    try { localStorage.setItem("earmark.theme", next); } catch (_) { /* then for this page only */ }
    apply(next);
  });
})();

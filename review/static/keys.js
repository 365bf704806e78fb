"use strict";
// J and K: the next and the previous candidate; in the list, the row below and the row above.
(() => {
  const typing = (element) => element.matches("input:not([type=radio]), textarea, select, [contenteditable]");

  const step = (forward) => {
    const rows = [...document.querySelectorAll("[data-step]")];
    if (rows.length === 0) {
      document.querySelector(forward ? "a[rel=next]" : "a[rel=prev]")?.click();
      return;
    }
    const here = rows.indexOf(document.activeElement);
    const there = here < 0 ? 0 : Math.min(rows.length - 1, Math.max(0, here + (forward ? 1 : -1)));
    rows[there].focus();
  };

  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    const key = event.key.toLowerCase();
    if (key !== "j" && key !== "k") return;
    event.preventDefault();
    step(key === "j");
  });
})();

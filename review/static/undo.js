"use strict";
// The minute in which the last answer can be undone, counted down; then the way back goes.
(() => {
  const after = document.querySelector(".after");
  if (!after) return;
  const title = document.getElementById("title");
  const button = after.querySelector("button");
  const end = Date.now() + Number(after.dataset.seconds) * 1000;
  const of = { style: "unit", unit: "second", unitDisplay: "short" };
  const seconds = new Intl.NumberFormat(document.documentElement.lang, of);
  const count = () => {
    const left = Math.ceil((end - Date.now()) / 1000);
    if (left > 0) {
      after.querySelector(".left").textContent = seconds.format(left);
      setTimeout(count, 500);
      return;
    }
    if (after.contains(document.activeElement)) title?.focus();
    title?.removeAttribute("aria-describedby");
    after.remove();
  };
  count();
  document.addEventListener("keydown", (event) => {
    const its = event.key.toLowerCase() === "u" || (event.key > "~" && event.code === "KeyU");
    const typing = event.target.matches("input:not([type=radio], [type=checkbox], [type=range]), textarea, select");
    const off = localStorage.getItem("single keys") === "off" || document.querySelector("dialog:modal");
    if (!its || typing || off || event.ctrlKey || event.metaKey || event.altKey || !after.isConnected) return;
    button.click();
  });
})();

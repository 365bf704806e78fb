"use strict";
// The minute in which the last answer can be undone, counted down; then the way back goes.
(() => {
  const after = document.querySelector(".after");
  if (!after) return;
  const title = document.getElementById("title");
  const button = after.querySelector("button");
  const end = Date.now() + Number(after.dataset.seconds) * 1000;
  const count = () => {
    const left = Math.ceil((end - Date.now()) / 1000);
    if (left > 0) {
      after.querySelector(".left").textContent = `${left} s`;
      setTimeout(count, 500);
      return;
    }
    if (after.contains(document.activeElement)) title?.focus();
    title?.removeAttribute("aria-describedby");
    after.remove();
    globalThis.undo = undefined;
  };
  count();
  globalThis.undo = () => button.click();
})();

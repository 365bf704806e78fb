"use strict";
// One line of a list: a digit chooses whom, Y or N answers, S goes on without an answer.
(() => {
  const matches = [...document.querySelectorAll("[data-match]")];
  let chosen = matches[0];
  const choose = (one) => {
    chosen?.classList.remove("chosen");
    chosen = one;
    one.classList.add("chosen");
    one.scrollIntoView({ block: "nearest" });
  };
  if (chosen) choose(chosen);
  addEventListener("keydown", (event) => {
    const typing = event.target.closest?.("input:not([type=checkbox]), textarea, select");
    if (typing || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
    const one = matches.find((match) => match.dataset.match === event.key);
    if (one) { choose(one); return; }
    const key = event.key.toLowerCase();
    const target = key === "s" ? document.querySelector("a[data-key=s]") : chosen?.querySelector(`[data-key="${CSS.escape(key)}"]`);
    if (!target) return;
    event.preventDefault();
    target.click();
  });
})();

"use strict";
// The form of a review: keys, a draft that is kept while one types, undo, what excludes, and what comes next.
(() => {
  const DRAFT_MS = 800;
  const form = document.getElementById("form");
  const words = document.getElementById("words").dataset;
  const here = form.dataset.here;
  const kept = document.getElementById("kept");
  const say = (text) => { if (kept.textContent !== text) kept.textContent = text; };

  // Until when it is held, on this machine's clock; keeping a draft makes it longer.
  const held = (until) => {
    const time = document.querySelector("time[data-local]");
    time.dateTime = until;
    const of = { hour: "2-digit", minute: "2-digit", hour12: false };
    time.textContent = new Date(until).toLocaleTimeString(document.documentElement.lang, of);
  };
  held(document.querySelector("time[data-local]").dateTime);

  // --- the draft ------------------------------------------------------------------------------------------
  const signedOut = document.getElementById("signed-out");
  const ranOut = document.getElementById("ran-out");
  let timer = 0;
  let saved = "";
  const fields = () => new URLSearchParams(new FormData(form));
  const told = () => { const now = fields(); now.delete("token"); return now.toString(); };
  // Returns the status of the answer; 0: none came.
  const save = async (options = {}) => {
    clearTimeout(timer);
    const sent = told();
    try {
      const answer = await fetch(`${here}/draft`, {
        method: "POST", body: fields(), headers: { Accept: "application/json" }, redirect: "manual", ...options,
      });
      if (answer.ok) {
        saved = sent;
        held((await answer.json()).until);
      }
      say(answer.ok ? words.kept : "");
      if (answer.status === 401 || answer.status === 403) { if (!signedOut.open) signedOut.showModal(); }
      if (answer.status === 404 && !ranOut.open) ranOut.showModal();
      return answer.status;
    } catch {
      say(words.notKept);
      return 0;
    }
  };
  saved = told();
  const later = () => { say(""); clearTimeout(timer); timer = setTimeout(save, DRAFT_MS); };
  form.addEventListener("input", later);
  addEventListener("pagehide", () => { if (told() !== saved && !sending) save({ keepalive: true }); });

  // A new session has new form tokens: the page itself, asked for again, brings them.
  const goOn = async () => {
    const answer = await fetch(here, { headers: { Accept: "application/json, text/html" } });
    if (answer.status === 404) { signedOut.close(); ranOut.showModal(); return; }
    const page = answer.ok ? new DOMParser().parseFromString(await answer.text(), "text/html") : null;
    const token = page?.querySelector("#form input[name=token]")?.value;
    signedOut.querySelector("[data-still-out]").hidden = Boolean(token);
    if (!token) return;
    for (const input of document.querySelectorAll("input[name=token]")) input.value = token;
    signedOut.close();
    await save();
  };
  signedOut.querySelector("[data-go-on]").addEventListener("click", goOn);
  signedOut.addEventListener("cancel", (event) => event.preventDefault());
  ranOut.querySelector("[data-close]").addEventListener("click", () => ranOut.close());
  addEventListener("focus", () => { if (signedOut.open) goOn(); });

  // --- sending: on the button or with Ctrl only, and not before the session is known to be there -----------------
  let sending = false;
  form.addEventListener("submit", async (event) => {
    if (event.submitter?.formAction?.endsWith("/draft")) return;
    event.preventDefault();
    if (sending) return;
    sending = true;
    const status = await save();
    if (status === 200) form.submit();
    else sending = false;
  });
  addEventListener("pageshow", () => { sending = false; });
  const send = () => form.requestSubmit(form.querySelector("[data-send]"));

  // --- what excludes ------------------------------------------------------------------------------------------
  const lacks = document.getElementById("lacks");
  const answers = [...form.querySelectorAll("input[name=answer]")];
  const excluded = () => [...form.querySelectorAll("[data-excluding]")].some((line) =>
    line.querySelector(".different input:checked") && !line.querySelector(".explained").value.trim());
  let note = null;
  const exclude = () => {
    const is = excluded();
    for (const input of answers) {
      input.disabled = is && !(Number(input.value) <= -2);
      if (input.disabled) input.checked = false;
    }
    if (is && !note) {
      note = document.createElement("p");
      note.className = "note bad";
      note.textContent = words.excluded;
      lacks.replaceChildren(note);
    } else if (!is && note) {
      note.remove();
      note = null;
    }
  };
  form.addEventListener("input", exclude);
  exclude();

  // --- what comes next is fetched while this is looked at ----------------------------------------------------------
  const leaving = new AbortController();
  form.addEventListener("submit", () => leaving.abort());
  const fetchAhead = async () => {
    const asked = { headers: { Accept: "application/json" }, signal: leaving.signal };
    const answer = await fetch(`${here}/ahead`, asked);
    if (!answer.ok) return;
    const { page, pictures } = await answer.json();
    for (const address of pictures) new Image().src = address;
    const next = document.querySelector("a[rel=next]");
    if (page && next.hidden) Object.assign(next, { href: page, hidden: false });
  };
  addEventListener("load", () => setTimeout(() => fetchAhead().catch(() => {}), 300));

  // --- keys --------------------------------------------------------------------------------------------------
  const typing = (element) => element.matches("input:not([type=radio], [type=checkbox], [type=range]), textarea, select");
  const click = (selector) => document.querySelector(selector)?.click();
  const answer = (number) => {
    const input = answers[number - 1];
    if (!input || input.disabled) return;
    input.checked = true;
    input.focus();
    form.dispatchEvent(new Event("input"));
  };
  const compare = (choice) => {
    const line = document.activeElement.closest("fieldset.feature");
    const input = line?.querySelector(`.${choice} input`);
    if (!input) return false;
    input.checked = true;
    form.dispatchEvent(new Event("input"));
    const following = choice === "different" && line.hasAttribute("data-excluding")
      ? line.querySelector(".explained") : line.nextElementSibling?.querySelector("input");
    following?.focus();
    return true;
  };
  const help = document.getElementById("help");
  const keys = {
    n: () => { answer(8); if (answers[7]?.checked) form.querySelector("[name=reason]").focus(); },
    j: () => click("a[rel=next]:not([hidden])"),
    k: () => click("a[rel=prev]"),
    f: () => globalThis.looking?.flip(),
    b: () => globalThis.looking?.blink(),
    z: () => globalThis.looking?.zoom(),
    0: () => globalThis.looking?.reset(),
    "[": () => globalThis.looking?.pick("shot", -1),
    "]": () => globalThis.looking?.pick("shot", 1),
    "{": () => globalThis.looking?.pick("photo", -1),
    "}": () => globalThis.looking?.pick("photo", 1),
    v: () => moment.toggle(),
    s: () => compare("similar"),
    d: () => compare("different"),
    x: () => compare("not_visible"),
    "?": () => help.togglePopover(),
    arrowleft: (target) => target.type !== "radio" && moment.step(-1),
    arrowright: (target) => target.type !== "radio" && moment.step(1),
    escape: () => globalThis.looking?.stop(),
  };
  for (const number of [1, 2, 3, 4, 5, 6, 7]) keys[number] = () => answer(number);
  // On a Ukrainian keyboard the key of F says а: where it is no Latin letter, its place counts.
  const PLACES = { BracketLeft: "[", BracketRight: "]" };
  const named = (event) => {
    if (event.key.length > 1 || event.key <= "~") return event.key.toLowerCase();
    const place = PLACES[event.code];
    if (place) return event.shiftKey ? { "[": "{", "]": "}" }[place] : place;
    return event.code.replace(/^Key/, "").toLowerCase();
  };
  // Whoever speaks to the computer, or types by accident, can turn single keys off (WCAG 2.1.4).
  const single = document.querySelector("[data-single-keys]");
  single.checked = localStorage.getItem("single keys") !== "off";
  single.addEventListener("change", () => localStorage.setItem("single keys", single.checked ? "on" : "off"));
  document.addEventListener("keydown", (event) => {
    if (document.querySelector("dialog:modal")) return;
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); send(); return; }
    if (event.ctrlKey || event.metaKey || event.altKey || typing(event.target)) return;
    const key = named(event);
    const act = Object.hasOwn(keys, key) ? keys[key] : null;
    if (!act || !single.checked || (event.target.type === "range" && key.startsWith("arrow"))) return;
    if (act(event.target) !== false && !key.startsWith("esc")) event.preventDefault();
  });
})();

"use strict";
// The seconds around the moment: play, one frame at a time, slower, again and again.  Nothing is loaded before it is asked for.
(() => {
  const words = document.getElementById("words").dataset;
  const box = document.querySelector(".moment-box");
  const video = box?.querySelector("video");
  const tools = box?.querySelector("[data-play]");
  const covers = () => [...document.querySelectorAll("details.veil:not([open])")];
  const dialog = document.getElementById("moment");
  const openUp = () => { if (dialog && !dialog.matches(":popover-open")) dialog.showPopover(); };

  // Covered pictures of a sheet are not even asked for; uncovering shows the large one.
  const uncover = () => {
    for (const cover of covers()) cover.open = true;
  };
  // When each picture is shown, in seconds: films have no even pace.  Older clips do not say, and are taken as even.
  const frames = (video?.dataset.frames ?? "").split(" ").filter(Boolean).map((ms) => Number(ms) / 1000);
  // The middle of the picture that comes so many after the one shown: on its edge, rounding would show the one before.
  const beside = (by) => {
    if (frames.length === 0) {
      const frame = 1 / Number(video.dataset.fps || 25);
      return (Math.floor(video.currentTime / frame + 1e-6) + by + 0.5) * frame;
    }
    const shown = frames.findLastIndex((from) => from <= video.currentTime + 1e-6);
    const next = Math.min(Math.max(0, shown + by), frames.length - 1);
    const until = frames[next + 1] ?? Math.max(video.duration || 0, frames[next] + 0.02);
    return (frames[next] + until) / 2;
  };
  const inStep = (by) => {
    if (!video) return;
    openUp();
    video.pause();
    const at = beside(by);
    const seek = () => { video.currentTime = Math.min(Math.max(0, at), video.duration || at); };
    if (video.readyState > 0) return seek();
    video.addEventListener("loadedmetadata", seek, { once: true });
    video.preload = "auto";
    video.load();
  };
  const playing = () => video && !video.paused && !video.ended;
  const toggle = () => {
    if (dialog && !dialog.matches(":popover-open")) openUp();
    if (covers().length > 0) return uncover();
    if (!video) return;
    if (playing()) video.pause();
    else video.play().catch(() => {}); // the browser says what is wrong in the picture's place
  };
  globalThis.moment = { toggle, step: inStep };
  if (!video) return;

  const find = (name) => tools.querySelector(`[data-do=${name}]`);
  tools.hidden = false;
  video.controls = false;
  const seek = find("seek");
  const show = () => {
    const button = find("play");
    button.firstChild.textContent = `${playing() ? words.pause : words.play} `;
    button.setAttribute("aria-pressed", String(playing()));
  };
  const acts = { back: () => inStep(-1), on: () => inStep(1), play: toggle };
  tools.addEventListener("click", (event) => acts[event.target.closest("button")?.dataset.do]?.());
  find("loop").addEventListener("change", (event) => { video.loop = event.target.checked; });
  find("speed").addEventListener("change", (event) => { video.playbackRate = Number(event.target.value); });
  seek.addEventListener("input", () => { if (video.duration) video.currentTime = (seek.value / 1000) * video.duration; });
  video.addEventListener("timeupdate", () => { if (video.duration) seek.value = (video.currentTime / video.duration) * 1000; });
  for (const name of ["play", "pause", "ended"]) video.addEventListener(name, show);
  video.addEventListener("play", () => { video.playbackRate = Number(find("speed").value); });
  video.addEventListener("click", toggle);
  dialog?.addEventListener("toggle", (event) => { if (event.newState === "closed") video.pause(); });
})();

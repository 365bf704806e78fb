"use strict";
// How the pictures of a review are looked at: zoom and pan of both at once, mirror, overlay, brightness.  Views only.
(() => {
  const MOST = 12;
  const BLINK_MS = 700; // well under three changes a second
  const BLINKS = 30; // then it stops by itself
  const stages = [...document.querySelectorAll(".pick .view")];
  const tools = document.querySelector("[data-looks]");
  if (!tools || stages.length === 0) return;
  tools.hidden = false;
  const look = { scale: 1, x: 0, y: 0, flip: false };
  const calm = matchMedia("(prefers-reduced-motion: reduce)");
  const button = (name) => tools.querySelector(`[data-do=${name}]`);
  const probe = document.querySelector('[data-pick="shot"] .view');
  const shown = (kind) => {
    const pick = document.querySelector(`[data-pick="${kind}"]`);
    const chosen = pick?.querySelector(":scope > input:checked")?.value;
    return pick?.querySelectorAll(".view > img:not(.over)")[chosen - 1];
  };

  // --- one transform for all pictures; x and y are parts of the stage, so stages of other sizes follow --------
  const matrix = (stage, mirrored) => {
    const { width, height } = stage.getBoundingClientRect();
    const turn = mirrored ? -1 : 1;
    const left = mirrored ? width : 0;
    return new DOMMatrix([look.scale * turn, 0, 0, look.scale, look.x * width + look.scale * left, look.y * height]);
  };
  const draw = () => {
    for (const stage of stages) {
      const view = matrix(stage, look.flip && stage === probe);
      for (const image of stage.querySelectorAll("img:not(.over)")) image.style.transform = view.toString();
    }
    const light = `brightness(${button("brightness").value}%) contrast(${button("contrast").value}%)`;
    const plain = button("brightness").value === "100" && button("contrast").value === "100";
    const grey = document.querySelector("main.grey") ? " grayscale(1)" : "";
    for (const image of document.querySelectorAll(".view img")) image.style.filter = plain ? "" : light + grey;
    button("zoom").setAttribute("aria-pressed", String(look.scale > 1));
    button("flip").setAttribute("aria-pressed", String(look.flip));
    layOver();
  };
  const hold = () => {
    look.scale = Math.min(MOST, Math.max(1, look.scale));
    look.x = Math.min(0, Math.max(1 - look.scale, look.x));
    look.y = Math.min(0, Math.max(1 - look.scale, look.y));
    draw();
  };
  const zoomAt = (factor, x, y) => {
    const scale = Math.min(MOST, Math.max(1, look.scale * factor));
    look.x = x - (x - look.x) * (scale / look.scale);
    look.y = y - (y - look.y) * (scale / look.scale);
    look.scale = scale;
    hold();
  };

  // --- pointers: one drags, two pinch ---------------------------------------------------------------------
  for (const stage of stages) {
    const fingers = new Map();
    const place = (event) => {
      const box = stage.getBoundingClientRect();
      return { x: (event.clientX - box.left) / box.width, y: (event.clientY - box.top) / box.height };
    };
    const spread = () => {
      const [one, other] = [...fingers.values()];
      return { x: (one.x + other.x) / 2, y: (one.y + other.y) / 2, far: Math.hypot(one.x - other.x, one.y - other.y) };
    };
    stage.addEventListener("wheel", (event) => {
      event.preventDefault();
      const { x, y } = place(event);
      zoomAt(Math.exp(-event.deltaY / 400), x, y);
    }, { passive: false });
    stage.addEventListener("pointerdown", (event) => {
      stage.setPointerCapture(event.pointerId);
      fingers.set(event.pointerId, place(event));
      stage.classList.add("moving");
    });
    stage.addEventListener("pointermove", (event) => {
      if (!fingers.has(event.pointerId)) return;
      const before = fingers.size === 2 ? spread() : fingers.get(event.pointerId);
      fingers.set(event.pointerId, place(event));
      const now = fingers.size === 2 ? spread() : fingers.get(event.pointerId);
      look.x += now.x - before.x;
      look.y += now.y - before.y;
      if (fingers.size === 2 && before.far > 0) zoomAt(now.far / before.far, now.x, now.y);
      else hold();
    });
    for (const end of ["pointerup", "pointercancel"]) {
      stage.addEventListener(end, (event) => {
        fingers.delete(event.pointerId);
        if (fingers.size === 0) stage.classList.remove("moving");
      });
    }
    stage.addEventListener("dblclick", (event) => {
      const { x, y } = place(event);
      zoomAt(look.scale > 1 ? 1 / look.scale : 2.5, x, y);
    });
  }

  // --- the photo over the face, eyes on eyes ---------------------------------------------------------------
  let over = null;
  let timer = 0;
  let left = 0;
  // Where a point of the picture's own pixels lies on its stage, which it fills as far as its shape allows.
  const fitted = (image, stage) => {
    const { width, height } = stage.getBoundingClientRect();
    const scale = Math.min(width / image.naturalWidth, height / image.naturalHeight);
    return new DOMMatrix([scale, 0, 0, scale, (width - image.naturalWidth * scale) / 2, (height - image.naturalHeight * scale) / 2]);
  };
  const eyes = (image) => {
    const given = image.dataset.eyes ? JSON.parse(image.dataset.eyes) : null;
    const { naturalWidth: width, naturalHeight: height } = image;
    return (given ?? [[width * 0.35, height * 0.42], [width * 0.65, height * 0.42]]).map(([x, y]) => new DOMPoint(x, y));
  };
  // The turn, size and shift that bring one pair of points onto another.
  const onto = ([a, b], [c, d]) => {
    const [px, py, qx, qy] = [b.x - a.x, b.y - a.y, d.x - c.x, d.y - c.y];
    const far = px * px + py * py || 1;
    const [cos, sin] = [(px * qx + py * qy) / far, (px * qy - py * qx) / far];
    return new DOMMatrix([cos, sin, -sin, cos, c.x - cos * a.x + sin * a.y, c.y - sin * a.x - cos * a.y]);
  };
  const layOver = () => {
    const [face, photo] = [shown("shot"), shown("photo")];
    if (!over || !face?.naturalWidth || !photo?.naturalWidth) return;
    if (over.src !== photo.src) over.src = photo.src;
    const view = matrix(probe, look.flip);
    const faceAt = view.multiply(fitted(face, probe));
    let targets = eyes(face).map((eye) => eye.matrixTransform(faceAt));
    if (look.flip) targets = targets.reverse(); // the photo is not mirrored: left stays left
    const photoAt = fitted(photo, probe);
    const sources = eyes(photo).map((eye) => eye.matrixTransform(photoAt));
    over.style.transform = onto(sources, targets).toString();
  };
  const stop = () => {
    clearInterval(timer);
    timer = 0;
    over?.remove();
    over = null;
    button("blink")?.setAttribute("aria-pressed", "false");
  };
  const turn = () => {
    over.classList.toggle("away");
    left -= 1;
    if (left === 0) stop();
  };
  const blink = () => {
    if (!button("blink") || !shown("photo")) return;
    if (over && !calm.matches) return stop();
    if (over) return over.classList.contains("away") ? stop() : turn(); // without motion: photo, face, off
    over = new Image();
    over.className = "over";
    over.alt = "";
    probe.append(over);
    button("blink").setAttribute("aria-pressed", "true");
    left = BLINKS;
    draw();
    if (!calm.matches) timer = setInterval(turn, BLINK_MS);
  };

  const acts = {
    zoom: () => (look.scale > 1 ? Object.assign(look, { scale: 1, x: 0, y: 0 }) && draw() : zoomAt(2.5, 0.5, 0.45)),
    flip: () => { look.flip = !look.flip; draw(); },
    blink,
    stop,
    reset: () => {
      Object.assign(look, { scale: 1, x: 0, y: 0, flip: false });
      for (const name of ["brightness", "contrast"]) button(name).value = 100;
      stop();
      draw();
    },
    pick: (kind, by) => {
      const inputs = [...document.querySelectorAll(`[data-pick="${kind}"] > input`)];
      const here = inputs.findIndex((input) => input.checked);
      if (inputs.length > 1) inputs[(here + by + inputs.length) % inputs.length].checked = true;
      draw();
    },
  };
  tools.addEventListener("click", (event) => acts[event.target.closest("button")?.dataset.do]?.());
  tools.addEventListener("input", draw);
  document.addEventListener("change", (event) => { if (event.target.closest(".pick")) draw(); });
  addEventListener("resize", draw);
  for (const image of document.querySelectorAll(".view img")) image.addEventListener("load", draw);
  draw();
  globalThis.looking = acts;
})();

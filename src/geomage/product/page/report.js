"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($("data").textContent);
  const stage = $("stage"), world = $("world"), overlay = $("overlay"), tip = $("tip");
  const beforeImage = $("before"), afterImage = $("after"), slider = $("swipe");
  const W = data.width, H = data.height;
  const view = { s: 1, x: 0, y: 0 }; // stage pixel = s * picture pixel + (x, y)
  const SVG = "http://www.w3.org/2000/svg";

  // ---- buildings: attributes come from the data block, rings from the drawn paths
  const buildings = [];
  const cellSide = 48, cells = new Map();
  for (const group of data.groups) {
    const path = overlay.querySelector(".b." + group.css);
    const rings = path ? path.getAttribute("d").split("M").slice(1) : [];
    let at = 0;
    for (const row of group.rows) {
      const [id, count, grade, confidence, chances, area, lon, lat, reason] = row;
      const own = rings.slice(at, at + count);
      at += count;
      const points = own.map((text) => text.replace("z", "").split(" ").map(Number));
      let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
      for (const p of points) {
        for (let i = 0; i < p.length; i += 2) {
          x0 = Math.min(x0, p[i]); x1 = Math.max(x1, p[i]);
          y0 = Math.min(y0, p[i + 1]); y1 = Math.max(y1, p[i + 1]);
        }
      }
      const b = { id, grade, confidence, chances, area, lon, lat, reason, group, points, x0, y0, x1, y1,
        d: own.map((text) => "M" + text).join("") };
      const index = buildings.push(b) - 1;
      if (!count) continue;
      for (let cy = Math.floor(y0 / cellSide); cy <= Math.floor(y1 / cellSide); cy++) {
        for (let cx = Math.floor(x0 / cellSide); cx <= Math.floor(x1 / cellSide); cx++) {
          const key = cx + "," + cy;
          if (!cells.has(key)) cells.set(key, []);
          cells.get(key).push(index);
        }
      }
    }
  }
  const inside = (b, x, y) => {
    let odd = false;
    for (const p of b.points) {
      for (let i = 0, j = p.length - 2; i < p.length; j = i, i += 2) {
        if ((p[i + 1] > y) !== (p[j + 1] > y) &&
            x < ((p[j] - p[i]) * (y - p[i + 1])) / (p[j + 1] - p[i + 1]) + p[i]) odd = !odd;
      }
    }
    return odd;
  };
  const shown = (b) => !overlay.classList.contains("hide-all") &&
    !overlay.classList.contains("hide-" + b.group.css);
  const buildingAt = (x, y) => {
    const near = cells.get(Math.floor(x / cellSide) + "," + Math.floor(y / cellSide)) || [];
    return near.find((i) => shown(buildings[i]) && inside(buildings[i], x, y));
  };

  world.style.setProperty("--ratio", String(H / W)); // on paper the map fits under the figures

  // ---- view
  const place = () => {
    const w = stage.clientWidth, h = stage.clientHeight, pad = 60;
    view.x = Math.min(w - pad, Math.max(pad - W * view.s, view.x));
    view.y = Math.min(h - pad, Math.max(pad - H * view.s, view.y));
    world.style.width = W * view.s + "px";
    world.style.height = H * view.s + "px";
    world.style.transform = `translate(${view.x}px,${view.y}px)`;
    overlay.style.setProperty("--k", String(1 / view.s));
    $("hatch").setAttribute("patternTransform", `rotate(45) scale(${1 / view.s})`);
    clip();
  };
  const clip = () => {
    if (!slider) return;
    const at = (slider.value / 1000) * stage.clientWidth;
    const cut = Math.min(W * view.s, Math.max(0, at - view.x));
    afterImage.parentElement.style.clipPath = `inset(0 0 0 ${cut}px)`;
    $("divider").style.left = at + "px";
    slider.setAttribute("aria-valuetext", Math.round(slider.value / 10) + " % of the width shows before");
  };
  const fit = () => {
    view.s = Math.min(stage.clientWidth / W, stage.clientHeight / H);
    view.x = (stage.clientWidth - W * view.s) / 2;
    view.y = (stage.clientHeight - H * view.s) / 2;
    place();
  };
  const zoom = (factor, px = stage.clientWidth / 2, py = stage.clientHeight / 2) => {
    const least = Math.min(stage.clientWidth / W, stage.clientHeight / H) * 0.8;
    const s = Math.min(12, Math.max(least, view.s * factor));
    view.x = px - ((px - view.x) * s) / view.s;
    view.y = py - ((py - view.y) * s) / view.s;
    view.s = s;
    place();
  };
  const show = (x0, y0, x1, y1, most) => {
    const s = Math.min((0.5 * stage.clientWidth) / (x1 - x0), stage.clientHeight / (y1 - y0));
    view.s = Math.min(most, s);
    const cut = slider ? slider.value / 1000 : 0; // the middle of the wider side of the swipe
    const middle = (cut < 0.6 ? (1 + cut) / 2 : cut / 2) * stage.clientWidth;
    view.x = middle - ((x0 + x1) / 2) * view.s;
    view.y = stage.clientHeight / 2 - ((y0 + y1) / 2) * view.s;
    place();
  };
  const onPicture = (event) => {
    const box = stage.getBoundingClientRect();
    return [(event.clientX - box.left - view.x) / view.s, (event.clientY - box.top - view.y) / view.s];
  };

  // ---- the chosen building
  let chosen = -1;
  const line = (parent, tag, text, css) => {
    const node = document.createElement(tag);
    node.textContent = text;
    if (css) node.className = css;
    parent.append(node);
    return node;
  };
  const percent = (value) => (value === null ? "–" : Math.round(value * 100) + " %");
  const chip = (canvas, image, b) => {
    const paper = canvas.getContext("2d");
    paper.fillStyle = "#22262c";
    paper.fillRect(0, 0, canvas.width, canvas.height);
    if (!image) return;
    const side = Math.max(48, 1.9 * Math.max(b.x1 - b.x0, b.y1 - b.y0));
    const left = (b.x0 + b.x1) / 2 - side / 2, top = (b.y0 + b.y1) / 2 - side / 2;
    const k = canvas.width / side;
    paper.drawImage(image, -left * k, -top * k, W * k, H * k);
    paper.lineWidth = 2;
    paper.strokeStyle = "#fff";
    for (const p of b.points) {
      paper.beginPath();
      for (let i = 0; i < p.length; i += 2) paper.lineTo((p[i] - left) * k, (p[i + 1] - top) * k);
      paper.closePath();
      paper.stroke();
    }
  };
  const choose = (index, move) => {
    chosen = index;
    const b = buildings[index], box = $("chosen");
    box.replaceChildren();
    line(box, "p", b.group.word, "verdict " + b.group.css);
    if (b.reason !== null) line(box, "p", "Reason: " + b.reason);
    if (b.confidence !== null) {
      line(box, "p", (b.group.css === "possibly" ? "Chance of any damage " : "Chance that this word is right ") + percent(b.confidence));
    }
    if (b.chances) {
      const table = line(box, "div", "", "chances");
      ["None", "Minor", "Major", "Destroyed"].forEach((name, i) => {
        line(table, "span", name);
        const meter = line(table, "meter", "");
        meter.value = b.chances[i];
        meter.setAttribute("aria-label", name);
        line(table, "span", percent(b.chances[i]));
      });
    }
    let facts = `Building ${b.id}, ${Math.round(b.area).toLocaleString("en")} m²`;
    if (data.square_px) {
      facts += ", square " + String.fromCharCode(65 + Math.floor((b.x0 + b.x1) / 2 / data.square_px)) +
        (Math.floor((b.y0 + b.y1) / 2 / data.square_px) + 1);
    }
    line(box, "p", facts);
    if (b.lat !== null) line(box, "p", `${b.lat.toFixed(6)}, ${b.lon.toFixed(6)} (lat, lon)`, "quiet");
    $("picked").setAttribute("d", b.d);
    $("picked-rim").setAttribute("d", b.d);
    $("chips").hidden = b.points.length === 0;
    chip($("chip-before"), beforeImage, b);
    chip($("chip-after"), afterImage, b);
    $("chip-after").parentElement.hidden = !afterImage;
    if (move && b.points.length) {
      const wide = 5 * Math.max(b.x1 - b.x0, b.y1 - b.y0, 30);
      const x = (b.x0 + b.x1) / 2, y = (b.y0 + b.y1) / 2;
      show(x - wide / 2, y - wide / 2, x + wide / 2, y + wide / 2, 4);
    }
  };
  const step = (by) => {
    if (!buildings.length) return;
    let index = chosen;
    for (let tries = 0; tries < buildings.length; tries++) {
      index = chosen < 0 && tries === 0 ? (by > 0 ? 0 : buildings.length - 1)
        : (index + by + buildings.length) % buildings.length;
      if (shown(buildings[index]) && buildings[index].points.length) { choose(index, true); return; }
    }
  };

  // ---- pointer
  let grip = null;
  const fingers = new Map();
  const span = () => { // of two fingers: how far apart, and their middle on the stage
    const [a, b] = [...fingers.values()], box = stage.getBoundingClientRect();
    return [Math.hypot(a.x - b.x, a.y - b.y), (a.x + b.x) / 2 - box.left, (a.y + b.y) / 2 - box.top];
  };
  const pinch = (event) => {
    const [before, x0, y0] = span();
    fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    const [now, x, y] = span();
    view.x += x - x0; view.y += y - y0;
    zoom(now / Math.max(before, 1), x, y);
  };
  const lift = (event) => {
    fingers.delete(event.pointerId);
    grip = null;
  };
  stage.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    if (event.pointerType === "touch") fingers.set(event.pointerId, { x: event.clientX, y: event.clientY });
    if (fingers.size > 1) { grip = null; return; }
    const divider = event.target.closest("#divider") !== null;
    grip = { divider, x: event.clientX, y: event.clientY, far: false };
    stage.setPointerCapture(event.pointerId);
  });
  stage.addEventListener("pointermove", (event) => {
    if (fingers.size === 2 && fingers.has(event.pointerId)) { pinch(event); return; }
    if (!grip) { hover(event); return; }
    if (grip.divider) {
      const box = stage.getBoundingClientRect();
      swipe(((event.clientX - box.left) / box.width) * 1000);
      return;
    }
    const dx = event.clientX - grip.x, dy = event.clientY - grip.y;
    if (!grip.far && Math.hypot(dx, dy) < 4) return;
    grip.far = true;
    tip.hidden = true;
    view.x += dx; view.y += dy;
    grip.x = event.clientX; grip.y = event.clientY;
    place();
  });
  stage.addEventListener("pointerup", (event) => {
    if (grip && !grip.far && !grip.divider) {
      const index = buildingAt(...onPicture(event));
      if (index !== undefined) choose(index, false);
    }
    lift(event);
  });
  stage.addEventListener("pointercancel", lift);
  stage.addEventListener("pointerleave", () => { tip.hidden = true; });
  const hover = (event) => {
    const index = event.target.closest("#divider") ? undefined : buildingAt(...onPicture(event));
    tip.hidden = index === undefined;
    if (tip.hidden) return;
    const b = buildings[index], box = stage.getBoundingClientRect();
    tip.textContent = b.group.word + (b.confidence === null ? "" : ", " + percent(b.confidence)) +
      (b.reason === null ? "" : ": " + b.reason);
    const x = event.clientX - box.left, y = event.clientY - box.top;
    tip.style.left = Math.min(x + 14, box.width - tip.offsetWidth - 4) + "px";
    tip.style.top = (y > box.height - 60 ? y - 40 : y + 16) + "px";
  };
  stage.addEventListener("wheel", (event) => {
    event.preventDefault();
    const box = stage.getBoundingClientRect();
    zoom(Math.exp(-Math.max(-90, Math.min(90, event.deltaY)) / 320), event.clientX - box.left, event.clientY - box.top);
  }, { passive: false });

  // ---- keys
  const swipe = (value) => {
    if (!slider) return;
    slider.value = String(value);
    clip();
  };
  const flicker = () => swipe(slider && slider.value > 500 ? 0 : 1000); // all before, all after
  const swiping = { ArrowLeft: -20, ArrowRight: 20 };
  const keys = {
    "+": () => zoom(1.35), "=": () => zoom(1.35), "-": () => zoom(1 / 1.35), "0": fit,
    ArrowLeft: () => { view.x += 70; place(); }, ArrowRight: () => { view.x -= 70; place(); },
    ArrowUp: () => { view.y += 70; place(); }, ArrowDown: () => { view.y -= 70; place(); },
    b: flicker,
    " ": () => overlay.classList.toggle("hide-all"), n: () => step(1), p: () => step(-1),
  };
  stage.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const act = keys[event.key.length === 1 ? event.key.toLowerCase() : event.key];
    const by = event.shiftKey && slider ? swiping[event.key] : undefined;
    if (by === undefined && !act) return;
    event.preventDefault();
    if (by === undefined) act();
    else swipe(Number(slider.value) + by);
  });
  document.addEventListener("keydown", (event) => {
    if (stage.contains(event.target) || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.key === "n") step(1);
    if (event.key === "p") step(-1);
  });

  // ---- controls
  $("in").addEventListener("click", () => zoom(1.5));
  $("out").addEventListener("click", () => zoom(1 / 1.5));
  $("fit").addEventListener("click", fit);
  $("next").addEventListener("click", () => step(1));
  $("prev").addEventListener("click", () => step(-1));
  if (slider) slider.addEventListener("input", clip);
  const fill = $("fill");
  const paint = () => overlay.style.setProperty("--fill", String(fill.value / 100));
  fill.addEventListener("input", paint);
  paint();
  for (const box of document.querySelectorAll("input[data-layer]")) {
    const apply = () => {
      overlay.classList.toggle("hide-" + box.dataset.layer, !box.checked);
      const tile = box.closest(".tile");
      if (tile) tile.classList.toggle("off", !box.checked);
    };
    box.addEventListener("change", apply);
    apply();
  }
  for (const row of document.querySelectorAll("tr[data-square]")) {
    const go = () => {
      const [r, c] = row.dataset.square.split(",").map(Number), q = data.square_px;
      for (const old of overlay.querySelectorAll(".flash")) old.remove();
      const rect = document.createElementNS(SVG, "rect");
      rect.setAttribute("class", "flash");
      rect.setAttribute("x", c * q); rect.setAttribute("y", r * q);
      rect.setAttribute("width", Math.min(q, W - c * q)); rect.setAttribute("height", Math.min(q, H - r * q));
      overlay.append(rect);
      show((c - 0.15) * q, (r - 0.15) * q, (c + 1.15) * q, (r + 1.15) * q, 6);
    };
    row.addEventListener("click", go);
    row.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); go(); }
    });
  }

  stage.classList.add("live");
  fit();
  new ResizeObserver(fit).observe(stage);
})();

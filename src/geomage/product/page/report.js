"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const data = JSON.parse($("data").textContent);
  const stage = $("stage"), world = $("world"), overlay = $("overlay"), tip = $("tip");
  const beforeImage = $("before"), afterImage = $("after"), slider = $("swipe");
  const W = data.width, H = data.height;
  const view = { s: 1, x: 0, y: 0 }; // stage pixel = s * picture pixel + (x, y)
  const paper = overlay.getContext("2d");
  const hidden = new Set(); // keys of layers that are switched off
  let allHidden = false, flash = null, chosen = -1, fillShare = 0.12;
  let moved = false; // by the reader: then a screen that turns or shrinks keeps what is shown
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const narrow = matchMedia("(max-width: 1080px)");

  // ---- shapes: tenths of a picture pixel, the first point and then steps
  const points = (steps) => {
    const out = new Float32Array(steps.length);
    let x = 0, y = 0;
    for (let i = 0; i < steps.length; i += 2) {
      out[i] = (x += steps[i]) / 10;
      out[i + 1] = (y += steps[i + 1]) / 10;
    }
    return out;
  };
  const shape = (paths) => {
    const own = paths.map(points);
    let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
    for (const p of own) {
      for (let i = 0; i < p.length; i += 2) {
        x0 = Math.min(x0, p[i]); x1 = Math.max(x1, p[i]);
        y0 = Math.min(y0, p[i + 1]); y1 = Math.max(y1, p[i + 1]);
      }
    }
    return { paths: own, x0, y0, x1, y1 };
  };
  const layers = data.layers.map((layer) => ({ ...layer, shapes: layer.paths.map(shape) }));
  const buildings = [];
  const groups = data.groups.map((group) => {
    const first = buildings.length;
    for (const [id, paths, grade, confidence, chances, area, lon, lat, reason] of group.rows) {
      buildings.push({ id, grade, confidence, chances, area, lon, lat, reason, group, ...shape(paths) });
    }
    return { css: group.css, first, last: buildings.length };
  });

  // ---- which building lies where
  const cellSide = 48, cells = new Map();
  buildings.forEach((b, index) => {
    if (!b.paths.length) return;
    for (let cy = Math.floor(b.y0 / cellSide); cy <= Math.floor(b.y1 / cellSide); cy++) {
      for (let cx = Math.floor(b.x0 / cellSide); cx <= Math.floor(b.x1 / cellSide); cx++) {
        const key = cx + "," + cy;
        if (!cells.has(key)) cells.set(key, []);
        cells.get(key).push(index);
      }
    }
  });
  const inside = (b, x, y) => {
    let odd = false;
    for (const p of b.paths) {
      for (let i = 0, j = p.length - 2; i < p.length; j = i, i += 2) {
        if ((p[i + 1] > y) !== (p[j + 1] > y) &&
            x < ((p[j] - p[i]) * (y - p[i + 1])) / (p[j + 1] - p[i + 1]) + p[i]) odd = !odd;
      }
    }
    return odd;
  };
  const shown = (b) => !allHidden && !hidden.has(b.group.css);
  const near = (b, x, y, slack) => // a finger or a mouse may miss a small house by a little
    x > b.x0 - slack && x < b.x1 + slack && y > b.y0 - slack && y < b.y1 + slack;
  const buildingAt = (x, y, slack) => {
    const found = cells.get(Math.floor(x / cellSide) + "," + Math.floor(y / cellSide)) || [];
    const hit = found.find((i) => shown(buildings[i]) && inside(buildings[i], x, y));
    return hit !== undefined ? hit
      : found.find((i) => shown(buildings[i]) && near(buildings[i], x, y, slack));
  };

  // ---- painting
  const hatch = (() => {
    const tile = document.createElement("canvas");
    tile.width = tile.height = 8;
    const pen = tile.getContext("2d");
    pen.fillStyle = "rgba(255,255,255,.3)";
    pen.fillRect(0, 0, 8, 8);
    pen.strokeStyle = "#23272e";
    pen.lineWidth = 2.6;
    pen.beginPath();
    for (const at of [-8, 0, 8]) { pen.moveTo(at - 1, 9); pen.lineTo(at + 9, -1); }
    pen.stroke();
    return paper.createPattern(tile, "repeat");
  })();
  const trace = (paths, closed) => {
    const { s, x, y } = view;
    for (const p of paths) {
      paper.moveTo(p[0] * s + x, p[1] * s + y);
      for (let i = 2; i < p.length; i += 2) paper.lineTo(p[i] * s + x, p[i + 1] * s + y);
      if (closed) paper.closePath();
    }
  };
  const stroke = (look, width = look.width) => {
    paper.setLineDash([]);
    if (look.casing) {
      paper.strokeStyle = look.casing;
      paper.lineWidth = width + 2;
      paper.stroke();
    }
    if (look.dash) paper.setLineDash(look.dash);
    paper.strokeStyle = look.stroke;
    paper.lineWidth = width;
    paper.stroke();
    paper.setLineDash([]);
  };
  const fill = (look, opacity) => {
    if (!look.fill && !look.hatched) return;
    paper.globalAlpha = opacity;
    paper.fillStyle = look.hatched ? hatch : look.fill;
    paper.fill();
    paper.globalAlpha = 1;
  };
  const seen = (b, w, h) => {
    const { s, x, y } = view;
    return b.x1 * s + x > -4 && b.x0 * s + x < w + 4 && b.y1 * s + y > -4 && b.y0 * s + y < h + 4;
  };
  const paintLayer = (layer, w, h) => {
    if (hidden.has(layer.key)) return;
    const look = data.looks[layer.key];
    const visible = layer.shapes.filter((b) => seen(b, w, h));
    if (layer.key === "facilities") { visible.forEach((b) => spot(look, b)); return; }
    paper.beginPath();
    for (const b of visible) trace(b.paths, layer.closed);
    if (layer.closed) fill(look, look.opacity);
    stroke(look, layer.closed ? look.width : Math.max(1.2, Math.min(look.width * view.s, look.width)));
    layer.shapes.forEach((b, i) => {
      if (layer.names[i]) name(layer.names[i], ((b.x0 + b.x1) / 2) * view.s + view.x, b.y0 * view.s + view.y + 14, "center");
    });
  };
  const spot = (look, b) => {
    const x = b.x0 * view.s + view.x, y = b.y0 * view.s + view.y;
    paper.fillStyle = look.fill;
    paper.strokeStyle = look.stroke;
    paper.lineWidth = look.width;
    paper.fillRect(x - 5, y - 5, 10, 10);
    paper.strokeRect(x - 5, y - 5, 10, 10);
  };
  const AT_ONCE = 400; // shapes in one stroke: many are dear, all at once is dearer
  const paintGroup = (group, w, h) => {
    if (hidden.has(group.css)) return;
    const look = data.looks[group.css], { s, x, y } = view;
    const strength = look.hatched ? 0.4 + fillShare * 0.6 : look.opacity * fillShare;
    const width = Math.min(look.width, Math.max(1, 0.8 * s + 0.4));
    let count = 0;
    const flush = () => {
      if (!count) return;
      fill(look, strength);
      stroke(look, width);
      paper.beginPath();
      count = 0;
    };
    paper.beginPath();
    for (let i = group.first; i < group.last; i++) {
      const b = buildings[i];
      if (!seen(b, w, h)) continue;
      const across = (b.x1 - b.x0) * s, down = (b.y1 - b.y0) * s;
      if (across < 3 && down < 3) { // too small for an outline: a dot in its colour
        paper.fillStyle = look.hatched ? "#6b7078" : look.stroke;
        paper.fillRect(b.x0 * s + x, b.y0 * s + y, Math.max(1.4, across), Math.max(1.4, down));
        continue;
      }
      trace(b.paths, true);
      if (++count >= AT_ONCE) flush();
    }
    flush();
  };
  const name = (text, x, y, align) => {
    paper.font = "700 13px system-ui, sans-serif";
    paper.textAlign = align;
    paper.lineWidth = 3.5;
    paper.lineJoin = "round";
    paper.strokeStyle = "rgba(0,0,0,.8)";
    paper.strokeText(text, x, y);
    paper.fillStyle = "#fff";
    paper.fillText(text, x, y);
  };
  const squareName = (row, column) => String.fromCharCode(65 + column) + (row + 1);
  const paintGrid = (names) => {
    if (hidden.has("grid")) return;
    const side = data.square_px * view.s, right = W * view.s + view.x, low = H * view.s + view.y;
    if (!names) {
      paper.beginPath();
      for (let c = 1; c < data.columns; c++) { paper.moveTo(c * side + view.x, view.y); paper.lineTo(c * side + view.x, low); }
      for (let r = 1; r < data.rows; r++) { paper.moveTo(view.x, r * side + view.y); paper.lineTo(right, r * side + view.y); }
      paper.strokeStyle = "rgba(255,255,255,.55)";
      paper.lineWidth = 1;
      paper.stroke();
      return;
    }
    for (let r = 0; r < data.rows; r++) {
      for (let c = 0; c < data.columns; c++) {
        const x = c * side + view.x, y = r * side + view.y;
        const thin = right - x < 34, flat = low - y < 18; // a sliver of a square: the name ends at the rim
        name(squareName(r, c), thin ? right - 4 : x + 4, flat ? low - 5 : y + 15, thin ? "right" : "left");
      }
    }
  };
  const paintChosen = () => {
    const mark = (width, colour) => {
      paper.strokeStyle = colour;
      paper.lineWidth = width;
      paper.stroke();
    };
    if (chosen >= 0) {
      paper.beginPath();
      trace(buildings[chosen].paths, true);
      mark(6, "#000");
      mark(3, "#fff");
    }
    if (!flash) return;
    const [x0, y0, x1, y1] = flash, { s, x, y } = view;
    paper.beginPath();
    paper.rect(x0 * s + x, y0 * s + y, (x1 - x0) * s, (y1 - y0) * s);
    mark(5, "#000");
    mark(3, "#fff");
  };
  const paint = () => {
    const w = stage.clientWidth, h = stage.clientHeight, dense = window.devicePixelRatio || 1;
    if (overlay.width !== Math.round(w * dense) || overlay.height !== Math.round(h * dense)) {
      overlay.width = Math.round(w * dense);
      overlay.height = Math.round(h * dense);
    }
    paper.setTransform(dense, 0, 0, dense, 0, 0);
    paper.clearRect(0, 0, w, h);
    paper.lineJoin = "round";
    if (!allHidden) {
      for (const layer of layers) if (layer.closed && layer.key !== "zones") paintLayer(layer, w, h);
      paintGrid(false);
      for (const group of [...groups].reverse()) paintGroup(group, w, h);
      for (const layer of layers) if (!layer.closed || layer.key === "zones") paintLayer(layer, w, h);
      paintGrid(true);
    }
    paintChosen();
    scale();
  };
  let asked = false;
  const repaint = () => {
    if (asked) return;
    asked = true;
    requestAnimationFrame(() => { asked = false; paint(); });
  };
  const scale = () => { // the longest of 1, 2 or 5 times a power of ten that is at most 120 px long
    const most = (120 * data.metres_px) / view.s, decade = 10 ** Math.floor(Math.log10(most));
    const metres = [5, 2, 1].map((k) => k * decade).find((m) => m <= most);
    const bar = $("scale");
    bar.style.width = (metres / data.metres_px) * view.s + "px";
    bar.firstElementChild.textContent = metres >= 1000 ? metres / 1000 + " km" : metres + " m";
  };

  // ---- view
  const place = () => {
    const w = stage.clientWidth, h = stage.clientHeight, pad = 60;
    view.x = Math.min(w - pad, Math.max(pad - W * view.s, view.x));
    view.y = Math.min(h - pad, Math.max(pad - H * view.s, view.y));
    world.style.width = W * view.s + "px";
    world.style.height = H * view.s + "px";
    world.style.transform = `translate(${view.x}px,${view.y}px)`;
    clip();
    repaint();
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
    moved = false;
    view.s = Math.min(stage.clientWidth / W, stage.clientHeight / H);
    view.x = (stage.clientWidth - W * view.s) / 2;
    view.y = (stage.clientHeight - H * view.s) / 2;
    place();
  };
  const pan = (dx, dy) => {
    moved = true;
    view.x += dx; view.y += dy;
    place();
  };
  const zoom = (factor, px = stage.clientWidth / 2, py = stage.clientHeight / 2) => {
    moved = true;
    const least = Math.min(stage.clientWidth / W, stage.clientHeight / H) * 0.8;
    const s = Math.min(12, Math.max(least, view.s * factor));
    view.x = px - ((px - view.x) * s) / view.s;
    view.y = py - ((py - view.y) * s) / view.s;
    view.s = s;
    place();
  };
  const show = (x0, y0, x1, y1, most) => {
    moved = true;
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
  const bring = (node) => node.scrollIntoView({ block: "nearest", behavior: still ? "auto" : "smooth" });

  // ---- the chosen building
  const line = (parent, tag, text, css) => {
    const node = document.createElement(tag);
    node.textContent = text;
    if (css) node.className = css;
    parent.append(node);
    return node;
  };
  const percent = (value) => (value === null ? "–" : Math.round(value * 100) + " %");
  const chip = (name, image, index) => { // from the sheet of close looks, else from the picture
    const b = buildings[index], canvas = $("chip-" + name), pen = canvas.getContext("2d");
    pen.fillStyle = "#22262c";
    pen.fillRect(0, 0, canvas.width, canvas.height);
    if (!image) return;
    const long = Math.max(48, 1.9 * Math.max(b.x1 - b.x0, b.y1 - b.y0));
    const own = data.chips && data.chips.places[index];
    const [left, top, side] = own || [(b.x0 + b.x1 - long) / 2, (b.y0 + b.y1 - long) / 2, long];
    const k = canvas.width / side;
    if (own) {
      const px = data.chips.px, column = index % data.chips.columns;
      pen.drawImage($("sheet-" + name), column * px, ((index - column) / data.chips.columns) * px,
        px, px, 0, 0, canvas.width, canvas.width);
    } else {
      pen.drawImage(image, -left * k, -top * k, W * k, H * k);
    }
    pen.lineWidth = 2;
    pen.strokeStyle = "#fff";
    for (const p of b.paths) {
      pen.beginPath();
      for (let i = 0; i < p.length; i += 2) pen.lineTo((p[i] - left) * k, (p[i + 1] - top) * k);
      pen.closePath();
      pen.stroke();
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
        meter.value = b.chances[i] / 1000;
        meter.setAttribute("aria-label", name);
        line(table, "span", percent(b.chances[i] / 1000));
      });
    }
    const row = Math.floor((b.y0 + b.y1) / 2 / data.square_px);
    const column = Math.floor((b.x0 + b.x1) / 2 / data.square_px);
    line(box, "p", `Building ${b.id}, ${Math.round(b.area).toLocaleString("en")} m², square ${squareName(row, column)}`);
    if (b.lat !== null) line(box, "p", `${b.lat.toFixed(6)}, ${b.lon.toFixed(6)} (lat, lon)`, "quiet");
    $("chips").hidden = b.paths.length === 0;
    chip("before", beforeImage, index);
    chip("after", afterImage, index);
    $("chip-after").parentElement.hidden = !afterImage;
    if (move && b.paths.length) {
      const wide = 5 * Math.max(b.x1 - b.x0, b.y1 - b.y0, 30);
      const x = (b.x0 + b.x1) / 2, y = (b.y0 + b.y1) / 2;
      show(x - wide / 2, y - wide / 2, x + wide / 2, y + wide / 2, 4);
    }
    if (narrow.matches && !move) bring($("card"));
    repaint();
  };
  const step = (by) => {
    if (!buildings.length) return;
    let index = chosen;
    for (let tries = 0; tries < buildings.length; tries++) {
      index = chosen < 0 && tries === 0 ? (by > 0 ? 0 : buildings.length - 1)
        : (index + by + buildings.length) % buildings.length;
      if (shown(buildings[index]) && buildings[index].paths.length) { choose(index, true); return; }
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
    grip.x = event.clientX; grip.y = event.clientY;
    pan(dx, dy);
  });
  stage.addEventListener("pointerup", (event) => {
    if (grip && !grip.far && !grip.divider) {
      const index = buildingAt(...onPicture(event), (event.pointerType === "touch" ? 14 : 3) / view.s);
      if (index !== undefined) choose(index, false);
    }
    lift(event);
  });
  stage.addEventListener("pointercancel", lift);
  stage.addEventListener("pointerleave", () => { tip.hidden = true; });
  const hover = (event) => {
    const index = event.target.closest("#divider") ? undefined : buildingAt(...onPicture(event), 0);
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
    ArrowLeft: () => pan(70, 0), ArrowRight: () => pan(-70, 0),
    ArrowUp: () => pan(0, 70), ArrowDown: () => pan(0, -70),
    b: flicker,
    " ": () => { allHidden = !allHidden; repaint(); }, n: () => step(1), p: () => step(-1),
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
  const strength = $("fill");
  const refill = () => { fillShare = strength.value / 100; repaint(); };
  strength.addEventListener("input", refill);
  for (const box of document.querySelectorAll("input[data-layer]")) {
    const apply = () => {
      if (box.checked) hidden.delete(box.dataset.layer);
      else hidden.add(box.dataset.layer);
      const tile = box.closest(".tile");
      if (tile) tile.classList.toggle("off", !box.checked);
      repaint();
    };
    box.addEventListener("change", apply);
    apply();
  }
  const extent = (row) => { // of a zone as it is given, of a square by its row and column
    if (row.dataset.extent) return row.dataset.extent.split(",").map(Number);
    const [r, c] = row.dataset.square.split(",").map(Number), q = data.square_px;
    return [c * q, r * q, Math.min(W, (c + 1) * q), Math.min(H, (r + 1) * q)];
  };
  for (const row of document.querySelectorAll("tr[data-square], tr[data-extent]")) {
    const go = () => {
      flash = extent(row);
      const [x0, y0, x1, y1] = flash, rim = 0.15 * Math.max(x1 - x0, y1 - y0);
      show(x0 - rim, y0 - rim, x1 + rim, y1 + rim, 6);
      if (narrow.matches) bring(stage);
    };
    row.addEventListener("click", go);
    row.addEventListener("keydown", (event) => {
      if (event.key === "Enter" || event.key === " ") { event.preventDefault(); go(); }
    });
  }

  document.body.classList.add("scripted");
  stage.classList.add("live");
  stage.tabIndex = 0;
  refill();
  fit();
  new ResizeObserver(() => (moved ? place() : fit())).observe(stage);
})();

"use strict";
// A map of tiles in plain canvas: nothing is loaded from anywhere but this server.
const TILE = 256, FINE = 16, KEPT = 600;
const SLUGS = {"Destroyed": "destroyed", "Damaged": "damaged", "Possibly damaged": "possibly",
  "No visible damage": "none", "Not Analysed": "unseen"};
const COLOURS = {destroyed: "#b3001b", damaged: "#f06d00", possibly: "#ffd400", none: "#39a7e0",
  unseen: "#8a8f98"};
// As in the report and in QGIS: of the line, and of the wider one under it.
const STATES = {passable: ["#2fb457", "#0d3a1b"], flooded: ["#00d5ff", "#06304f"],
  unknown: ["#e8e8e8", "#3c4149"], blocked: ["#d100c9", "#ffffff"]};
const CUT = {"cut off": "#7a0076", "possibly cut off": "#a05cc8"};
const MOMENTS = {"before": "#6baed6", "after": "#08519c", "at best": "#9ecae1"};
const NAMES = {builtUpA: "Buildings by damage", observedEventA: "Observed event",
  notAnalysedA: "Not analysed", transportationL: "Roads", mostAffectedA: "Most affected areas",
  hydrographyA: "Water at both dates", cutOffA: "Places cut off", accessTimeA: "Minutes to a facility",
  facilitiesP: "Facilities", imageFootprintA: "Image footprints", areaOfInterestA: "Area of interest",
  damage: "Damage", flood: "Flood", burnt: "Burnt ground", landcover: "Land cover", building: "Building probability",
  change: "Change", before: "Before", after: "After"};
const EVENTS = {"Flooded area": "#1f5fd6", "Debris": "#a5702a", "Burnt area": "#7a2d00"};   // by notation, as in the report
const RIMS = {"Burnt area": "#ffb27a"};   // brown alone is lost on dark ground
const HIDDEN_AT_FIRST = new Set(["imageFootprintA", "accessTimeA"]);
const UNDER = ["areaOfInterestA", "imageFootprintA", "notAnalysedA", "observedEventA", "mostAffectedA"];
const byId = name => document.getElementById(name);
const canvas = byId("map"), pen = canvas.getContext("2d");
const tiles = new Map();   // "layer/z/x/y" -> {image, state} or {features, more, state}
const view = {x: 0, y: 0, res: 1, base: "none", swipe: 0.5, on: new Set(), chosen: null};
let product, plane, asked = false, resting = 0;   // a timer, while the map moves

function make(tag, words, css) {
  const one = document.createElement(tag);
  if (words !== undefined) one.textContent = words;
  if (css) one.className = css;
  return one;
}

// ---- where things lie -------------------------------------------------------------------------
const width = () => canvas.clientWidth, height = () => canvas.clientHeight;
const across = x => (x - view.x) / view.res + width() / 2;
const down = y => (view.y - y) / view.res + height() / 2;
const placeAt = (px, py) => [view.x + (px - width() / 2) * view.res, view.y - (py - height() / 2) * view.res];

function showAll() {
  const [left, bottom, right, top] = plane.bounds, wide = matchMedia("(min-width:701px)").matches;
  const free = wide ? Math.max(200, width() - 320) : width();
  view.res = 1.06 * Math.max((right - left) / free, (top - bottom) / (height() - (wide ? 0 : 60)));
  view.x = (left + right) / 2 - (wide ? 145 * view.res : 0);
  view.y = (top + bottom) / 2 + (wide ? 0 : 20 * view.res);
  draw();
}

function zoomBy(factor, px = width() / 2, py = height() / 2) {
  const [x, y] = placeAt(px, py), [left, bottom, right, top] = plane.bounds;
  const least = plane.side / TILE / 2 ** (plane.deepest + 4), most = 8 * Math.max(right - left, top - bottom) / 300;
  view.res = Math.min(Math.max(view.res / factor, least), most);
  view.x = x - (px - width() / 2) * view.res;
  view.y = y + (py - height() / 2) * view.res;
  moving();
  draw();
}

function moveBy(dx, dy) {
  const [left, bottom, right, top] = plane.bounds;
  view.x = Math.min(Math.max(view.x - dx * view.res, left), right);
  view.y = Math.min(Math.max(view.y + dy * view.res, bottom), top);
  moving();
  draw();
}

function level(sharp) {
  const wanted = Math.round(Math.log2(plane.side / TILE / view.res) + sharp);
  return Math.min(Math.max(wanted, 0), plane.deepest);
}

function* seen(z) {
  const size = plane.side / 2 ** z, [left, bottom, right, top] = plane.bounds;
  const [west, north] = placeAt(0, 0), [east, south] = placeAt(width(), height());
  const clamp = n => Math.min(Math.max(Math.floor(n), 0), 2 ** z - 1);
  const x0 = clamp((Math.max(west, left) - plane.left) / size), x1 = clamp((Math.min(east, right) - plane.left) / size - 1e-9);
  const y0 = clamp((plane.top - Math.min(north, top)) / size), y1 = clamp((plane.top - Math.max(south, bottom)) / size - 1e-9);
  for (let y = y0; y <= y1; y++) for (let x = x0; x <= x1; x++) yield [x, y];
}

// ---- tiles ------------------------------------------------------------------------------------
function keep(key, tile) {
  tiles.set(key, tile);
  if (tiles.size > KEPT) tiles.delete(tiles.keys().next().value);
  return tile;
}

// Nothing is asked for on the way: what was passed over would stand in line before what is wanted.
function moving() {
  clearTimeout(resting);
  resting = setTimeout(() => { resting = 0; draw(); }, 90);
}

// A tile that cannot be had is said: an empty place would look like one without damage.
async function get(url, tile, read) {
  try {
    const answer = await fetch(url);
    if (!answer.ok) throw new Error((await answer.json()).error);
    Object.assign(tile, await read(answer));
  } catch (error) {
    Object.assign(tile, {state: "failed", error: error.message});
  }
  draw();
}

function pictureTile(layer, z, x, y) {
  const key = `${layer}/${z}/${x}/${y}`, held = tiles.get(key);
  if (held || resting) return held || {state: "later"};
  const tile = keep(key, {image: null, state: "asked"});
  get(`/tiles/${key}.png`, tile, async answer => {
    if (answer.status === 204) return {state: "none"};
    return {state: "here", image: await createImageBitmap(await answer.blob())};
  });
  return tile;
}

function shapeTile(layer, z, x, y) {
  const key = `${layer}/${z}/${x}/${y}`, held = tiles.get(key);
  if (held || resting) return held || {state: "later"};
  const tile = keep(key, {features: [], more: false, state: "asked"});
  get(`/vectors/${key}.json`, tile, async answer => ({...await answer.json(), state: "here"}));
  return tile;
}

function drawPicture(layer) {
  const z = level(Math.log2(devicePixelRatio || 1));
  const size = plane.side / 2 ** z, side = size / view.res;
  let coarse = false;
  for (const [x, y] of seen(z)) {
    const left = across(plane.left + x * size), top = down(plane.top - y * size);
    for (let up = 0; up <= Math.min(z, 6); up++) {
      const tile = up ? tiles.get(`${layer}/${z - up}/${x >> up}/${y >> up}`) : pictureTile(layer, z, x, y);
      if (!up && tile.state === "none") coarse = true;
      if (!tile || tile.state !== "here") continue;
      const part = TILE / 2 ** up, cut = 2 ** up - 1;
      pen.drawImage(tile.image, (x & cut) * part, (y & cut) * part, part, part, left, top, side + .5, side + .5);
      break;
    }
  }
  return coarse;
}

// ---- shapes -----------------------------------------------------------------------------------
let hatch;
function hatching() {
  if (hatch) return hatch;
  const small = document.createElement("canvas");
  small.width = small.height = 8;
  const ink = small.getContext("2d");
  ink.strokeStyle = "#3c4149";
  ink.lineWidth = 1.2;
  ink.beginPath();
  for (const at of [-8, 0, 8]) { ink.moveTo(at, 8); ink.lineTo(at + 8, 0); }
  ink.stroke();
  return (hatch = pen.createPattern(small, "repeat"));
}

function look(layer, fields) {
  const word = COLOURS[SLUGS[fields.damage_gra]];
  if (layer === "builtUpA") return {line: word || "#777", fill: word || "#777", alpha: fields.damage_gra === "No visible damage" ? .12 : .4, width: 1.7};
  if (layer === "notAnalysedA") return {line: "#3c4149", hatch: true, width: 1};
  const event = EVENTS[fields.notation] || "#6a3d9a";
  if (layer === "observedEventA") return {line: RIMS[fields.notation] || event, fill: event, alpha: .3, width: 1.4};
  const [street, casing] = STATES[fields.state] || [word || "#c04be0"];
  if (layer === "transportationL") return {line: street, casing, width: 3, dash: fields.state === "unknown"};
  if (layer === "cutOffA") return {line: CUT[fields.access] || "#6a3d9a", fill: CUT[fields.access] || "#6a3d9a", alpha: .25, width: 1.6};
  if (layer === "accessTimeA") return {line: MOMENTS[fields.moment] || "#6a3d9a", width: 2, dash: fields.moment !== "after"};
  if (layer === "mostAffectedA") return {line: "#7a1fa2", width: 2.6};   // no fill: zones cover the whole image
  if (layer === "areaOfInterestA") return {line: "#000", width: 1.6};
  if (layer === "imageFootprintA") return {line: "#fff", width: 1.6, dash: true};
  return {line: word || "#6a3d9a", fill: word || "#6a3d9a", alpha: .25, width: 2};
}

function trace(path, feature) {
  for (const part of feature.g) {
    if (feature.t === "p") { path.moveTo(part[0] + 5 * FINE, part[1]); path.arc(part[0], part[1], 5 * FINE, 0, 7); continue; }
    path.moveTo(part[0], part[1]);
    for (let i = 2; i < part.length; i += 2) path.lineTo(part[i], part[i + 1]);
    if (feature.t === "a") path.closePath();
  }
}

function groups(layer, tile) {
  if (tile.groups) return tile.groups;
  const found = new Map();
  for (const feature of tile.features) {
    const style = look(layer, feature.p), key = JSON.stringify(style) + feature.t;
    if (!found.has(key)) found.set(key, {style, kind: feature.t, path: new Path2D()});
    trace(found.get(key).path, feature);
  }
  if (tile.state === "here") tile.groups = [...found.values()];
  return [...found.values()];
}

function drawShapes(layer) {
  const z = level(-1), size = plane.side / 2 ** z;
  let more = false;
  for (const [x, y] of seen(z)) {
    for (let up = 0; up <= Math.min(z, 6); up++) {
      const tile = up ? tiles.get(`${layer}/${z - up}/${x >> up}/${y >> up}`) : shapeTile(layer, z, x, y);
      if (!tile || tile.state !== "here") continue;
      more ||= tile.more;
      drawShapeTile(layer, tile, z - up, x >> up, y >> up, [across(plane.left + x * size), down(plane.top - y * size), size / view.res]);
      break;
    }
  }
  return more;
}

// Outlines of houses that are a few pixels wide would hide them.
const thinner = () => Math.min(Math.max(.9 * plane.unit / view.res, .45), 1);

// One tile of shapes within a square of the screen: its own, or that of a finer tile not here yet.
function drawShapeTile(layer, tile, z, x, y, [left, top, side]) {
  pen.save();
  pen.beginPath();
  pen.rect(left, top, side, side);
  pen.clip();
  const scale = enter(z, x, y);
  for (const {style, kind, path} of groups(layer, tile)) {
    if (kind !== "l" && (style.fill || style.hatch)) {
      pen.globalAlpha = style.hatch ? .9 : style.alpha;
      pen.fillStyle = style.hatch ? hatching() : style.fill;
      if (style.hatch) hatch.setTransform(new DOMMatrix().scale(1 / scale));
      pen.fill(path, "evenodd");
      pen.globalAlpha = 1;
    }
    if (style.casing) {
      pen.strokeStyle = style.casing;
      pen.lineWidth = (style.width + 2) * thinner() / scale;
      pen.setLineDash([]);
      pen.stroke(path);
    }
    pen.strokeStyle = style.line;
    pen.lineWidth = style.width * thinner() / scale;
    pen.setLineDash(style.dash ? [6 / scale, 5 / scale] : []);
    pen.stroke(path);
  }
  pen.restore();
}

// From here on the pen draws in the steps of a tile; returns screen pixels in a step.
function enter(z, x, y) {
  const size = plane.side / 2 ** z, scale = size / TILE / view.res / FINE, pixels = devicePixelRatio || 1;
  pen.setTransform(pixels * scale, 0, 0, pixels * scale, pixels * across(plane.left + x * size), pixels * down(plane.top - y * size));
  return scale;
}

function drawChosen() {
  if (!view.chosen) return;
  const {z, x, y, feature} = view.chosen, path = new Path2D();
  trace(path, feature);
  pen.save();
  const scale = enter(z, x, y);
  for (const [ink, wide] of [["#000", 6], ["#fff", 3]]) {
    pen.strokeStyle = ink; pen.lineWidth = wide / scale; pen.stroke(path);
  }
  pen.restore();
}

// ---- the picture ------------------------------------------------------------------------------
function draw() {
  if (asked) return;
  asked = true;
  document.documentElement.dataset.awaited = "moving";   // until it is painted
  requestAnimationFrame(paint);
}

function paint() {
  asked = false;
  const pixels = devicePixelRatio || 1;
  canvas.width = Math.round(width() * pixels);
  canvas.height = Math.round(height() * pixels);
  pen.setTransform(pixels, 0, 0, pixels, 0, 0);
  pen.imageSmoothingEnabled = view.res > plane.side / TILE / 2 ** plane.deepest;
  const said = [];
  if (paintBase()) said.push("The image has no overviews: zoom in to see it.");
  for (const one of product.rasters) if (view.on.has(one)) drawPicture(one);
  const drawn = product.vectors.map(one => one.id).filter(one => view.on.has(one));
  const rank = one => UNDER.includes(one) ? UNDER.indexOf(one) : UNDER.length;
  for (const one of drawn.sort((a, b) => rank(a) - rank(b))) {
    if (!drawShapes(one)) continue;
    said.push(`Too many outlines of “${NAMES[one] || one}” to draw: zoom in.`);
    if (one === "builtUpA" && product.rasters.includes("damage")) drawPicture("damage");
  }
  drawChosen();
  const failed = [...tiles.values()].find(one => one.state === "failed");
  if (failed) said.unshift(`A part of the map could not be loaded: ${failed.error}`);
  byId("hint").hidden = !said.length;
  byId("hint").textContent = said.join(" ");
  drawScale();
  const awaited = [...tiles.values()].filter(one => one.state === "asked").length;
  document.documentElement.dataset.awaited = resting ? "moving" : String(awaited);
}

function paintBase() {
  if (view.base !== "swipe") return view.base !== "none" && drawPicture(view.base);
  let coarse = false;
  const at = width() * view.swipe;
  for (const [role, left, right] of [["before", 0, at], ["after", at, width()]]) {
    pen.save();
    pen.beginPath();
    pen.rect(left, 0, right - left, height());
    pen.clip();
    coarse = drawPicture(role) || coarse;
    pen.restore();
  }
  pen.fillStyle = "#fff";
  pen.fillRect(at - 1, 0, 2, height());
  return coarse;
}

function drawScale() {
  const metres = view.res / plane.unit, aim = 110 * metres, decade = 10 ** Math.floor(Math.log10(aim));
  const step = [5, 2, 1].find(n => n * decade <= aim) * decade, bar = byId("scale");
  bar.firstChild.style.width = `${step / metres}px`;
  bar.lastChild.textContent = step >= 1000 ? `${step / 1000} km` : `${+step.toFixed(2)} m`;
}

function tellWhere(px, py) {
  const [x, y] = placeAt(px, py);
  byId("where").textContent = plane.mercator ? lonlat(x, y) : `${x.toFixed(1)}, ${y.toFixed(1)}`;
}

function lonlat(x, y) {
  const radius = plane.side / 2 / Math.PI;
  const lat = Math.atan(Math.sinh(y / radius)) * 180 / Math.PI, lon = x / radius * 180 / Math.PI;
  return `${Math.abs(lat).toFixed(5)}° ${lat < 0 ? "S" : "N"}, ${Math.abs(lon).toFixed(5)}° ${lon < 0 ? "W" : "E"}`;
}

// ---- a click ----------------------------------------------------------------------------------
function holds(feature, px, py) {
  if (feature.t !== "a") return near(feature, px, py);
  let inside = false;
  for (const ring of feature.g)
    for (let i = 0, j = ring.length - 2; i < ring.length; j = i, i += 2) {
      const [ax, ay, bx, by] = [ring[i], ring[i + 1], ring[j], ring[j + 1]];
      if ((ay > py) !== (by > py) && px < (bx - ax) * (py - ay) / (by - ay) + ax) inside = !inside;
    }
  return inside;
}

function near(feature, px, py) {
  const reach = 7 * FINE;
  for (const part of feature.g)
    for (let i = 0; i < part.length; i += 2) {
      const k = feature.t === "l" && i + 2 < part.length ? i + 2 : i;
      const dx = part[k] - part[i], dy = part[k + 1] - part[i + 1], long = dx * dx + dy * dy;
      const t = long ? Math.min(Math.max(((px - part[i]) * dx + (py - part[i + 1]) * dy) / long, 0), 1) : 0;
      if (Math.hypot(part[i] + t * dx - px, part[i + 1] + t * dy - py) < reach) return true;
    }
  return false;
}

function choose(px, py) {
  const [wx, wy] = placeAt(px, py), z = level(-1), size = plane.side / 2 ** z;
  const x = Math.floor((wx - plane.left) / size), y = Math.floor((plane.top - wy) / size);
  const fx = ((wx - plane.left) / size - x) * TILE * FINE, fy = ((plane.top - wy) / size - y) * TILE * FINE;
  const order = product.vectors.map(one => one.id).filter(one => view.on.has(one) && one !== "areaOfInterestA" && one !== "imageFootprintA");
  order.sort((a, b) => UNDER.indexOf(a) - UNDER.indexOf(b));
  for (const layer of order) {
    const tile = tiles.get(`${layer}/${z}/${x}/${y}`);
    const feature = tile && tile.features && tile.features.findLast(one => holds(one, fx, fy));
    if (feature) return tell(layer, {z, x, y, feature});
  }
  tell(null, null);
}

function tell(layer, chosen) {
  view.chosen = chosen;
  const box = byId("found");
  box.hidden = !chosen;
  if (chosen) {
    const fields = chosen.feature.p;
    box.querySelector("h1").textContent = fields.damage_gra || fields.state || fields.obj_desc || NAMES[layer] || layer;
    box.querySelector("h1").className = SLUGS[fields.damage_gra] || "";
    const rows = Object.entries({layer, ...fields}).filter(([, value]) => value !== null).map(([name, value]) => {
      const row = make("tr");
      row.append(make("th", name), make("td", String(value)));
      return row;
    });
    box.querySelector("table").replaceChildren(...rows);
  }
  draw();
}

// ---- the panel --------------------------------------------------------------------------------
function setBase(name) {
  view.base = name;
  for (const one of byId("base").children) one.setAttribute("aria-checked", one.dataset.base === name);
  byId("swiper").hidden = name !== "swipe";
  draw();
}

function nextBase() {
  const names = [...byId("base").children].map(one => one.dataset.base).filter(one => one === "before" || one === "after");
  if (names.length) setBase(names[(names.indexOf(view.base) + 1) % names.length]);
}

function layerBox(id, count) {
  const label = make("label"), tick = make("input");
  tick.type = "checkbox";
  tick.dataset.layer = id;
  tick.checked = view.on.has(id);
  tick.addEventListener("change", () => { tick.checked ? view.on.add(id) : view.on.delete(id); draw(); });
  label.append(tick, make("span", NAMES[id] || id));
  if (count !== undefined) label.append(make("span", count.toLocaleString("en"), "n"));
  return label;
}

function legend(rows) {
  const box = make("div", undefined, "legend");
  for (const [words, css] of rows) {
    const row = make("div");
    row.append(make("span", undefined, `key ${css}`), make("span", words));
    box.append(row);
  }
  return box;
}

function fillPanel() {
  byId("name").textContent = product.name;
  document.title = `${product.name} – geomage view`;
  byId("made").textContent = `version ${product.version}, made ${(product.created || "").slice(0, 16).replace("T", " ")} UTC`;
  const roles = ["before", "after"].filter(one => product.rasters.includes(one));
  const bases = [...roles, ...(roles.length === 2 ? ["swipe"] : []), "none"];
  byId("base").replaceChildren(...bases.map(name => {
    const one = make("button", {before: "Before", after: "After", swipe: "Swipe", none: "None"}[name]);
    one.dataset.base = name;
    one.setAttribute("role", "radio");
    one.addEventListener("click", () => setBase(name));
    return one;
  }));
  const held = product.vectors.filter(one => one.count || one.id === "builtUpA");   // roads nobody asked for are not "0 roads"
  for (const one of held) if (!HIDDEN_AT_FIRST.has(one.id)) view.on.add(one.id);
  const rank = one => [...UNDER, "transportationL"].indexOf(one.id);
  for (const one of held.sort((a, b) => rank(a) - rank(b))) {
    byId("vectors").append(layerBox(one.id, one.count));
    if (!one.count) continue;   // no legend of nothing
    if (one.id === "builtUpA") byId("vectors").append(legend(Object.entries(SLUGS)));
    if (one.id === "observedEventA") byId("vectors").append(legend([["flooded", "flooded"], ["debris", "debris"], ["burnt", "burnt"]]));
    if (one.id === "transportationL") byId("vectors").append(legend(
      Object.keys(STATES).map(state => [state, `street ${state}`])));
    if (one.id === "cutOffA") byId("vectors").append(legend([["cut off", "cut"], ["possibly cut off", "maybecut"]]));
    if (one.id === "accessTimeA") byId("vectors").append(legend([["before", "reach-before"], ["after", "reach-after"], ["at best", "reach-best"]]));
  }
  for (const one of product.rasters) if (!["before", "after"].includes(one)) byId("rasters").append(layerBox(one));
  byId("notes").append(...product.notes.map(one => make("p", one)));
  setBase(roles.length ? roles[roles.length - 1] : "none");
}

// ---- hands ------------------------------------------------------------------------------------
const fingers = new Map();
let travelled = 0;
canvas.addEventListener("pointerdown", event => {
  canvas.setPointerCapture(event.pointerId);
  fingers.set(event.pointerId, [event.offsetX, event.offsetY]);
  if (fingers.size === 1) travelled = 0;
});
canvas.addEventListener("pointermove", event => {
  tellWhere(event.offsetX, event.offsetY);
  const was = fingers.get(event.pointerId), now = [event.offsetX, event.offsetY];
  if (!was) return;
  const others = [...fingers].filter(([id]) => id !== event.pointerId).map(([, at]) => at);
  if (others.length) {
    const [ox, oy] = others[0], before = Math.hypot(was[0] - ox, was[1] - oy), after = Math.hypot(now[0] - ox, now[1] - oy);
    if (before > 4) zoomBy(after / before, (now[0] + ox) / 2, (now[1] + oy) / 2);
    moveBy((now[0] - was[0]) / 2, (now[1] - was[1]) / 2);
    travelled = 99;
  } else {
    travelled += Math.hypot(now[0] - was[0], now[1] - was[1]);
    if (travelled > 4) moveBy(now[0] - was[0], now[1] - was[1]);
  }
  fingers.set(event.pointerId, now);
});
canvas.addEventListener("pointerup", event => {
  if (fingers.size === 1 && travelled <= 4) choose(event.offsetX, event.offsetY);
  fingers.delete(event.pointerId);
});
canvas.addEventListener("pointercancel", event => fingers.delete(event.pointerId));
canvas.addEventListener("wheel", event => {
  event.preventDefault();
  zoomBy(2 ** (-Math.sign(event.deltaY) * Math.min(Math.abs(event.deltaY) / 200, .6)), event.offsetX, event.offsetY);
}, {passive: false});
canvas.addEventListener("dblclick", event => zoomBy(2, event.offsetX, event.offsetY));

const KEYS = {"+": () => zoomBy(1.5), "=": () => zoomBy(1.5), "-": () => zoomBy(1 / 1.5), "Home": showAll,
  "b": nextBase, "B": nextBase, "Escape": () => tell(null, null)};
const STEPS = {ArrowLeft: [90, 0], ArrowRight: [-90, 0], ArrowUp: [0, 90], ArrowDown: [0, -90]};
document.addEventListener("keydown", event => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (KEYS[event.key]) { KEYS[event.key](); event.preventDefault(); }
  else if (STEPS[event.key] && !["INPUT", "BUTTON"].includes(event.target.tagName)) { moveBy(...STEPS[event.key]); event.preventDefault(); }
});
byId("closer").addEventListener("click", () => zoomBy(1.5));
byId("farther").addEventListener("click", () => zoomBy(1 / 1.5));
byId("all").addEventListener("click", showAll);
byId("close").addEventListener("click", () => tell(null, null));
byId("swipe").addEventListener("input", event => { view.swipe = event.target.value / 1000; draw(); });
byId("fold").addEventListener("click", () => {
  const folded = byId("panel").classList.toggle("folded");
  byId("fold").setAttribute("aria-expanded", !folded);
});
addEventListener("resize", () => product && draw());

fetch("/product.json").then(answer => answer.json()).then(found => {
  product = found;
  plane = found.plane;
  if (innerWidth <= 700) byId("fold").click();
  fillPanel();
  showAll();
  document.documentElement.dataset.ready = "yes";
});

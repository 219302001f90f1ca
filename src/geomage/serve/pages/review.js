"use strict";
// One building after another. A grade is shown as kept only when the server says it is on the disk.
const SIDE = 520;
const WORDS = ["Not analysed", "No damage", "Minor damage", "Major damage", "Destroyed"];
const CHANCES = ["No damage", "Minor", "Major", "Destroyed"];
const SVG = "http://www.w3.org/2000/svg";
const byId = name => document.getElementById(name);
const token = document.querySelector("meta[name=token]").content;
const facts = new Map();    // row -> promise of what is known of a building
const state = {queue: null, at: 0, graded: new Map(), scale: "near", busy: Promise.resolve()};

function known(row) {
  if (!facts.has(row)) facts.set(row, fetch(`/building/${row}.json`).then(answer => answer.json()));
  if (facts.size > 200) facts.delete(facts.keys().next().value);
  return facts.get(row);
}

const picture = (row, role) => `/chip/${row}/${role}/${state.scale}.jpg`;

function outline(rings) {
  return rings.map(ring => {
    const points = [];
    for (let i = 0; i < ring.length; i += 2) points.push(`${ring[i]} ${ring[i + 1]}`);
    return `M${points.join("L")}Z`;
  }).join("");
}

async function show() {
  const row = state.queue.rows[state.at], one = await known(row);
  if (row !== state.queue.rows[state.at]) return;
  for (const role of ["before", "after"]) {
    const chip = byId(role), path = outline(one.outline[state.scale]);
    chip.querySelector("image").setAttribute("href", picture(row, role));
    for (const line of chip.querySelectorAll("path")) line.setAttribute("d", path);
  }
  byId("which").textContent = `Building ${one.id}`;
  const metres = `${one.metres[state.scale].toFixed(0)} m across`, size = `${(one.area_m2 || 0).toFixed(0)} m²`;
  const where = one.lonlat[0] === null ? "" : `, ${one.lonlat[1].toFixed(5)}, ${one.lonlat[0].toFixed(5)}`;
  byId("place").textContent = `${size}, picture ${metres}${where}`;
  tellWord(row, one);
  tellGrade(row);
  ahead();
}

function tellWord(row, one) {
  const hidden = state.queue.sample && !state.graded.has(row);
  byId("said").hidden = hidden;
  byId("blind").hidden = !hidden;
  byId("word").textContent = hidden ? "" : one.word;
  byId("reason").textContent = hidden ? "" : one.reason || "";
  byId("chances").replaceChildren(...(hidden || one.chances[0] === null ? [] : one.chances.flatMap(chance)));
}

function chance(p, place) {
  const name = document.createElement("span"), number = document.createElement("span");
  const bar = document.createElementNS(SVG, "svg"), fill = document.createElementNS(SVG, "rect");
  name.textContent = CHANCES[place];
  number.textContent = `${Math.round(p * 100)} %`;
  fill.setAttribute("height", "100%");
  fill.setAttribute("width", `${p * 100}%`);
  bar.append(fill);
  return [name, bar, number];
}

function tellGrade(row) {
  const grade = state.graded.get(row);
  byId("own").textContent = grade === undefined ? "none yet" : WORDS[grade];
  for (const one of document.querySelectorAll("[data-grade]"))
    one.setAttribute("aria-pressed", String(Number(one.dataset.grade) === grade));
  const rows = state.queue.rows, count = rows.filter(one => state.graded.has(one)).length;
  byId("done").textContent = count.toLocaleString("en");
  byId("bar").max = Math.max(state.queue.total, 1);
  byId("bar").value = count;
  byId("previous").disabled = state.at === 0;
  byId("next").disabled = state.at === rows.length - 1;
}

function ahead() {
  for (const row of state.queue.rows.slice(state.at + 1, state.at + 3)) {
    known(row);
    for (const role of ["before", "after"]) new Image().src = picture(row, role);
  }
}

function say(words, bad) {
  byId("message").textContent = words;
  byId("message").className = bad ? "bad" : "";
}

async function ask(path, body) {
  const answer = await fetch(path, {method: "POST", body: JSON.stringify(body),
    headers: {"Content-Type": "application/json", "X-Geomage-Token": token}}).catch(() => null);
  if (!answer) throw new Error("The server does not answer: this grade is NOT kept. Start geomage review again; what was kept before is safe.");
  const found = (answer.headers.get("content-type") || "").includes("json") ? await answer.json() : {error: await answer.text()};
  if (!answer.ok) throw new Error(`NOT kept: ${found.error}`);
  return found;
}

// One after the other, in the order of the keys, however fast they come.
function queued(work) {
  state.busy = state.busy.then(work).catch(error => say(error.message, true));
  return state.busy;
}

function grade(value) {
  return queued(async () => {
    const row = state.queue.rows[state.at];
    const kept = await ask("/grade", {row, grade: value});
    state.graded.set(kept.row, kept.grade);
    byId("undo").disabled = false;
    say(`Building ${(await known(row)).id}: ${WORDS[value]}, kept ${kept.at.slice(11, 19)} UTC.`);
    await onwards();
  });
}

async function onwards() {
  const rows = state.queue.rows;
  const free = [...rows.keys()].map(i => (state.at + 1 + i) % rows.length).find(i => !state.graded.has(rows[i]));
  if (free === undefined) {
    await show();
    await finish();
    return;
  }
  state.at = free;
  await show();
}

async function finish() {
  if (!state.queue.sample) return say("All are graded. Make the next version with geomage reissue.");
  const found = await (await fetch("/sample.json")).json(), all = found && found.overall;
  const share = one => `${(100 * one).toFixed(0)} %`;
  say(all ? `Sample complete: of the decided words ${share(all.value)} are right (90 % interval ${share(all.low)} to ${share(all.high)}, ${found.judged} judged). geomage reissue writes it into the product.`
    : "Sample complete, but none of it could be judged.");
}

function undo() {
  return queued(async () => {
    const found = await ask("/undo", {});
    if (!found) return say("There is nothing to take back.");
    if (found.grade === null) state.graded.delete(found.row);
    else state.graded.set(found.row, found.grade);
    const at = state.queue.rows.indexOf(found.row);
    if (at >= 0) state.at = at;
    say(found.grade === null ? "Taken back." : `Taken back: ${WORDS[found.grade]} again.`);
    await show();
  });
}

const step = by => queued(async () => {
  state.at = Math.min(Math.max(state.at + by, 0), state.queue.rows.length - 1);
  say("");
  await show();
});

function wider() {
  state.scale = state.scale === "near" ? "wide" : "near";
  byId("wide").setAttribute("aria-pressed", String(state.scale === "wide"));
  return show();
}

function outlines() {
  const bare = document.body.classList.toggle("bare");
  byId("outline").setAttribute("aria-pressed", String(!bare));
}

const KEYS = {ArrowRight: () => step(1), ArrowLeft: () => step(-1), u: undo, U: undo, c: wider, C: wider,
  o: outlines, O: outlines, n: () => step(1), p: () => step(-1)};
document.addEventListener("keydown", event => {
  if (!state.queue || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if ("01234".includes(event.key)) grade(Number(event.key));
  else if (KEYS[event.key]) KEYS[event.key]();
  else return;
  event.preventDefault();
});
for (const one of document.querySelectorAll("[data-grade]"))
  one.addEventListener("click", () => grade(Number(one.dataset.grade)));
for (const role of ["before", "after"])
  byId(role).querySelector("image").addEventListener("error", () => say(`The picture ${role} cannot be shown: its image is damaged or gone.`, true));
byId("next").addEventListener("click", () => step(1));
byId("previous").addEventListener("click", () => step(-1));
byId("undo").addEventListener("click", undo);
byId("wide").addEventListener("click", wider);
byId("outline").addEventListener("click", outlines);

fetch("/queue.json").then(answer => answer.json()).then(async found => {
  state.queue = found;
  state.graded = new Map(Object.entries(found.graded).map(([row, value]) => [Number(row), value]));
  byId("name").textContent = `Review of ${found.product}, version ${found.version}`;
  document.title = `${found.product} – geomage review`;
  byId("mode").textContent = `${found.sample ? "Random sample" : "Least certain first"}, logged as ${found.who}`;
  byId("total").textContent = found.total.toLocaleString("en");
  byId("undo").disabled = !found.can_undo;
  const free = found.rows.findIndex(row => !state.graded.has(row));
  state.at = Math.max(free, 0);
  if (found.rows.length) await show();
  if (free < 0) await finish();
  document.documentElement.dataset.ready = "yes";
});

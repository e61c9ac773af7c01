// The page of one video: the player, the timeline and the long caption follow each other.

import "./timeline.js";
import { annotations } from "./annotate.js";
import { act, clock, part } from "./http.js";
import { keysOn, listen, setKeys } from "./keys.js";
import { Player } from "./player.js";

const SPEEDS = [0.25, 0.5, 0.75, 1, 1.25, 1.5, 2, 3, 4];
const $ = (id) => document.getElementById(id);
const facts = JSON.parse($("facts").textContent);
const named = facts.out ? { id: facts.id, out: facts.out } : { id: facts.id };
const url = (path, more = {}) => `${path}?${new URLSearchParams({ ...named, ...more })}`;

const video = $("video");
const timeline = $("timeline");
const evidence = $("evidence");
let sentences = [];
let chosen = null; // { id, spans, windows, start, end }
let looping = false;
let current = null;

const player = video
  ? new Player(video, $("storyboard"), facts, {
      media: video.dataset.src,
      preview: url("/preview.mp4"),
      still: (t) => url("/still", { t, size: "large" }),
    })
  : null;

// -- sentences ---------------------------------------------------------------------------------------------------------

function readSentences() {
  sentences = [...document.querySelectorAll(".sentence")].map((node) => {
    const spans = JSON.parse(node.dataset.spans);
    const length = spans.reduce((sum, [a, b]) => sum + b - a, 0);
    return { id: node.dataset.id, node, spans, windows: JSON.parse(node.dataset.windows), length };
  });
}

const inside = (sentence, time) => sentence.spans.some(([a, b]) => a - 1e-3 <= time && time < b);

/** The sentence about a time: the chosen one if it covers the time, else the shortest one that does. */
function sentenceAt(time) {
  if (chosen?.sentence && inside(chosen.sentence, time)) return chosen.sentence;
  let best = null;
  for (const sentence of sentences) {
    if (inside(sentence, time) && (!best || sentence.length < best.length - 1e-6)) best = sentence;
  }
  return best;
}

function follow() {
  if (!player) return;
  const time = player.time;
  $("clock").textContent = clock(time);
  if (timeline) timeline.time = time;
  if (looping && chosen && !player.paused && (time >= chosen.end - 0.02 || time < chosen.start - 0.5)) {
    player.seek(chosen.start);
    return;
  }
  const sentence = sentenceAt(time);
  if (sentence === current) return;
  current?.node.classList.remove("now");
  current?.node.removeAttribute("aria-current");
  current = sentence;
  if (!sentence) {
    timeline?.now?.("");
    return;
  }
  sentence.node.classList.add("now");
  sentence.node.setAttribute("aria-current", "true");
  timeline?.now?.(`s${sentence.id}`);
  if (!player.paused) reveal(sentence.node);
}

/** Bring a sentence into view inside its own box, without moving the page. */
function reveal(node) {
  const box = $("caption");
  const outer = box.getBoundingClientRect();
  const inner = node.getBoundingClientRect();
  if (box.scrollHeight <= box.clientHeight || (inner.top >= outer.top && inner.bottom <= outer.bottom)) return;
  const smooth = !matchMedia("(prefers-reduced-motion: reduce)").matches;
  box.scrollBy({ top: inner.top - outer.top - outer.height / 3, behavior: smooth ? "smooth" : "auto" });
}

async function choose(what, { seek = true, focus = false } = {}) {
  chosen = what;
  for (const node of document.querySelectorAll(".chosen")) node.classList.remove("chosen");
  if (looping) setLoop(false);
  if (!what) {
    timeline?.mark?.([], []);
    history.replaceState(null, "", location.pathname + location.search);
    return;
  }
  what.sentence?.node.classList.add("chosen");
  timeline?.mark?.([what.item], what.windows.map((w) => `w${w}`));
  if (seek && what.start !== null) player?.seek(what.start);
  const hash = new URLSearchParams({ ...what.hash, ...(what.start !== null ? { t: what.start.toFixed(3) } : {}) });
  history.replaceState(null, "", `#${hash}`);
  follow();
  await showEvidence(what.query, focus);
}

function ofSentence(sentence) {
  const [section, index] = sentence.id.split(".");
  const [start, end] = sentence.spans.length ? sentence.spans[0] : [null, null];
  return {
    sentence, item: `s${sentence.id}`, windows: sentence.windows, start, end,
    hash: { s: sentence.id }, query: { section, sentence: index },
  };
}

const ofWindow = (number, start, end) => ({
  item: `w${number}`, windows: [number], start, end, hash: { w: number }, query: { window: number },
});

let asked = 0;
async function showEvidence(query, focus) {
  const mine = ++asked;
  evidence.setAttribute("aria-busy", "true");
  try {
    const html = await part("/part/evidence", { ...named, ...query });
    if (mine === asked) evidence.innerHTML = html; // escaped by the server
  } catch (error) {
    if (mine === asked) evidence.textContent = error.message;
  }
  evidence.removeAttribute("aria-busy");
  if (focus) evidence.focus();
}

$("caption")?.addEventListener("click", (event) => {
  if (event.ctrlKey || event.metaKey || event.shiftKey) return;
  const sentence = event.target.closest(".sentence");
  if (sentence) {
    event.preventDefault();
    choose(ofSentence(sentences.find((s) => s.node === sentence)));
    return;
  }
  const time = event.target.closest("a.time");
  if (time) {
    event.preventDefault();
    player?.seek(Number(time.dataset.start));
    return;
  }
  const open = event.target.closest("[data-open]");
  if (open) {
    const section = open.dataset.open;
    const heading = open.closest("section").querySelector("a.time");
    const start = heading ? Number(heading.dataset.start) : null;
    choose({
      item: `s${section}`, windows: [], start, end: heading ? Number(heading.dataset.end) : null,
      hash: { p: section }, query: { section },
    }, { focus: true });
  }
});

evidence.addEventListener("click", (event) => {
  const link = event.target.closest("[data-seek]");
  if (!link || event.ctrlKey || event.metaKey) return;
  event.preventDefault();
  player?.seek(Number(link.dataset.seek));
});

timeline?.addEventListener("choose", ({ detail }) => {
  const key = detail.id || "";
  if (detail.lane === "sentences") {
    const sentence = sentences.find((s) => `s${s.id}` === key);
    if (sentence) choose({ ...ofSentence(sentence), start: detail.time, end: detail.end });
  } else if (detail.lane === "windows") {
    choose(ofWindow(Number(key.slice(1)), detail.time, detail.end));
  } else if (detail.lane === "sections") {
    choose({ item: key, windows: [], start: detail.time, end: detail.end, hash: { p: key.slice(1) }, query: { section: key.slice(1) } });
  } else {
    chosen = detail.id ? { item: key, windows: [], start: detail.time, end: detail.end, hash: {}, query: {} } : null;
    timeline.mark(detail.id ? [key] : [], []);
    player?.seek(detail.time);
  }
});
timeline?.addEventListener("playspan", () => player?.play());
timeline?.addEventListener("ready", () => {
  follow();
  if (chosen) timeline.mark([chosen.item], chosen.windows.map((w) => `w${w}`));
});

function stepSentence(count) {
  const withTimes = sentences.filter((s) => s.spans.length);
  if (!withTimes.length) return;
  const at = withTimes.findIndex((s) => s === (chosen?.sentence || current));
  const next = at < 0 ? (count > 0 ? 0 : withTimes.length - 1) : Math.min(withTimes.length - 1, Math.max(0, at + count));
  choose(ofSentence(withTimes[next]));
  reveal(withTimes[next].node);
}

function setLoop(on) {
  looping = on && chosen !== null && chosen.start !== null;
  $("loop")?.setAttribute("aria-pressed", String(looping));
  if (looping && player) {
    if (player.time < chosen.start || player.time >= chosen.end) player.seek(chosen.start);
    player.play();
  }
}

// -- the bar -----------------------------------------------------------------------------------------------------------

function setSpeed(rate) {
  if (player) player.rate = rate;
  if ($("speed")) $("speed").value = String(rate);
  localStorage.setItem("longcap-speed", String(rate));
}

function speed(count) {
  const at = SPEEDS.indexOf(player?.rate ?? 1);
  setSpeed(SPEEDS[Math.min(SPEEDS.length - 1, Math.max(0, (at < 0 ? 3 : at) + count))]);
}

$("previous")?.addEventListener("click", () => stepSentence(-1));
$("next")?.addEventListener("click", () => stepSentence(1));
$("play")?.addEventListener("click", () => player.toggle());
$("loop")?.addEventListener("click", () => setLoop(!looping));
$("speed")?.addEventListener("change", (event) => setSpeed(Number(event.target.value)));
$("help")?.addEventListener("click", () => $("keys").showModal());
$("keys-on").checked = keysOn();
$("keys-on").addEventListener("change", (event) => setKeys(event.target.checked));

// -- what the browser cannot play --------------------------------------------------------------------------------------

function showStrip() {
  const strip = $("strip");
  strip.hidden = false;
  if (strip.children.length) return;
  strip.append(...facts.storyboard.map((time) => {
    const item = document.createElement("li");
    const link = document.createElement("a");
    link.href = `#t=${time.toFixed(3)}`;
    link.dataset.seek = String(time);
    const image = document.createElement("img");
    image.loading = "lazy";
    image.src = url("/still", { t: time.toFixed(3) });
    image.alt = `Frame at ${time.toFixed(2)} s`;
    const label = document.createElement("span");
    label.textContent = clock(time).replace(/\.000$/, "");
    link.append(image, label);
    item.append(link);
    return item;
  }));
}

$("strip")?.addEventListener("click", (event) => {
  const link = event.target.closest("[data-seek]");
  if (!link) return;
  event.preventDefault();
  player.seek(Number(link.dataset.seek));
});

let unreadable = false;

/** Explain if the file is the cause, not the browser: it is gone or has changed since it was captioned. */
async function explain() {
  const answer = await fetch(video.dataset.src, { headers: { range: "bytes=0-0" } });
  if (answer.ok || player.mode !== "storyboard") return;
  $("cannot").textContent = `${(await answer.text()).trim()}. The captions are shown without it.`;
  unreadable = true;
  $("strip").hidden = $("storyboard").hidden = $("make").hidden = true;
  video.hidden = false;
}

function showJob(job) {
  const working = job.state === "waiting" || job.state === "working";
  $("progress").hidden = $("stop").hidden = !working;
  $("progress").value = job.progress;
  $("make").hidden = working || unreadable || player.mode !== "storyboard";
  if (job.state === "failed") $("cannot").textContent = `${job.message}. The frames below are exact.`;
  if (working) setTimeout(look, 500);
}

async function look({ open = true } = {}) {
  const job = JSON.parse(await part("/preview", named));
  showJob(job);
  if (job.state === "done" && open && player.mode === "storyboard") player.openPreview(job.first_pts_s);
}

$("make")?.addEventListener("click", async () => {
  try {
    const job = await act("/preview", named);
    showJob(job);
    if (job.state === "done") await look();
  } catch (error) {
    $("cannot").textContent = error.message;
  }
});
$("stop")?.addEventListener("click", async () => showJob(await act("/preview", named, { method: "DELETE" })));

player?.addEventListener("mode", ({ detail }) => {
  const storyboard = player.mode === "storyboard";
  $("cannot").hidden = !detail;
  $("cannot").textContent = detail ? `${detail}. These are frames of the video, each at its exact time.` : "";
  if (storyboard) explain();
  $("screen").dataset.mode = player.mode;
  $("make").hidden = !storyboard;
  if (storyboard) {
    showStrip();
    if (!failedPreview) look().catch(() => {});
  } else {
    $("strip").hidden = true;
  }
  failedPreview = player.mode === "preview"; // a preview that fails to play is not tried again
});
let failedPreview = false;
player?.addEventListener("time", follow);
player?.addEventListener("seek", follow);
player?.addEventListener("state", () => {
  $("play").dataset.paused = String(player.paused);
  $("play").ariaLabel = player.paused ? "Play" : "Pause";
  follow();
});

// -- annotations, keys, the address ------------------------------------------------------------------------------------

const people = annotations({
  named,
  chosen: () => chosen,
  time: () => player?.time ?? 0,
  changed: async () => {
    const [caption, past] = await Promise.all([part("/part/caption", named), part("/part/history", named)]);
    $("caption").innerHTML = caption; // escaped by the server
    $("history").innerHTML = past;
    const id = chosen?.sentence?.id;
    current = null;
    readSentences();
    const again = id && sentences.find((s) => s.id === id);
    if (again) await choose(ofSentence(again), { seek: false });
    else if (chosen) await showEvidence(chosen.query, false);
    follow();
  },
});

listen({
  toggle: () => player?.toggle(),
  back: () => player?.seek(player.time - 5),
  forward: () => (chosen && chosen.start !== null ? setLoop(!looping) : player?.seek(player.time + 5)),
  loop: () => setLoop(!looping),
  previous: () => stepSentence(-1),
  next: () => stepSentence(1),
  frameBack: () => player?.step(-1),
  frameForward: () => player?.step(1),
  slower: () => speed(-1),
  faster: () => speed(1),
  accept: () => people.verdict("accept"),
  reject: () => people.verdict("reject"),
  edit: () => evidence.querySelector("textarea")?.focus(),
  undo: () => people.undo(),
  help: () => $("keys").showModal(),
  clear: () => choose(null),
});

/** Go where the address says: a sentence, a window, a time. */
function fromAddress() {
  const hash = new URLSearchParams(location.hash.slice(1));
  const sentence = sentences.find((s) => s.id === hash.get("s"));
  const time = Number.parseFloat(hash.get("t"));
  if (sentence) choose(ofSentence(sentence));
  else if (/^\d+$/.test(hash.get("w") || "")) choose(ofWindow(Number(hash.get("w")), Number.isFinite(time) ? time : null, null));
  else if (/^-?\d+$/.test(hash.get("p") || "")) choose({ item: `s${hash.get("p")}`, windows: [], start: Number.isFinite(time) ? time : null, end: null, hash: { p: hash.get("p") }, query: { section: hash.get("p") } });
  if (!sentence && Number.isFinite(time)) player?.seek(time);
}

readSentences();
player?.open();
if (player) setSpeed(Number(localStorage.getItem("longcap-speed")) || 1);
fromAddress();
addEventListener("hashchange", fromAddress);
follow();
document.documentElement.dataset.ready = "true";

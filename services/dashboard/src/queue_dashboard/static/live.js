// Parts of a page that follow the queue: loaded again by time or by events, and what the pulse
// says. An event reaches the page's other scripts as "queue:event" at the document.

const find = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

const MIN_MS = 1000; // between two loads of a region because of events
const RETRY_MS = 3000; // until what failed is tried again
const MAX_HELD = 200; // events that a paused page keeps: as many as the tail shows

const regions = () => all('[data-fresh]:not([data-fresh="never"])');
const eventRegions = () => all('[data-fresh="events"]');
const tail = find("[data-tail]");

// --- The pulse --------------------------------------------------------------------------------

const TEXTS = {
  paused: "Paused", ended: "Session ended", lost: "No connection", connecting: "Connecting",
  on: "Live",
};
const pulse = find("#pulse");
let paused = sessionStorage.getItem("paused") === "yes";
let stream = "none"; // then connecting, on, lost, and once the API refuses the key: ended
let away = false; // the dashboard cannot reach the API
const failed = new Map(); // when the last load of a region failed, until one succeeds

function pulseState() {
  if (stream === "ended") return "ended";
  if (paused) return "paused";
  if (away || failed.size || stream === "lost") return "lost";
  return stream === "connecting" ? "connecting" : "on";
}

function showPulse() {
  if (!pulse) return;
  const state = pulseState();
  pulse.hidden = !tail && !regions().length;
  pulse.dataset.live = state;
  pulse.setAttribute("aria-pressed", String(paused));
  if (pulse.textContent !== TEXTS[state]) pulse.textContent = TEXTS[state];
}

const held = []; // events of the pause

function setPaused(value) {
  paused = value;
  sessionStorage.setItem("paused", value ? "yes" : "no");
  if (!value) {
    held.splice(0).forEach(pass);
    regions().forEach(loadSoon);
  }
  showPulse();
}

pulse?.addEventListener("click", () => (stream === "ended" ? location.reload() : setPaused(!paused)));

// --- Regions that are loaded again ------------------------------------------------------------

const opened = Date.now();
const loaded = new Map();

function load(region) {
  if (paused || document.hidden || stream === "ended") return;
  loaded.set(region.id, Date.now());
  region.dispatchEvent(new Event("fresh"));
}

// Many events at once load a region once, and once more after the last of them.
const waiting = new Map();
function loadSoon(region) {
  if (waiting.has(region.id)) return;
  const wait = Math.max(80, MIN_MS - (Date.now() - (loaded.get(region.id) ?? 0)));
  waiting.set(region.id, setTimeout(() => {
    waiting.delete(region.id);
    const current = document.getElementById(region.id);
    if (current) load(current);
  }, wait));
}

function tick() {
  for (const region of regions()) {
    const seconds = Number(region.dataset.fresh);
    const since = Date.now() - (loaded.get(region.id) ?? opened);
    if (failed.has(region.id) ? since >= RETRY_MS : seconds && since >= seconds * 1000) load(region);
  }
}
setInterval(tick, 1000);

// What is no such page, or has no such region, replaces nothing: what was read last stays.
document.body.addEventListener("htmx:after:request", (event) => {
  const { ctx } = event.detail;
  const { id } = ctx.sourceElement;
  const { status, raw } = ctx.response;
  if (status === 200 && ctx.text.includes(`id="${id}"`)) failed.delete(id);
  else {
    event.preventDefault();
    failed.set(id, Date.now());
    if (raw.redirected && new URL(raw.url).pathname.endsWith("/login")) end();
  }
  showPulse();
});

document.body.addEventListener("htmx:error", (event) => {
  const id = event.detail.ctx?.sourceElement.id;
  if (id) failed.set(id, Date.now());
  showPulse();
});

// --- Events -----------------------------------------------------------------------------------

let source = null;
let lastId = tail?.dataset.after;

function start() {
  const url = document.body.dataset.events;
  const listens = url && (tail || eventRegions().length);
  if (!listens || document.hidden || source || stream === "ended") return showPulse();
  const query = new URLSearchParams(tail ? location.search : "");
  if (lastId) query.set("after", lastId);
  if (stream === "none") stream = "connecting";
  source = new EventSource(`${url}?${query}`);
  source.onopen = open;
  source.onerror = lose;
  source.onmessage = take;
  source.addEventListener("missed", miss);
  source.addEventListener("away", () => { away = true; showPulse(); });
  source.addEventListener("back", () => { away = false; regions().forEach(loadSoon); showPulse(); });
  source.addEventListener("ended", end);
  return showPulse();
}

function stop() {
  source?.close();
  source = null;
}

function end() {
  stop();
  stream = "ended";
  showPulse();
}

function open() {
  if (stream === "lost") eventRegions().forEach(loadSoon);
  stream = "on";
  showPulse();
}

// A browser connects again by itself, but not after an answer such as 502.
function lose() {
  stream = "lost";
  if (source?.readyState === EventSource.CLOSED) {
    stop();
    setTimeout(start, RETRY_MS);
  }
  showPulse();
}

function miss() {
  eventRegions().forEach(loadSoon);
  const gap = find("#tail-gap");
  if (gap) gap.hidden = false;
}

function take(message) {
  lastId = message.lastEventId || lastId;
  const event = JSON.parse(message.data);
  if (!paused) return pass(event);
  held.push(event);
  if (held.length > MAX_HELD) held.shift();
  return undefined;
}

function pass(event) {
  for (const region of eventRegions()) {
    const task = region.dataset.task;
    if (!task || task === event.task_id) loadSoon(region);
  }
  document.dispatchEvent(new CustomEvent("queue:event", { detail: event }));
}

// A page in the background gives its connection back: a browser has six to a host.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) {
    stop();
    if (stream !== "ended") stream = "none";
    return;
  }
  regions().forEach(loadSoon);
  start();
});

start();

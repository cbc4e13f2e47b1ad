// Keys, live regions, the tail, copy buttons. Everything can be read and done without this script.

const find = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

// --- Paused or live -------------------------------------------------------------------------

const pulse = find("#pulse");
let paused = sessionStorage.getItem("paused") === "yes";

function showPulse(state) {
  if (!pulse) return;
  pulse.hidden = false;
  pulse.dataset.live = paused ? "paused" : state;
  pulse.setAttribute("aria-pressed", String(paused));
  pulse.textContent = paused ? "Paused" : state === "lost" ? "No connection" : "Live";
}

function setPaused(value) {
  paused = value;
  sessionStorage.setItem("paused", value ? "yes" : "no");
  if (value) stop();
  else start();
}

// --- Regions that are loaded again ------------------------------------------------------------

const MIN_MS = 1000; // between two loads of a region because of events
const loaded = new Map();

function load(region) {
  if (!paused && !document.hidden) {
    loaded.set(region.id, Date.now());
    region.dispatchEvent(new Event("fresh"));
  }
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
  for (const region of all("[data-fresh]")) {
    const seconds = Number(region.dataset.fresh);
    const since = Date.now() - (loaded.get(region.id) ?? opened);
    if (seconds && since >= seconds * 1000) load(region);
  }
  showTimes();
}
const opened = Date.now();
setInterval(tick, 1000);

// --- Events -----------------------------------------------------------------------------------

let source = null;

function start() {
  const url = document.body.dataset.events;
  const wanted = find("[data-tail]") || find('[data-fresh="events"]');
  if (!url || paused || document.hidden || source) return showPulse("on");
  if (!wanted) return showPulse("on");
  const filter = find("[data-tail]") ? location.search : "";
  source = new EventSource(url + filter);
  source.onopen = () => showPulse("on");
  source.onerror = () => showPulse("lost");
  source.onmessage = (message) => take(JSON.parse(message.data));
  source.addEventListener("missed", () => all('[data-fresh="events"]').forEach(loadSoon));
  source.addEventListener("ended", () => { stop(); showPulse("lost"); });
}

function stop() {
  source?.close();
  source = null;
  showPulse("on");
}

// A page in the background gives its connection back: a browser has six to a host.
document.addEventListener("visibilitychange", () => {
  if (document.hidden) return stop();
  all('[data-fresh]:not([data-fresh="never"])').forEach(loadSoon);
  start();
});

function take(event) {
  for (const region of all('[data-fresh="events"]')) {
    const task = region.dataset.task;
    if (!task || task === event.task_id) loadSoon(region);
  }
  const tail = find("[data-tail]");
  if (tail) addRow(tail, event);
}

// --- The tail ---------------------------------------------------------------------------------

const SHAPES = {
  "task.accepted": "queued", "attempt.failed": "failed", "task.delivered": "delivered",
  "task.dead": "dead", "task.cancelled": "cancelled", "task.requeued": "queued",
  "lane.paused": "paused", "lane.resumed": "active",
};

function addRow(tail, event) {
  const row = find("#tail-row").content.cloneNode(true).firstElementChild;
  const [at, kind, url, lane, attempt, result, took] = row.cells;
  const shape = SHAPES[event.type] ?? "queued";
  const link = find("a", kind);
  const use = find("use", kind);
  find("time", at).dateTime = event.at;
  find("time", at).textContent = clock(event.at);
  link.classList.add(`state-${shape}`);
  use.setAttribute("href", `${use.dataset.icons}#${shape}`);
  find("span", kind).textContent = event.type;
  if (event.task_id) {
    link.href = `${document.body.dataset.root}/tasks/${encodeURIComponent(event.task_id)}`;
    link.dataset.row = "";
  }
  url.textContent = event.url;
  lane.textContent = event.lane;
  attempt.textContent = event.attempt ?? "";
  result.textContent = event.result;
  took.textContent = event.took;
  tail.prepend(row);
  while (tail.rows.length > Number(tail.dataset.max)) tail.lastElementChild.remove();
  const empty = find("#tail-empty");
  if (empty) empty.hidden = true;
}

// --- Times ------------------------------------------------------------------------------------

function clock(iso) {
  const time = new Date(iso);
  return `${time.toLocaleTimeString(undefined, { hour12: false })}.${String(time.getMilliseconds()).padStart(3, "0")}`;
}

function words(seconds) {
  const parts = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const big = parts.findIndex(([size]) => seconds >= size);
  if (big < 0) return "0 s";
  const [size, name] = parts[big];
  const [small, smallName] = parts[big + 1] ?? [];
  const rest = small ? Math.floor((seconds % size) / small) : 0;
  return `${Math.floor(seconds / size)} ${name}${rest && big < 3 ? ` ${rest} ${smallName}` : ""}`;
}

function showTimes() {
  for (const element of all("time[title]")) {
    const at = new Date(element.dateTime);
    const seconds = Math.round((Date.now() - at) / 1000);
    const text = seconds === 0 ? "now" : seconds > 0 ? `${words(seconds)} ago` : `in ${words(-seconds)}`;
    if (element.textContent !== text) element.textContent = text;
  }
}

// --- Keys -------------------------------------------------------------------------------------

const PLACES = { o: "/", t: "/tasks", d: "/dead-letters", l: "/lanes" };
let going = false;

function move(step) {
  const rows = all("[data-row]");
  const at = rows.indexOf(document.activeElement?.closest("tr")?.querySelector("[data-row]"));
  const next = rows[at < 0 ? (step > 0 ? 0 : rows.length - 1) : at + step];
  next?.focus();
  next?.closest("tr")?.scrollIntoView({ block: "nearest" });
}

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select");
  if (event.key === "Escape" && typing) return typing.blur();
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return undefined;
  if (going) {
    going = false;
    if (PLACES[event.key]) location.href = document.body.dataset.root + PLACES[event.key];
    return undefined;
  }
  const acts = {
    "/": () => find("#find")?.focus(), j: () => move(1), k: () => move(-1),
    p: () => setPaused(!paused), g: () => { going = true; }, "?": () => find("#help")?.showModal(),
  };
  if (!acts[event.key]) return undefined;
  event.preventDefault();
  return acts[event.key]();
});

// --- Copy -------------------------------------------------------------------------------------

async function copy(button) {
  const pre = find("pre", button.parentElement);
  try {
    await navigator.clipboard.writeText(pre.textContent);
  } catch { // over plain HTTP a page has no clipboard: select the text for Ctrl-C
    getSelection().selectAllChildren(pre);
    document.execCommand("copy");
  }
  button.textContent = "Copied";
  setTimeout(() => { button.textContent = "Copy"; }, 1500);
}

for (const button of all("[data-copy]")) {
  button.hidden = false;
  button.addEventListener("click", () => copy(button));
}
pulse?.addEventListener("click", () => setPaused(!paused));
document.body.addEventListener("htmx:after:swap", showTimes);
showTimes();
start();

// Times, keys, copy buttons. Everything can be read and done without this script.

const find = (selector, root = document) => root.querySelector(selector);
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

// --- Times ------------------------------------------------------------------------------------

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

function closeConfirms(but) {
  for (const open of all("details.confirm[open]")) if (open !== but) open.open = false;
}

document.addEventListener("keydown", (event) => {
  const typing = event.target.closest?.("input, textarea, select");
  if (event.key === "Escape") {
    if (typing) typing.blur();
    return closeConfirms();
  }
  if (typing || event.ctrlKey || event.metaKey || event.altKey) return undefined;
  if (going) {
    going = false;
    if (PLACES[event.key]) location.href = document.body.dataset.root + PLACES[event.key];
    return undefined;
  }
  const acts = {
    "/": () => find("#find")?.focus(), j: () => move(1), k: () => move(-1),
    p: () => find("#pulse")?.click(), g: () => { going = true; }, "?": () => find("#help")?.showModal(),
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

document.addEventListener("click", (event) => {
  closeConfirms(event.target.closest?.("details.confirm"));
  const button = event.target.closest?.("[data-copy]");
  if (button) copy(button);
});

// A region that was loaded again has its buttons as the server sent them.
function refresh() {
  for (const button of all("[data-copy]")) button.hidden = false;
  showTimes();
}
document.body.addEventListener("htmx:after:swap", refresh);
setInterval(showTimes, 1000);
refresh();

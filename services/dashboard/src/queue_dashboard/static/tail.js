// The table of events: a row for each, the newest first.

const find = (selector, root = document) => root.querySelector(selector);
const tail = find("[data-tail]");

const SHAPES = {
  "task.accepted": "queued", "attempt.failed": "failed", "task.delivered": "delivered",
  "task.dead": "dead", "task.cancelled": "cancelled", "task.requeued": "queued",
  "task.deleted": "cancelled", "lane.purged": "cancelled", "lane.paused": "paused",
  "lane.resumed": "active", "gap": "failed",
};

// The time of this machine, as in the rest of the browser.
function clock(iso) {
  const time = new Date(iso);
  return `${time.toLocaleTimeString(undefined, { hour12: false })}.${String(time.getMilliseconds()).padStart(3, "0")}`;
}

function addRow(event) {
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

if (tail) {
  for (const time of tail.querySelectorAll("time")) time.textContent = clock(time.dateTime);
  document.addEventListener("queue:event", (event) => addRow(event.detail));
}

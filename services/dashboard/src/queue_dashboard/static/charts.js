// The overview's charts, drawn from what the API keeps of the last minutes and days.

const box = document.querySelector("[data-charts]");
const dark = matchMedia("(prefers-color-scheme: dark)");
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
let series = "5s";
let data = null;
let plots = [];

const per = (points, field, step) => points.map((point) => point[field] / step);
const ms = (points, field) => points.map((point) => point[field] ?? null);

const CHARTS = {
  flow: (points, step) => [
    ["accepted", "--queued", per(points, "accepted", step)],
    ["delivered", "--delivered", per(points, "delivered", step), [8, 4]],
    ["failed attempts", "--dead", per(points, "failed", step), [2, 3]],
  ],
  wait: (points) => [
    ["p50", "--queued", ms(points, "wait_p50_ms")],
    ["p99", "--scheduled", ms(points, "wait_p99_ms"), [6, 4]],
  ],
  attempt: (points) => [
    ["p50", "--delivered", ms(points, "attempt_p50_ms")],
    ["p99", "--active", ms(points, "attempt_p99_ms"), [6, 4]],
  ],
};

const shownRate = (value) => (value == null ? "–" : value < 10 ? value.toFixed(1) : Math.round(value).toLocaleString());
const shownMs = (value) => {
  if (value == null) return "–";
  return value < 1000 ? `${value < 10 ? value.toFixed(1) : Math.round(value)} ms` : `${(value / 1000).toFixed(1)} s`;
};

const shownTime = (at) => {
  const time = new Date(at * 1000);
  const clock = time.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit", hour12: false });
  return series === "5s" ? clock : `${time.toLocaleDateString([], { weekday: "short" })} ${clock}`;
};

function options(element, lines, shown) {
  const axis = {
    stroke: colour("--muted"), grid: { stroke: colour("--line"), width: 1 },
    ticks: { show: false }, font: "11px system-ui, sans-serif",
  };
  return {
    width: element.clientWidth, height: 160, cursor: { y: false, points: { size: 7 } },
    legend: { live: true }, padding: [8, 4, 0, 0],
    scales: { y: { range: (_, low, high) => [0, Math.max(high || 0, 1) * 1.1] } },
    axes: [
      { ...axis, space: 64, values: (_, ticks) => ticks.map(shownTime) },
      { ...axis, size: 58, space: 32, values: (_, ticks) => ticks.map(shown) },
    ],
    series: [
      { value: (_, at) => (at == null ? "–" : new Date(at * 1000).toLocaleTimeString()) },
      ...lines.map(([label, stroke, , dash]) => ({
        label, stroke: colour(stroke), width: 2, dash, value: (_, value) => shown(value),
        fill: dash || lines.length < 3 ? undefined : `${colour(stroke)}1c`, points: { show: false },
      })),
    ],
  };
}

function draw() {
  plots.forEach((plot) => plot.destroy());
  plots = [];
  const chosen = data?.[series];
  if (!chosen?.points.length) return;
  const at = chosen.points.map((point) => new Date(point.at) / 1000);
  for (const element of document.querySelectorAll("[data-chart]")) {
    const lines = CHARTS[element.dataset.chart](chosen.points, chosen.step_seconds);
    const shown = element.dataset.chart === "flow" ? shownRate : shownMs;
    plots.push(new uPlot(options(element, lines, shown), [at, ...lines.map((line) => line[2])], element));
  }
}

function renew() {
  const chosen = data[series];
  const elements = [...document.querySelectorAll("[data-chart]")];
  if (plots.length !== elements.length || !chosen?.points.length) return draw();
  const at = chosen.points.map((point) => new Date(point.at) / 1000);
  return elements.forEach((element, index) => {
    const lines = CHARTS[element.dataset.chart](chosen.points, chosen.step_seconds);
    plots[index].setData([at, ...lines.map((line) => line[2])]);
  });
}

async function load() {
  if (document.hidden || sessionStorage.getItem("paused") === "yes") return;
  try {
    const answer = await fetch(box.dataset.charts, { headers: { Accept: "application/json" } });
    if (!answer.ok) return;
    data = await answer.json();
    renew();
  } catch { /* the next time */ }
}

for (const button of document.querySelectorAll("[data-series]")) {
  button.hidden = false;
  button.addEventListener("click", () => {
    series = button.dataset.series;
    document.querySelectorAll("[data-series]").forEach((one) => one.setAttribute("aria-pressed", String(one === button)));
    draw();
  });
}
dark.addEventListener("change", draw);
let resized;
addEventListener("resize", () => { clearTimeout(resized); resized = setTimeout(draw, 150); });
setInterval(load, 5000);
load();

// A campaign's days: spend as bars, leads as a line, each on a scale of its own.

import { doubtsOf, h, money, svg, whole } from "./dom.js";

const WIDTH = 640, HEIGHT = 220, LEFT = 8, RIGHT = 8, TOP = 22, BOTTOM = 24;
const DAY_MS = 86_400_000;

/** Leads of a day as the score counts them: the larger of what the platform and the CRM say. */
const leadsOf = (day) => Math.max(day.leads ?? 0, day.crm_leads);

export function chart(days, currency) {
  const first = Date.parse(days[0].day);
  const slots = Math.round((Date.parse(days.at(-1).day) - first) / DAY_MS) + 1;
  const step = (WIDTH - LEFT - RIGHT) / Math.max(slots, 7);
  const x = (day) => LEFT + (Math.round((Date.parse(day.day) - first) / DAY_MS) + 0.5) * step;
  const floor = HEIGHT - BOTTOM, room = floor - TOP;
  const spendMax = Math.max(...days.map((day) => Number(day.spend ?? 0)), 0);
  const leadsMax = Math.max(...days.map(leadsOf), 0);
  const height = (value, most) => (most > 0 ? (value / most) * room : 0);

  const bars = days.map((day) => {
    const tall = height(Number(day.spend ?? 0), spendMax);
    const doubt = doubtsOf(day);
    const label = `${day.day}: ${money(day.spend, currency)}, ${whole(leadsOf(day))} leads${doubt ? ` (${doubt})` : ""}`;
    const bar = { class: doubt ? "bar doubtful" : "bar", x: x(day) - step * 0.36, y: floor - tall, width: step * 0.72, height: tall, rx: 1.5 };
    return svg("rect", bar, title(label));
  });
  const points = days.map((day) => [x(day), floor - height(leadsOf(day), leadsMax), day]);
  const line = svg("polyline", { class: "line", points: points.map(([px, py]) => `${px},${py}`).join(" ") });
  const dots = points.map(([px, py, day]) =>
    svg("circle", { class: "dot", cx: px, cy: py, r: 2.4 }, title(`${day.day}: ${whole(leadsOf(day))} leads`)));

  const name = `Daily spend and leads from ${days[0].day} to ${days.at(-1).day}`;
  const picture = svg("svg", { class: "chart", viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": name },
    svg("line", { class: "axis", x1: LEFT, x2: WIDTH - RIGHT, y1: floor, y2: floor }),
    ...bars,
    leadsMax > 0 ? line : null,
    ...(leadsMax > 0 ? dots : []),
    label(LEFT, 12, "start", `up to ${money(String(spendMax), currency)}`),
    label(WIDTH - RIGHT, 12, "end", `up to ${whole(leadsMax)} leads`),
    label(LEFT, HEIGHT - 6, "start", days[0].day),
    label(WIDTH - RIGHT, HEIGHT - 6, "end", days.at(-1).day));
  const key = h("div", { class: "chart-key" },
    h("span", { class: "key-spend" }, "Spend"), h("span", { class: "tone-good" }, "Leads"),
    days.some((day) => doubtsOf(day)) ? h("span", { class: "tone-mixed" }, "Spend in doubt") : null);
  key.firstChild.style.setProperty("--tone", "var(--accent)");
  return h("div", {}, key, picture);
}

function title(text) {
  const element = svg("title");
  element.textContent = text;
  return element;
}

function label(x, y, anchor, text) {
  const element = svg("text", { x, y, "text-anchor": anchor });
  element.textContent = text;
  return element;
}

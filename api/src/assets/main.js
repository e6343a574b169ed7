// What the page shows and when it asks for it again. Figures already shown stay while a refresh fails, and the page
// says how old they are.

import { ACTIONS, PARTS, ago, h } from "./dom.js";
import { SORTS, attention, empty, feed, summary, table } from "./list.js";
import { detail, unavailable } from "./detail.js";

const REFRESH_MS = 15_000;
const PAGE = 100;
const ALERTS_SHOWN = 5;
const at = (id) => document.getElementById(id);

const view = { search: "", recommendation: "", account: "", sort: "total", order: "desc", pages: 1 };
const shown = { campaigns: [], alerts: [], recommendations: [], next: null, loadedAt: null };
let generation = 0;

async function ask(path, parameters = {}) {
  const query = new URLSearchParams(Object.entries(parameters).filter(([, value]) => value));
  const response = await fetch(`${path}?${query}`, { headers: { accept: "application/json" }, signal: AbortSignal.timeout(20_000) });
  const body = await response.json().catch(() => ({}));
  if (!response.ok) throw new Error(body.detail ?? `The server answered ${response.status}.`);
  return body;
}

/** Every page asked for so far, in one order, so that a refresh does not shorten the list under the reader. */
async function askCampaigns() {
  const { search, recommendation, account, sort, order } = view;
  const items = [];
  let cursor = null;
  for (let page = 0; page < view.pages; page += 1) {
    const answer = await ask("/api/campaigns", { search, recommendation, account, sort, order, limit: PAGE, cursor });
    items.push(...answer.items);
    cursor = answer.next_cursor;
    if (!cursor) break;
  }
  return { items, next: cursor };
}

async function refresh() {
  generation += 1;
  const mine = generation;
  try {
    const [campaigns, alerts, recommendations] = await Promise.all([
      askCampaigns(), ask("/api/alerts", { account: view.account, limit: PAGE }), ask("/api/recommendations", { limit: 12 }),
    ]);
    // An answer to an older question than the one now on the screen is not shown.
    if (mine !== generation) return;
    Object.assign(shown, {
      campaigns: campaigns.items, next: campaigns.next, alerts: alerts.items, moreAlerts: alerts.next_cursor !== null,
      recommendations: recommendations.items, loadedAt: Date.now(),
    });
    at("failure").hidden = true;
    render();
  } catch (error) {
    if (mine === generation) fail(error);
  }
  freshness();
}

function fail(error) {
  const network = error instanceof TypeError || error.name === "TimeoutError";
  const reason = network ? "The server does not answer." : error.message;
  const kept = shown.loadedAt ? ` The figures below are of ${new Date(shown.loadedAt).toLocaleTimeString()}.` : "";
  at("failure").textContent = `${reason}${kept} Trying again every ${REFRESH_MS / 1000} seconds.`;
  at("failure").hidden = false;
  if (!shown.loadedAt) at("campaigns").replaceChildren(empty("No figures to show", "They appear as soon as the server answers."));
}

function render() {
  const { campaigns } = shown;
  const filtered = view.search || view.recommendation || view.account;
  at("summary").replaceChildren(...(campaigns.length > 0 ? summary(campaigns, !shown.next && !filtered) : []));
  at("attention").hidden = shown.alerts.length === 0;
  const firing = `${shown.alerts.length}${shown.moreAlerts ? "+" : ""}`;
  at("alert-count").textContent = shown.alerts.length > ALERTS_SHOWN ? `${ALERTS_SHOWN} of ${firing}` : firing;
  at("alerts").replaceChildren(attention(shown.alerts.slice(0, ALERTS_SHOWN), open));
  at("count").textContent = campaigns.length > 0 ? `${campaigns.length}${shown.next ? "+" : ""}` : "";
  at("more").hidden = !shown.next;
  at("legend").textContent = campaigns.length > 0
    ? `Five parts, left to right: ${PARTS.map(([, label, most]) => `${label.toLowerCase()} (${most})`).join(", ")}. ` +
      "A recommendation with a question mark rests on too little or too old data." : "";
  const focused = document.activeElement?.closest?.("#campaigns button")?.textContent;
  at("campaigns").replaceChildren(campaigns.length > 0 ? table(campaigns, view, open, sortBy) : nothing(filtered));
  if (focused) [...at("campaigns").querySelectorAll("button")].find((button) => button.textContent === focused)?.focus();
  at("accounts").replaceChildren(...new Set(campaigns.map((campaign) => campaign.account_id)).values().map((value) => h("option", { value })));
  at("recommendations").replaceChildren(feed(shown.recommendations, open));
}

function nothing(filtered) {
  if (filtered) {
    return empty("No campaign matches", "Nothing fits the search and filters above. ",
      h("button", { type: "button", class: "more", onclick: clear }, "Clear them"));
  }
  return empty("No campaign has been scored yet", "Upload a CSV, connect an ad account or a CRM; the first score appears within seconds of its first figures.");
}

function freshness() {
  const newest = shown.campaigns.reduce((latest, campaign) => (campaign.updated_at > latest ? campaign.updated_at : latest), "");
  const failed = !at("failure").hidden;
  at("freshness").classList.toggle("stale", failed);
  at("freshness").textContent = failed ? "Not up to date" : newest ? `Last scored ${ago(newest)}` : "Waiting for data";
}

function sortBy(name) {
  view.order = view.sort === name && view.order === "desc" ? "asc" : view.sort === name ? "desc" : name === "name" ? "asc" : "desc";
  change({ sort: name });
}

function change(values) {
  Object.assign(view, values, { pages: 1 });
  at("sort").value = view.sort;
  refresh();
}

function clear() {
  for (const id of ["search", "recommendation", "account"]) at(id).value = "";
  change({ search: "", recommendation: "", account: "" });
}

function open(key) {
  location.hash = encodeURIComponent(key);
}

const close = () => at("detail").close();

async function showDetail() {
  const key = decodeURIComponent(location.hash.slice(1));
  if (!key) return close();
  try {
    at("detail").replaceChildren(detail(await ask(`/api/campaigns/${encodeURIComponent(key)}`), close));
  } catch (error) {
    at("detail").replaceChildren(unavailable("This campaign cannot be shown", error.message, close));
  }
  if (!at("detail").open) at("detail").showModal();
}

function theme(choice) {
  const wanted = choice ?? localStorage.getItem("theme") ?? (matchMedia("(prefers-color-scheme: dark)").matches ? "dark" : "light");
  document.documentElement.dataset.theme = wanted;
}

function start() {
  theme();
  at("theme").addEventListener("click", () => {
    const next = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    localStorage.setItem("theme", next);
    theme(next);
  });
  at("recommendation").append(h("option", { value: "" }, "All recommendations"),
    ...Object.entries(ACTIONS).map(([value, action]) => h("option", { value }, action.label)));
  at("sort").append(...SORTS.map(([value, label]) => h("option", { value }, `Sort by ${label.toLowerCase()}`)));
  at("sort").value = view.sort;
  let typing;
  for (const id of ["search", "account"]) {
    at(id).addEventListener("input", () => {
      clearTimeout(typing);
      typing = setTimeout(() => change({ [id]: at(id).value.trim() }), 250);
    });
  }
  at("recommendation").addEventListener("change", () => change({ recommendation: at("recommendation").value }));
  at("sort").addEventListener("change", () => change({ sort: at("sort").value, order: at("sort").value === "name" ? "asc" : "desc" }));
  at("more").addEventListener("click", () => { view.pages += 1; refresh(); });
  at("detail").addEventListener("close", () => history.replaceState(null, "", location.pathname));
  at("detail").addEventListener("click", (event) => { if (event.target === at("detail")) close(); });
  addEventListener("hashchange", showDetail);
  setInterval(() => { if (!document.hidden) refresh(); }, REFRESH_MS);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
  refresh();
  if (location.hash) showDetail();
}

start();

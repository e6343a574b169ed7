// One campaign: the verdict, its five parts, the reasons in sentences, its days.

import { PARTS, chip, fill, h, moment, money, percent, shareTone, svg, tone, whole } from "./dom.js";
import { chart, leadsOf } from "./chart.js";

const GOOD = new Set(["COST_BELOW_TARGET", "QUALITY_HIGH", "VOLUME_HIGH", "TREND_UP", "ENGAGEMENT_HIGH"]);
const UNSURE = new Set(["QUALITY_UNKNOWN", "LOW_DATA", "STALE_DATA"]);
const SEVERE = new Set(["CRITICAL", "HIGH"]);

export function detail(campaign, close) {
  return h("div", { class: "detail-body" },
    heading(campaign, close),
    verdict(campaign),
    campaign.alerts.length > 0 ? [h("h3", {}, "Needs attention"), sentences(campaign.alerts.map((alert) =>
      [SEVERE.has(alert.severity) ? "bad" : "mixed", `${alert.sentence} (since ${moment(alert.raised_at)})`]))] : null,
    h("h3", {}, "Why"),
    campaign.reasons.length > 0 ? sentences(campaign.reasons.map((reason) => [reasonTone(reason.code), reason.sentence]))
      : h("p", { class: "quiet" }, "No single dimension stands out."),
    h("h3", {}, "The five parts"), dimensions(campaign.parts),
    h("h3", {}, "Spend and leads by day"), days(campaign),
    h("h3", {}, `Totals of the 30 days before ${campaign.as_of}`), totals(campaign),
    h("p", { class: "quiet" }, `Scored ${moment(campaign.updated_at)}; figures as of ${moment(campaign.metrics_observed_at)}; ` +
      `policy ${campaign.policy_version.slice(0, 12)}.`));
}

export function unavailable(title, text, close) {
  return h("div", { class: "detail-body" },
    h("div", { class: "detail-head" }, h("h2", { id: "detail-title" }, title), closer(close)), h("p", {}, text));
}

const closer = (close) => h("button", { type: "button", class: "plain", "aria-label": "Close", onclick: close }, "✕");

function heading(campaign, close) {
  const known = [`${campaign.platform} · ${campaign.account_id} · ${campaign.campaign_id}`,
    campaign.status?.toLowerCase(), campaign.objective?.toLowerCase(), campaign.time_zone];
  return h("div", { class: "detail-head" },
    h("div", {}, h("h2", { id: "detail-title" }, campaign.name ?? campaign.campaign_id),
      h("span", { class: "under" }, known.filter(Boolean).join(" · "))),
    closer(close));
}

function verdict(campaign) {
  const round = 2 * Math.PI * 42;
  const number = svg("text", { x: 50, y: 59 });
  number.textContent = campaign.total.toFixed(0);
  const ring = svg("svg", { class: `ring ${tone(campaign.recommendation)}`, viewBox: "0 0 100 100", role: "img", "aria-label": `Score ${campaign.total} of 100` },
    svg("circle", { class: "track", cx: 50, cy: 50, r: 42, fill: "none", "stroke-width": 9 }),
    svg("circle", { class: "value", cx: 50, cy: 50, r: 42, fill: "none", "stroke-width": 9, "stroke-linecap": "round",
      "stroke-dasharray": `${(campaign.total / 100) * round} ${round}`, transform: "rotate(-90 50 50)" }),
    number);
  const advice = campaign.actionable ? "" : " Wait for more or fresher data before acting on it.";
  return h("div", { class: "verdict" }, ring,
    h("div", {}, chip(campaign.recommendation, campaign.actionable),
      h("p", { class: "quiet" }, `Score ${campaign.total.toFixed(2)} of 100, confidence ${percent(campaign.confidence)}.${advice}`)));
}

function reasonTone(code) {
  if (GOOD.has(code)) return "good";
  return UNSURE.has(code) ? "fine" : "poor";
}

const sentences = (items) =>
  h("ul", { class: "reasons" }, items.map(([kind, text]) => h("li", { class: `tone-${kind}` }, text)));

function dimensions(values) {
  return h("div", { class: "dimensions" }, PARTS.map(([name, label, most]) =>
    h("div", { class: `dimension ${shareTone(values[name] / most)}` }, label,
      h("div", { class: "meter" }, fill(values[name] / most)),
      h("span", { class: "number" }, `${values[name].toFixed(2)} / ${most}`))));
}

function days(campaign) {
  if (campaign.days.length === 0) return h("p", { class: "quiet" }, "No daily figures are stored for this campaign.");
  const cells = (day) => [day.day, money(day.spend, campaign.currency), whole(day.impressions), whole(day.link_clicks),
    whole(leadsOf(day)), whole(day.qualified), whole(day.won), day.flags.join(", ").toLowerCase()];
  const columns = ["Day", "Spend", "Impressions", "Link clicks", "Leads", "Qualified", "Won", "Doubts"];
  const table = h("table", {},
    h("thead", {}, h("tr", {}, columns.map((label, at) => h("th", { scope: "col", class: at > 0 && at < 7 ? "number" : "" }, label)))),
    h("tbody", {}, campaign.days.toReversed().map((day) => h("tr", {}, cells(day).map((text, at) =>
      h("td", { class: at > 0 && at < 7 ? "number" : "" }, text))))));
  return h("div", {}, chart(campaign.days, campaign.currency),
    h("details", {}, h("summary", {}, "The same as a table"), h("div", { class: "scroll" }, table)));
}

function totals(campaign) {
  const { window, currency } = campaign;
  const items = [
    ["Spend", money(window.spend, currency)], ["Leads", whole(window.leads)], ["Cost per lead", money(campaign.cost_per_lead, currency)],
    ["Qualified", whole(window.qualified)], ["Won", whole(window.won)], ["Revenue", money(window.revenue, currency)],
    ["Purchases", whole(window.purchases)], ["Impressions", whole(window.impressions)], ["Link clicks", whole(window.link_clicks)],
    ["Active days", whole(window.active_days)], ["Daily budget", money(campaign.daily_budget, currency)],
  ];
  return h("dl", { class: "totals" }, items.map(([name, value]) => h("div", {}, h("dt", {}, name), h("dd", {}, value))));
}

// One campaign: the verdict, its five parts, the reasons in sentences, its days.

import { PARTS, badge, chip, doubtsOf, fill, h, moment, money, percent, severityTone, shareTone, svg, tone, whole } from "./dom.js";
import { chart } from "./chart.js";

const GOOD = new Set(["COST_BELOW_TARGET", "QUALITY_HIGH", "VOLUME_HIGH", "TREND_UP", "ENGAGEMENT_HIGH"]);
const UNSURE = new Set(["QUALITY_UNKNOWN", "LOW_DATA", "STALE_DATA"]);
const DOUBTS_SHOWN = 5;

export function detail(campaign, close) {
  return h("div", { class: "detail-body" },
    heading(campaign, close),
    verdict(campaign),
    attention(campaign),
    h("h3", {}, "Why"),
    campaign.reasons.length > 0 ? sentences(campaign.reasons.map((reason) => [reasonTone(reason.code), reason.sentence]))
      : h("p", { class: "quiet" }, "No single dimension stands out."),
    h("h3", {}, "The five parts"), dimensions(campaign.parts),
    h("h3", {}, "Spend and leads by day"), days(campaign), doubts(campaign.days),
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
    campaign.account.name, campaign.status?.toLowerCase(), campaign.objective?.toLowerCase(), campaign.time_zone];
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

function attention({ alerts, account }) {
  // An account that cannot be read is said even before, or without, an alert of it.
  const told = alerts.some((alert) => alert.code === "ACCOUNT_FAILURE");
  const failure = account.failure && !told ? [h("li", { class: "tone-bad" }, badge("ACCOUNT_FAILURE"), ` ${account.failure}`)] : [];
  const items = alerts.map((alert) => h("li", { class: `tone-${severityTone(alert.severity)}` },
    badge(alert.code, alert.severity), ` ${alert.campaign_key ? "" : "Ad account: "}${alert.sentence} `,
    h("span", { class: "quiet" }, `Since ${moment(alert.raised_at)}.`)));
  if (items.length + failure.length === 0) return [];
  return [h("h3", {}, "Needs attention"), h("ul", { class: "reasons" }, failure, items)];
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
  const columns = ["Day", "Spend", "Impressions", "Link clicks", "Leads", "Qualified", "Won", "In doubt"];
  const kind = (at) => (at > 0 && at < 7 ? "number" : "");
  const cells = (day) => [day.day, ...figures(day, campaign.currency), whole(day.qualified), whole(day.won), doubtsOf(day)];
  const table = h("table", {},
    h("thead", {}, h("tr", {}, columns.map((label, at) => h("th", { scope: "col", class: kind(at) }, label)))),
    h("tbody", {}, campaign.days.toReversed().map((day) =>
      h("tr", { title: changed(day) }, cells(day).map((cell, at) => h("td", { class: kind(at) }, cell))))));
  const restated = campaign.days.filter((day) => day.first).length;
  const note = restated > 0
    ? h("p", { class: "quiet" }, `Ad platforms correct their figures for weeks. ${restated} of these ${campaign.days.length} days ` +
      `${restated === 1 ? "has" : "have"} changed since first seen: the table shows first → now.`) : null;
  return h("div", {}, chart(campaign.days, campaign.currency), note,
    h("details", {}, h("summary", {}, "The same as a table"), h("div", { class: "scroll" }, table)));
}

/** Spend, impressions, link clicks and leads of a day, each as first seen → now where it has changed. */
function figures(day, currency) {
  const leads = (of) => (of === day.first && of.leads === null ? null : Math.max(of.leads ?? 0, day.crm_leads));
  const readers = [(of) => money(of.spend, currency), (of) => whole(of.impressions), (of) => whole(of.link_clicks), (of) => whole(leads(of))];
  return readers.map((read) => {
    const now = read(day), first = day.first ? read(day.first) : now;
    return first === now ? now : [h("span", { class: "first" }, `${first} → `), now];
  });
}

const changed = (day) => (day.first ? `First seen ${moment(day.first_seen)}, last ${moment(day.last_seen)}` : null);

/** The newest days whose figures are in doubt, in words. */
function doubts(all) {
  const doubtful = all.filter((day) => day.flags.length + day.doubts.length > 0).toReversed();
  if (doubtful.length === 0) return null;
  const more = doubtful.length > DOUBTS_SHOWN ? h("p", { class: "quiet" }, `And ${doubtful.length - DOUBTS_SHOWN} more in the table.`) : null;
  return [h("h3", {}, "Figures in doubt"),
    sentences(doubtful.slice(0, DOUBTS_SHOWN).map((day) => ["mixed", `${day.day}: ${doubtsOf(day)}.`])), more];
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

// The summary, the table of campaigns and the list of recommendations.

import { ACTIONS, NONE, PARTS, badge, chip, fill, h, moment, money, percent, shareTone, tone, whole } from "./dom.js";

/** Columns that the server can sort by. */
export const SORTS = [
  ["name", "Campaign"], ["spend", "Spend"], ["leads", "Leads"], ["cost_per_lead", "Cost per lead"],
  ["total", "Score"], ["confidence", "Confidence"], ["updated", "Updated"],
];

/** Sums of the rows shown; money of different currencies is never added up. */
export function summary(campaigns, complete) {
  const currencies = new Map();
  for (const campaign of campaigns) {
    const currency = campaign.currency ?? "";
    const sum = currencies.get(currency) ?? { cents: 0, leads: 0 };
    sum.cents += Math.round(Number(campaign.spend) * 100);
    sum.leads += campaign.leads;
    currencies.set(currency, sum);
  }
  const sums = [...currencies.entries()];
  const spend = sums.map(([currency, sum]) => money(String(sum.cents / 100), currency)).join(" + ") || NONE;
  const cost = sums.map(([currency, sum]) =>
    (sum.leads > 0 ? money(String(sum.cents / 100 / sum.leads), currency) : NONE)).join(" / ") || NONE;
  const leads = campaigns.reduce((sum, campaign) => sum + campaign.leads, 0);
  const scope = complete ? "30 days" : "30 days, campaigns shown";
  return [
    card(`Spend, ${scope}`, spend), card(`Leads, ${scope}`, whole(leads)), card("Cost per lead", cost), mix(campaigns),
  ];
}

const card = (label, value) => h("div", { class: "card" }, h("span", { class: "quiet" }, label), h("strong", {}, value));

/** How many campaigns have which recommendation. */
function mix(campaigns) {
  const counts = Object.entries(ACTIONS)
    .map(([name, action]) => [action, campaigns.filter((campaign) => campaign.recommendation === name).length])
    .filter(([, count]) => count > 0);
  const bar = h("div", { class: "mix", "aria-hidden": "true" }, counts.map(([action, count]) => {
    const piece = h("span", { class: `fill tone-${action.tone}` });
    piece.style.flex = String(count);
    return piece;
  }));
  const key = h("div", { class: "mix-key" }, counts.map(([action, count]) =>
    h("span", { class: `tone-${action.tone}` }, `${action.label}: ${count}`)));
  return h("div", { class: "card wide" }, h("span", { class: "quiet" }, "Recommendations now"), bar, key);
}

export function table(campaigns, view, open, sortBy) {
  const header = (name, label, numeric) => {
    const current = view.sort === name ? (view.order === "asc" ? "ascending" : "descending") : null;
    return h("th", { "aria-sort": current, scope: "col", class: numeric ? "number" : "" },
      h("button", { type: "button", onclick: () => sortBy(name) }, label));
  };
  return h("table", { class: "list" },
    h("thead", {}, h("tr", {},
      header("name", "Campaign"), header("spend", "Spend", true), header("leads", "Leads", true),
      header("cost_per_lead", "Cost per lead", true),
      h("th", { scope: "col" }, "Five parts"), header("total", "Score", true),
      h("th", { scope: "col" }, "Recommendation"), header("confidence", "Confidence"))),
    h("tbody", {}, campaigns.map((campaign) => row(campaign, open))));
}

function row(campaign, open) {
  const known = [`${campaign.platform} · ${campaign.account_id}`, campaign.status?.toLowerCase()];
  const cells = [
    h("td", { class: "cell-name" },
      h("button", { type: "button", class: "name" }, campaign.name ?? campaign.campaign_id),
      h("span", { class: "under" }, known.filter(Boolean).join(" · ")),
      campaign.firing_alerts.length > 0
        ? h("span", { class: "badges" }, campaign.firing_alerts.map((code) => badge(code))) : null),
    h("td", { class: "number", "data-label": "Spend" }, money(campaign.spend, campaign.currency)),
    h("td", { class: "number", "data-label": "Leads" }, whole(campaign.leads)),
    h("td", { class: "number", "data-label": "Cost per lead" }, money(campaign.cost_per_lead, campaign.currency)),
    h("td", { "data-label": "Five parts" }, parts(campaign.parts)),
    h("td", { class: `number score ${tone(campaign.recommendation)}`, "data-label": "Score" }, campaign.total.toFixed(1)),
    h("td", { class: "cell-action" }, chip(campaign.recommendation, campaign.actionable)),
    h("td", { "data-label": "Confidence" }, percent(campaign.confidence),
      h("div", { class: "meter" }, fill(campaign.confidence))),
  ];
  return h("tr", { onclick: () => open(campaign.key) }, cells);
}

/** The five parts as small bars, each against the most that it can give. */
function parts(values) {
  const text = PARTS.map(([name, label, most]) => `${label} ${values[name].toFixed(1)} of ${most}`).join(", ");
  return h("div", { class: "parts", role: "img", "aria-label": text, title: text }, PARTS.map(([name, , most]) => {
    const share = values[name] / most;
    return h("span", { class: `part ${shareTone(share)}` }, fill(share, "height"));
  }));
}

export function feed(recommendations, open) {
  if (recommendations.length === 0) {
    return empty("Nothing announced yet", "A recommendation appears here when a campaign is first scored, and when it changes.");
  }
  return h("ul", { class: "feed" }, recommendations.map((item) => {
    const before = item.previous_action ? ` (before: ${ACTIONS[item.previous_action]?.label ?? item.previous_action})` : "";
    const why = item.reasons[0]?.sentence ?? "";
    return h("li", {},
      h("div", {}, chip(item.action, item.actionable)),
      h("div", { class: "why" },
        h("button", { type: "button", class: "name", onclick: () => open(item.campaign_key) }, item.campaign_name ?? item.campaign_id),
        h("span", { class: "under" }, `Score ${item.total.toFixed(1)}${before}. ${why}`)),
      h("time", { datetime: item.announced_at }, moment(item.announced_at)));
  }));
}

/** What is firing, the most severe first. */
export function attention(alerts, open) {
  return h("ul", { class: "feed" }, alerts.map((alert) => {
    const account = `${alert.platform} · ${alert.account_id}`;
    const subject = alert.campaign_key
      ? h("button", { type: "button", class: "name", onclick: () => open(alert.campaign_key) }, alert.campaign_name ?? alert.campaign_id)
      : h("strong", {}, `Account ${alert.account_name ?? alert.account_id}`);
    return h("li", {},
      h("div", {}, badge(alert.code, alert.severity)),
      h("div", { class: "why" }, subject, h("span", { class: "under" }, `${alert.sentence} (${account})`)),
      h("time", { datetime: alert.raised_at }, `since ${moment(alert.raised_at)}`));
  }));
}

export function empty(title, text, ...more) {
  return h("div", { class: "empty" }, h("strong", {}, title), text, more);
}

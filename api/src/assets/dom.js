// Building elements and writing figures. Text is only ever set as text, so nothing that a campaign is called can
// become markup.

/** An element with properties and children; `null` children are left out. */
export function h(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (name === "class") element.className = value;
    else if (value !== null && value !== undefined && value !== false) element.setAttribute(name, value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return element;
}

/** An SVG element. */
export function svg(tag, attributes = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children.filter(Boolean));
  return element;
}

/** A coloured length. Its size is set through the style object, which the page's policy allows. */
export function fill(share, dimension = "width") {
  const element = h("span", { class: "fill" });
  element.style[dimension] = `${Math.max(0, Math.min(1, share)) * 100}%`;
  return element;
}

/** The five dimensions of a score and the most that each can give. */
export const PARTS = [
  ["cost_efficiency", "Cost efficiency", 25],
  ["lead_quality", "Lead quality", 25],
  ["volume", "Volume", 20],
  ["trend", "Trend", 20],
  ["engagement", "Engagement", 10],
];

/** What to do, in words and in a tone. */
export const ACTIONS = {
  INCREASE_BUDGET: { label: "Increase budget", tone: "good" },
  CONTINUE_OPTIMIZE: { label: "Continue, optimise", tone: "fine" },
  TEST_CHANGES: { label: "Test changes", tone: "mixed" },
  REDUCE_BUDGET: { label: "Reduce budget", tone: "poor" },
  PAUSE_CAMPAIGN: { label: "Pause campaign", tone: "bad" },
};

const action = (name) => ACTIONS[name] ?? { label: name, tone: "mixed" };

export const tone = (name) => `tone-${action(name).tone}`;

/** The recommendation as a chip; one that should not be acted on yet is outlined only. */
export function chip(name, actionable = true) {
  const text = actionable ? action(name).label : `${action(name).label}?`;
  const title = actionable ? "" : "Too little or too old data to act on it yet";
  return h("span", { class: `chip ${tone(name)} ${actionable ? "" : "unsure"}`, title }, text);
}

/** Alerts by code: a short name, and the tone of its badge where no severity is at hand. */
const ALERTS = {
  SPEND_SPIKE: { label: "Spend spike", tone: "poor" },
  COST_PER_LEAD_SPIKE: { label: "Cost per lead spike", tone: "poor" },
  STALE_DATA: { label: "Data a day old", tone: "mixed" },
  VERY_STALE_DATA: { label: "Data two days old", tone: "poor" },
  UNUSED_CAMPAIGN: { label: "Not delivering", tone: "mixed" },
  LEAD_DROP: { label: "Fewer leads", tone: "poor" },
  BUDGET_EXHAUSTED: { label: "Budget used up", tone: "mixed" },
  DATA_QUALITY: { label: "Data quality", tone: "poor" },
  ACCOUNT_FAILURE: { label: "Account cannot be read", tone: "bad" },
};
const SEVERITIES = { CRITICAL: "bad", HIGH: "poor", MEDIUM: "mixed", LOW: "fine" };

/** A code that this page does not know, in words. */
const plain = (code) => `${code[0]}${code.slice(1).toLowerCase().replaceAll("_", " ")}`;

export const severityTone = (severity) => SEVERITIES[severity] ?? "mixed";

/** An alert as a badge. */
export function badge(code, severity) {
  const known = ALERTS[code] ?? { label: plain(code), tone: "mixed" };
  return h("span", { class: `badge tone-${severity ? severityTone(severity) : known.tone}` }, known.label);
}

const DOUBTS = {
  SPEND_MISSING: "spend was not reported",
  IMPRESSIONS_MISSING: "impressions were not reported",
  BUDGET_UNREADABLE: "the budget names no currency",
  AMOUNT_IN_OTHER_CURRENCY: "a deal is in another currency",
  FIGURE_NEGATIVE: "a figure is below zero",
  CLICKS_ABOVE_IMPRESSIONS: "more clicks than impressions",
  REACH_ABOVE_IMPRESSIONS: "more people reached than impressions",
  CTR_ABOVE_LIMIT: "a click rate too high to be true",
  SPEND_ABOVE_MEDIAN: "spend far above the campaign's usual day",
  DAY_AHEAD: "the day had not begun",
  CURRENCY_UNLIKE_ACCOUNT: "another currency than the account's",
};
const FLAGS = { INCOMPLETE: "something is missing", OUTLIER: "a figure cannot be right" };

/** What is doubtful about a day, in words; a day stored without reasons has its flags only. */
export const doubtsOf = (day) => (day.doubts.length > 0
  ? day.doubts.map((code) => DOUBTS[code] ?? plain(code)) : day.flags.map((code) => FLAGS[code] ?? plain(code))).join(", ");

/** A share as coloured by how good it is. */
export function shareTone(share) {
  if (share >= 0.7) return "tone-good";
  if (share >= 0.5) return "tone-fine";
  if (share >= 0.3) return "tone-mixed";
  return "tone-bad";
}

export const NONE = "–";

/** Money comes as decimal text, so that no figure passes through a rounding on its way here. */
export function money(amount, currency) {
  if (amount === null || amount === undefined) return NONE;
  if (!currency) return Number(amount).toLocaleString(undefined, { minimumFractionDigits: 2 });
  try {
    return new Intl.NumberFormat(undefined, { style: "currency", currency }).format(amount);
  } catch {
    return `${amount} ${currency}`;
  }
}

export const whole = (value) => (value === null || value === undefined ? NONE : value.toLocaleString());

export const percent = (share) => `${Math.round(share * 100)}%`;

/** A moment in the reader's own time zone. */
export function moment(text) {
  if (!text) return NONE;
  return new Date(text).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

/** How long ago a moment was. */
export function ago(text) {
  const seconds = Math.round((Date.now() - new Date(text).getTime()) / 1000);
  const units = [["day", 86400], ["hour", 3600], ["minute", 60]];
  const format = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });
  for (const [unit, length] of units) {
    if (Math.abs(seconds) >= length) return format.format(-Math.trunc(seconds / length), unit);
  }
  return "just now";
}

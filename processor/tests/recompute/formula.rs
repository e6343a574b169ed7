//! SCORING.md once more, in plain doubles: nothing here knows how the crate computes it.

/// A day of the window as SCORING.md section 1 names its figures; money in micros.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct WindowDay {
    pub(crate) age: i64,
    pub(crate) spend: i128,
    pub(crate) impressions: i128,
    pub(crate) link_clicks: i128,
    pub(crate) platform_leads: i128,
    pub(crate) crm_leads: i128,
    pub(crate) qualified: i128,
    pub(crate) won: i128,
    pub(crate) revenue: i128,
    pub(crate) purchases: i128,
}

/// What an account may set otherwise in these tests.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Targets {
    pub(crate) cost_per_lead: f64,
    pub(crate) leads: f64,
    pub(crate) roas_weight: f64,
}

/// Unrounded.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Exact {
    pub(crate) parts: [f64; 5],
    pub(crate) total: f64,
    pub(crate) guard: Option<&'static str>,
    pub(crate) confidence: f64,
}

pub(crate) const DEFAULTS: Targets = Targets { cost_per_lead: 27.66, leads: 60.0, roas_weight: 0.0 };

const Q0: f64 = 0.30;
const W0: f64 = 0.08;
const CTR0: f64 = 0.0259;
const RHO0: f64 = 1.0;
const K: f64 = 5.0;
const KQ: f64 = 20.0;
const KW: f64 = 20.0;
const KI: f64 = 1000.0;
const FQ: [(f64, f64); 5] = [(0.0, 0.0), (1.0, 0.40), (3.0, 0.70), (7.0, 0.90), (14.0, 1.0)];
const FW: [(f64, f64); 7] =
    [(0.0, 0.0), (7.0, 0.34), (14.0, 0.50), (30.0, 0.66), (55.0, 0.75), (90.0, 0.85), (162.0, 0.95)];

/// Sums of one window, as doubles.
#[derive(Default)]
struct Sums {
    spend: f64,
    leads: f64,
}

#[expect(clippy::cast_precision_loss, reason = "the logs' figures are small")]
fn double(value: i128) -> f64 {
    value as f64
}

fn sums(days: &[WindowDay], ages: std::ops::RangeInclusive<i64>) -> Sums {
    let (mut spend, mut leads) = (0_i128, 0_i128);
    for day in days {
        if ages.contains(&day.age) {
            spend += day.spend;
            leads += day.platform_leads.max(day.crm_leads);
        }
    }
    Sums { spend: double(spend) / 1e6, leads: double(leads) }
}

fn h(ratio: f64, steepness: f64, at_target: f64) -> f64 {
    let risen = at_target * ratio.powf(steepness);
    risen / (risen + 1.0 - at_target)
}

fn known(points: &[(f64, f64)], age: f64) -> f64 {
    for pair in points.windows(2) {
        let ((age_0, share_0), (age_1, share_1)) = (pair[0], pair[1]);
        if age >= age_0 && age <= age_1 {
            return share_0 + (share_1 - share_0) * (age - age_0) / (age_1 - age_0);
        }
    }
    points[points.len() - 1].1
}

/// The score of the days whose age is 1 to 30.
pub(crate) fn score(
    days: &[WindowDay],
    frequency: Option<f64>,
    fatigue_high: bool,
    age_hours: Option<f64>,
    targets: Targets,
) -> Exact {
    let c0 = targets.cost_per_lead;
    let (whole, recent, prior) = (sums(days, 1..=30), sums(days, 1..=7), sums(days, 8..=28));
    let (mut i, mut k, mut q, mut w, mut r, mut active) = (0_i128, 0_i128, 0_i128, 0_i128, 0_i128, 0.0);
    let (mut nq, mut nw) = (0.0, 0.0);
    for day in days {
        if !(1..=30).contains(&day.age) {
            continue;
        }
        i += day.impressions;
        k += day.link_clicks;
        q += day.qualified;
        w += day.won;
        r += day.revenue;
        active += f64::from(u8::from(day.impressions > 0 || day.spend > 0));
        let age = double(i128::from(day.age));
        nq += double(day.crm_leads) * known(&FQ, age);
        nw += double(day.crm_leads) * known(&FW, age);
    }
    let (i, k, q, w, r) = (double(i), double(k), double(q), double(w), double(r) / 1e6);

    let cpl = (whole.spend + K * c0) / (whole.leads + K);
    let mut sc = h(c0 / cpl, 3.0, 0.7);
    if targets.roas_weight > 0.0 {
        let roas = (r + K * c0 * RHO0) / (whole.spend + K * c0);
        let x = targets.roas_weight;
        sc = sc.powf(1.0 - x) * h(roas / RHO0, 3.0, 0.7).powf(x);
    }
    let g = (sc / 0.7).min(1.0);

    let (qr, wr, cq) = ((q + KQ * Q0) / (nq + KQ), (w + KW * W0) / (nw + KW), nq / (nq + KQ));
    let quality = 0.65 * h(qr / Q0, 2.0, 0.7) + 0.35 * h(wr / W0, 1.5, 0.7);
    let quality = 25.0 * quality * (1.0 - (1.0 - cq) * (1.0 - g));

    let wanted = targets.leads * f64::max(active, 7.0) / 30.0;
    let volume = 20.0 * (1.0 - 0.3_f64.powf(whole.leads / wanted));

    let cpl7 = (recent.spend + K * c0) / (recent.leads + K);
    let cpl21 = (prior.spend + K * c0) / (prior.leads + K);
    let t = (cpl21 / cpl7).ln() + 0.5 * ((3.0 * recent.leads + K) / (prior.leads + K)).ln();
    let trend = 20.0 * h(t.exp(), 1.5, 0.65) * (0.5 + 0.5 * g);

    let ctr = (k + KI * CTR0) / (i + KI);
    let mut phi = frequency.map_or(1.0, |f| (f / 2.0).powf(-0.43).min(1.0));
    if fatigue_high {
        phi = phi.min(0.6);
    }
    let engagement = 10.0 * h(ctr / CTR0, 2.0, 0.7) * phi;

    let parts = [25.0 * sc, quality, volume, trend, engagement];
    let mut total = parts.iter().sum::<f64>();
    let mut guard = None;
    if whole.leads == 0.0 && whole.spend / c0 >= 5.0 {
        (total, guard) = (total.min(19.0), Some("NO_LEADS_AT_5X_TARGET"));
    } else if whole.leads == 0.0 && whole.spend / c0 >= 3.0 {
        (total, guard) = (total.min(39.0), Some("NO_LEADS_AT_3X_TARGET"));
    }

    let (n, n7) = (whole.leads.max(whole.spend / c0), recent.leads.max(recent.spend / c0));
    let seen = 0.25 * n / (n + 10.0)
        + 0.25 * cq
        + 0.2 * active / (active + 7.0)
        + 0.2 * n7 / (n7 + 10.0)
        + 0.1 * i / (i + 5000.0);
    let decay = age_hours.map_or(1.0, |age| (-f64::max(0.0, age - 24.0) / 48.0).exp());
    Exact { parts, total, guard, confidence: seen * decay }
}

/// The band of a published total.
pub(crate) fn band(total: f64) -> &'static str {
    match total {
        t if t >= 80.0 => "INCREASE_BUDGET",
        t if t >= 60.0 => "CONTINUE_OPTIMIZE",
        t if t >= 40.0 => "TEST_CHANGES",
        t if t >= 20.0 => "REDUCE_BUDGET",
        _ => "PAUSE_CAMPAIGN",
    }
}

/// The points by which a published total lies inside its band.
pub(crate) fn inside(total: f64) -> f64 {
    let edges = [20.0_f64, 40.0, 60.0, 80.0];
    edges.iter().map(|edge| (total - edge).abs()).fold(f64::INFINITY, f64::min)
}

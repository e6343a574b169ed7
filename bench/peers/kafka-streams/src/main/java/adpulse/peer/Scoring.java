package adpulse.peer;

/**
 * The score of a campaign with the default policy, as the scoring specification defines it: sums over the window, five
 * parts, total with guards, band, confidence. One object per task, whose fields hold the last result.
 */
final class Scoring {
    static final long DAY_MS = 86_400_000;

    private static final int WINDOW_DAYS = 30;
    private static final double COST_TARGET = 27.66;
    private static final double QUALIFIED_TARGET = 0.30;
    private static final double WON_TARGET = 0.08;
    private static final double CTR_TARGET = 0.0259;
    private static final double LEADS_TARGET = 60;
    private static final double COST_PRIOR = 5;
    private static final double QUALITY_PRIOR = 20;
    private static final double IMPRESSIONS_PRIOR = 1000;
    private static final double[][] QUALIFIED_KNOWN = {{0, 0}, {1, .40}, {3, .70}, {7, .90}, {14, 1}};
    private static final double[][] WON_KNOWN =
        {{0, 0}, {7, .34}, {14, .50}, {30, .66}, {55, .75}, {90, .85}, {162, .95}};
    private static final double[] QUALIFIED_BY_AGE = byAge(QUALIFIED_KNOWN);
    private static final double[] WON_BY_AGE = byAge(WON_KNOWN);

    // Bands, numbered as in the schema.
    static final int INCREASE = 0;
    static final int CONTINUE = 1;
    static final int TEST = 2;
    static final int REDUCE = 3;
    static final int PAUSE = 4;
    static final int NO_GUARD = -1;

    // The result: published figures.
    int asOf;
    double cost;
    double quality;
    double volume;
    double trend;
    double engagement;
    double total;
    double confidence;
    int band;
    int guard;
    boolean isActionable;

    // The result: sums over the window.
    long spend;
    long impressions;
    long linkClicks;
    long leads;
    long crmLeads;
    long qualified;
    long won;
    long revenue;
    long purchases;
    int activeDays;

    private long recentSpend;
    private long recentLeads;
    private long priorSpend;
    private long priorLeads;
    private double knownQualified;
    private double knownWon;
    private boolean isTired;

    /** Scores a campaign at a moment of the log. */
    void score(Campaign campaign, long logTime) {
        asOf = (int) Math.floorDiv(logTime, DAY_MS);
        sum(campaign);
        double spent = major(spend);
        double costPerLead = (spent + COST_PRIOR * COST_TARGET) / (leads + COST_PRIOR);
        double efficiency = curve(cube(COST_TARGET / costPerLead), 0.7);
        double gate = Math.min(1, efficiency / 0.7);
        double costPoints = 25 * efficiency;

        double qualifiedRate = (qualified + QUALITY_PRIOR * QUALIFIED_TARGET) / (knownQualified + QUALITY_PRIOR);
        double wonRate = (won + QUALITY_PRIOR * WON_TARGET) / (knownWon + QUALITY_PRIOR);
        double known = knownQualified / (knownQualified + QUALITY_PRIOR);
        double estimate = 0.65 * curve(square(qualifiedRate / QUALIFIED_TARGET), 0.7)
            + 0.35 * curve(threeHalves(wonRate / WON_TARGET), 0.7);
        double qualityPoints = 25 * estimate * (1 - (1 - known) * (1 - gate));

        double leadsTarget = LEADS_TARGET * Math.max(activeDays, 7) / 30;
        double volumePoints = 20 * (1 - Math.pow(0.3, leads / leadsTarget));

        double recent = (major(recentSpend) + COST_PRIOR * COST_TARGET) / (recentLeads + COST_PRIOR);
        double prior = (major(priorSpend) + COST_PRIOR * COST_TARGET) / (priorLeads + COST_PRIOR);
        double growth = (3.0 * recentLeads + COST_PRIOR) / (priorLeads + COST_PRIOR);
        double ratio = Math.exp(Math.log(prior / recent) + 0.5 * Math.log(growth));
        double trendPoints = 20 * curve(threeHalves(ratio), 0.65) * (0.5 + 0.5 * gate);

        double ctr = (linkClicks + IMPRESSIONS_PRIOR * CTR_TARGET) / (impressions + IMPRESSIONS_PRIOR);
        double frequency = campaign.frequency;
        double freshness = frequency > 2 ? Math.min(1, Math.pow(frequency / 2, -0.43)) : 1;
        freshness = isTired ? Math.min(freshness, 0.6) : freshness;
        double engagementPoints = 10 * curve(square(ctr / CTR_TARGET), 0.7) * freshness;

        cost = rounded(costPoints);
        quality = rounded(qualityPoints);
        volume = rounded(volumePoints);
        trend = rounded(trendPoints);
        engagement = rounded(engagementPoints);
        total = rounded(guarded(costPoints + qualityPoints + volumePoints + trendPoints + engagementPoints, spent));
        band = total >= 80 ? INCREASE : total >= 60 ? CONTINUE : total >= 40 ? TEST : total >= 20 ? REDUCE : PAUSE;
        trust(campaign, logTime, spent, known);
    }

    private void sum(Campaign campaign) {
        spend = impressions = linkClicks = leads = crmLeads = qualified = won = revenue = purchases = 0;
        recentSpend = recentLeads = priorSpend = priorLeads = 0;
        knownQualified = knownWon = 0;
        activeDays = 0;
        isTired = false;
        long[] days = campaign.days;
        for (int age = 1; age <= WINDOW_DAYS; age++) {
            int at = campaign.find(asOf - age);
            if (at < 0) {
                continue;
            }
            long daySpend = days[at + Campaign.SPEND];
            long dayLeads = Math.max(days[at + Campaign.LEADS], days[at + Campaign.CRM_LEADS]);
            spend += daySpend;
            impressions += days[at + Campaign.IMPRESSIONS];
            linkClicks += days[at + Campaign.LINK_CLICKS];
            leads += dayLeads;
            crmLeads += days[at + Campaign.CRM_LEADS];
            qualified += days[at + Campaign.QUALIFIED];
            won += days[at + Campaign.WON];
            revenue += days[at + Campaign.REVENUE];
            purchases += days[at + Campaign.PURCHASES];
            activeDays += days[at + Campaign.IMPRESSIONS] > 0 || daySpend > 0 ? 1 : 0;
            knownQualified += days[at + Campaign.CRM_LEADS] * QUALIFIED_BY_AGE[age];
            knownWon += days[at + Campaign.CRM_LEADS] * WON_BY_AGE[age];
            if (age <= 7) {
                recentSpend += daySpend;
                recentLeads += dayLeads;
                isTired |= days[at + Campaign.TIRED] == 1;
            } else if (age <= 28) {
                priorSpend += daySpend;
                priorLeads += dayLeads;
            }
        }
    }

    private double guarded(double unguarded, double spent) {
        double targets = spent / COST_TARGET;
        guard = leads > 0 || targets < 3 ? NO_GUARD : targets >= 5 ? 1 : 0;
        return switch (guard) {
            case 0 -> Math.min(unguarded, 39);
            case 1 -> Math.min(unguarded, 19);
            default -> unguarded;
        };
    }

    private void trust(Campaign campaign, long logTime, double spent, double known) {
        double seen = Math.max(leads, spent / COST_TARGET);
        double seenRecently = Math.max(recentLeads, major(recentSpend) / COST_TARGET);
        double fresh = 0.25 * saturation(seen, 10) + 0.25 * known + 0.2 * saturation(activeDays, 7)
            + 0.2 * saturation(seenRecently, 10) + 0.1 * saturation(impressions, 5000);
        double hours = campaign.metricsAt == 0 ? 0 : Math.max(0, logTime - campaign.metricsAt) / 3_600_000.0;
        confidence = rounded(hours > 24 ? fresh * Math.exp(-(hours - 24) / 48) : fresh);
        isActionable = !(confidence < 0.35 && guard == NO_GUARD) && hours <= 48;
    }

    /** {@code h} of the specification, of a ratio already raised to its exponent. */
    private static double curve(double raised, double atTarget) {
        double risen = atTarget * raised;
        return Double.isInfinite(risen) ? 1 : risen / (risen + 1 - atTarget);
    }

    private static double saturation(double value, double half) {
        return value / (value + half);
    }

    private static double square(double ratio) {
        return ratio * ratio;
    }

    private static double cube(double ratio) {
        return ratio * ratio * ratio;
    }

    private static double threeHalves(double ratio) {
        return ratio * Math.sqrt(ratio);
    }

    private static double major(long micros) {
        return Math.max(0, micros / 1e6);
    }

    /** To 2 decimals, half up; nothing published is negative. */
    private static double rounded(double value) {
        double hundredths = value * 100;
        long cut = (long) hundredths;
        return (hundredths - cut >= 0.5 ? cut + 1 : cut) / 100.0;
    }

    private static double[] byAge(double[][] points) {
        double[] known = new double[WINDOW_DAYS + 1];
        for (int age = 0; age <= WINDOW_DAYS; age++) {
            int next = 0;
            while (next < points.length && points[next][0] <= age) {
                next++;
            }
            if (next == points.length) {
                known[age] = points[next - 1][1];
            } else {
                double[] before = points[next - 1];
                double[] after = points[next];
                known[age] = before[1] + (after[1] - before[1]) * (age - before[0]) / (after[0] - before[0]);
            }
        }
        return known;
    }
}

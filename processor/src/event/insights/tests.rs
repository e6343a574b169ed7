//! Rows of insights mean the same whether they are read in one pass or by `serde_json`.

use proptest::prelude::*;

use super::*;
use crate::Policy;

/// Fields of every kind, sound and not.
fn fields() -> impl Strategy<Value = String> {
    let names = proptest::sample::select(vec![
        "account_currency",
        "date_stop",
        "spend",
        "impressions",
        "reach",
        "frequency",
        "clicks",
        "inline_link_clicks",
        "campaign_name",
        "sp\\u0065nd",
    ]);
    let values = proptest::sample::select(vec![
        "null",
        "\"12\"",
        "7",
        "-0",
        "1e3",
        "1.25",
        "\"\"",
        "\"USD\"",
        "\"2026-10-01\"",
        "\"a\\u0062\"",
        "true",
        "{}",
        "[1]",
        "{\"a\":[null,false,{}]}",
        "01",
        "\"\\ud800\"",
    ]);
    let types = proptest::sample::select(vec![
        "\"lead\"",
        "\"omni_purchase\"",
        "\"purchase\"",
        "\"leadgen.other\"",
        "\"link_click\"",
        "\"l\\u0065ad\"",
        "7",
        "null",
    ]);
    let action = (types, values.clone(), 0..8_u8).prop_map(|(kind, value, shape)| match shape {
        0 => format!("{{\"value\":{value}}}"),
        1 => format!("[{kind},{value}]"),
        2 => format!("{{\"action_type\":{kind},\"value\":1,\"value\":{value}}}"),
        3 => format!("{{\"action_type\":{kind}}}"),
        _ => format!("{{\"1d_view\":\"3\", \"action_type\" : {kind},\"value\":{value}}}"),
    });
    let list = proptest::collection::vec(action, 0..4).prop_map(|items| format!("[{}]", items.join(", ")));
    let lists = (
        proptest::sample::select(vec!["actions", "action_values"]),
        prop_oneof![9 => list, 1 => Just("null".to_owned())],
    );
    prop_oneof![
        (names, values).prop_map(|(name, value)| format!("\"{name}\":{value}")),
        lists.prop_map(|(name, list)| format!("\"{name}\": {list}")),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn a_row_means_the_same_whichever_way_it_is_read(
        fields in proptest::collection::vec(fields(), 0..5),
        end in proptest::sample::select(vec!["}", "} ", "}}", ",}", ""]),
    ) {
        let more: String = fields.iter().map(|field| format!(",{field}")).collect();
        let payload = format!("{{\"campaign_id\":\"5\",\"date_start\":\"2026-10-01\"{more}{end}");
        let policy = Policy::default().account("facebook", "1");
        let meaning = |row: &Row<'_>| format!("{:?}", understood(row, &policy.facebook));
        if let Some(plain) = plain_row(payload.as_bytes(), &policy.facebook) {
            let row: Result<Row<'_>, _> = object(payload.as_bytes(), "insights row");
            prop_assert_eq!(meaning(&plain), row.map_or_else(|e| format!("{e:?}"), |row| meaning(&row)), "{}", payload);
        }
    }
}

#[test]
fn a_row_as_the_platform_writes_it_is_read_in_one_pass() {
    let payload = concat!(
        r#"{"campaign_id":"120210000000000001","campaign_name":"Leads \u00e4 \/ 1","account_currency":"USD","#,
        r#""date_start":"2026-10-01","date_stop":"2026-10-01","spend":"143.50","impressions":"18500","#,
        r#""actions":[{"action_type":"link_click","value":"410"},{"action_type":"lead","value":"9","7d_click":"8"}]}"#
    );
    let policy = Policy::default().account("facebook", "1");
    let row = plain_row(payload.as_bytes(), &policy.facebook).unwrap();
    assert_eq!(row.actions.as_ref().map(Vec::len), Some(1), "what nobody asks for is passed over");
    let InsightsPeriod::Day(_, figures) = understood(&row, &policy.facebook).unwrap().period else {
        panic!("it covers one day")
    };
    assert_eq!((figures.impressions, figures.leads), (Some(18_500), Some(9)));
}

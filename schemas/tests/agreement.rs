//! Types, schemas and examples say the same: checked through a second implementation of Avro.

#![allow(clippy::unwrap_used, reason = "a test program fails by panicking")]

use std::collections::BTreeSet;
use std::fmt::Debug;

use apache_avro::Schema as AvroSchema;
use apache_avro::reader::datum::GenericDatumReader;
use apache_avro::types::Value as AvroValue;
use schemas::record::{
    Account, Alert, Campaign, CampaignDay, CampaignScore, DeadLetter, Event, Lead, RawEvent, Recommendation,
    Watermark,
};
use schemas::{CodecError, Schemas, Topic, TopicValue, examples};
use serde_json::Value as Json;

const HEADER_BYTES: usize = 5;

/// Every example of the topic survives a round trip, reads the same to apache-avro, and has the schema's fields.
fn check<T: TopicValue<'static> + PartialEq + Debug>(topic: Topic) {
    let schemas = Schemas::compiled();
    let (mut encoder, mut decoder) = (schemas.encoder(topic), schemas.decoder());
    let avsc = AvroSchema::parse_str(topic.avsc()).unwrap();
    let schema_json: Json = serde_json::from_str(topic.avsc()).unwrap();
    for example in examples::of::<T>(topic) {
        let mut bytes = Vec::new();
        encoder.encode(&example, &mut bytes).unwrap();
        let bytes: &'static [u8] = bytes.leak();
        assert_eq!(decoder.decode::<T>(Some(bytes)).unwrap(), example);

        let mut datum = &bytes[HEADER_BYTES..];
        let seen = GenericDatumReader::builder(&avsc).build().unwrap().read_value(&mut datum).unwrap();
        assert!(datum.is_empty(), "apache-avro left bytes over in {topic:?}");
        assert!(seen.validate(&avsc));
        let AvroValue::Record(fields) = &seen else { panic!("{topic:?} is not a record") };

        let rust = serde_json::to_value(&example).unwrap();
        let rust_fields: BTreeSet<&str> = rust.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(rust_fields, fields.iter().map(|(name, _)| name.as_str()).collect(), "{topic:?}");
        check_fields(&rust, &schema_json, &schema_json, &format!("{topic:?}"));
    }
}

/// The fields of a Rust value, as its JSON shows them, are the fields of its schema, all the way down.
fn check_fields(rust: &Json, schema: &Json, root: &Json, path: &str) {
    let named = |name: &str| find_named(root, name).unwrap_or_else(|| panic!("{path}: no type {name}"));
    match schema {
        Json::String(name) if rust.is_object() => check_fields(rust, named(name), root, path),
        Json::Array(members) => match rust {
            Json::Null => assert!(members.contains(&Json::from("null")), "{path}"),
            Json::Object(tagged)
                if tagged.len() == 1 && tagged.keys().all(|tag| tag.starts_with("adpulse.")) =>
            {
                let (tag, value) = tagged.iter().next().unwrap();
                check_fields(
                    value,
                    named(tag.trim_start_matches("adpulse.")),
                    root,
                    &format!("{path}/{tag}"),
                );
            }
            _ => {
                let member = members.iter().find(|m| **m != "null").unwrap();
                check_fields(rust, member, root, path);
            }
        },
        Json::Object(object) => match object["type"].as_str() {
            Some("record") => {
                let rust = rust.as_object().unwrap_or_else(|| panic!("{path}: {rust} is not a record"));
                let fields = object["fields"].as_array().unwrap();
                let names: BTreeSet<&str> = fields.iter().filter_map(|f| f["name"].as_str()).collect();
                assert_eq!(rust.keys().map(String::as_str).collect::<BTreeSet<_>>(), names, "{path}");
                for field in fields {
                    let name = field["name"].as_str().unwrap();
                    assert!(field["doc"].is_string(), "{path}/{name} has no doc");
                    check_fields(&rust[name], &field["type"], root, &format!("{path}/{name}"));
                }
            }
            Some("array") => {
                for item in rust.as_array().unwrap() {
                    check_fields(item, &object["items"], root, path);
                }
            }
            Some("enum") => {
                assert!(object["symbols"].as_array().unwrap().contains(rust), "{path}: {rust}");
            }
            _ => {}
        },
        _ => {}
    }
}

fn find_named<'a>(schema: &'a Json, name: &str) -> Option<&'a Json> {
    match schema {
        Json::Object(object) => {
            if object.get("name").and_then(Json::as_str) == Some(name) && object.contains_key("namespace") {
                return Some(schema);
            }
            object.values().find_map(|value| find_named(value, name))
        }
        Json::Array(items) => items.iter().find_map(|item| find_named(item, name)),
        _ => None,
    }
}

#[test]
fn rust_types_and_schemas_have_the_same_fields_and_the_same_bytes() {
    for topic in [Topic::RawFacebook, Topic::RawCrm, Topic::RawCsv, Topic::RawClock] {
        check::<RawEvent<'static>>(topic);
    }
    check::<Event<'static>>(Topic::Events);
    check::<Lead<'static>>(Topic::Leads);
    check::<Account<'static>>(Topic::Accounts);
    check::<Campaign<'static>>(Topic::Campaigns);
    check::<CampaignDay<'static>>(Topic::CampaignDays);
    check::<CampaignScore<'static>>(Topic::Scores);
    check::<Watermark<'static>>(Topic::Watermarks);
    check::<Recommendation<'static>>(Topic::Recommendations);
    check::<Alert<'static>>(Topic::Alerts);
    check::<DeadLetter<'static>>(Topic::DeadLetters);
}

/// Every symbol of every enum in the schemas, with the name of its enum.
fn symbols(schema: &Json, found: &mut BTreeSet<(String, String)>) {
    match schema {
        Json::Object(object) => {
            if object.get("type").and_then(Json::as_str) == Some("enum") {
                for symbol in object["symbols"].as_array().unwrap() {
                    found.insert((
                        object["name"].as_str().unwrap().to_owned(),
                        symbol.as_str().unwrap().to_owned(),
                    ));
                }
            }
            object.values().for_each(|value| symbols(value, found));
        }
        Json::Array(items) => items.iter().for_each(|item| symbols(item, found)),
        _ => {}
    }
}

#[test]
fn every_symbol_of_every_enum_is_a_variant_that_says_its_symbol() {
    use schemas::record::{
        Action, AlertState, Doubt, FatigueLevel, Guard, LeadStage, QualityFlag, RawKind, Severity, Source,
    };
    let mut found = BTreeSet::new();
    for topic in Topic::ALL {
        symbols(&serde_json::from_str(topic.avsc()).unwrap(), &mut found);
    }
    macro_rules! same {
        ($($name:ident),*) => {
            for (name, symbol) in found {
                let said = match name.as_str() {
                    $(stringify!($name) => serde_json::from_value::<$name>(symbol.clone().into()).unwrap().symbol(),)*
                    other => panic!("{other} has no Rust type"),
                };
                assert_eq!(said, symbol, "{name}");
            }
        };
    }
    same!(Action, AlertState, Doubt, FatigueLevel, Guard, LeadStage, QualityFlag, RawKind, Severity, Source);
}

#[test]
fn damaged_bytes_are_errors_that_say_which_kind() {
    let schemas = Schemas::compiled();
    let mut decoder = schemas.decoder();
    let mut bytes = Vec::new();
    let example = examples::of::<Event<'static>>(Topic::Events).remove(0);
    schemas.encoder(Topic::Events).encode(&example, &mut bytes).unwrap();

    assert!(matches!(decoder.decode::<Event<'_>>(None), Err(CodecError::NoValue)));
    assert!(matches!(decoder.decode::<Event<'_>>(Some(&[])), Err(CodecError::NotFramed)));
    assert!(matches!(decoder.decode::<Event<'_>>(Some(b"{\"json\":1}")), Err(CodecError::NotFramed)));
    assert!(matches!(
        decoder.decode::<Event<'_>>(Some(&[0, 0, 0, 0, 9, 1])),
        Err(CodecError::UnknownSchema { id: 9 })
    ));
    for cut in HEADER_BYTES..bytes.len() {
        assert!(
            matches!(decoder.decode::<Event<'_>>(Some(&bytes[..cut])), Err(CodecError::Malformed { .. })),
            "{cut}"
        );
    }
    bytes.push(0);
    assert!(matches!(decoder.decode::<Event<'_>>(Some(&bytes)), Err(CodecError::Malformed { .. })));
}

mod damaged {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn no_bytes_make_the_decoder_panic(tail in proptest::collection::vec(any::<u8>(), 0..300), topic in 0..Topic::ALL.len()) {
            let schemas = Schemas::compiled();
            let mut bytes = Vec::new();
            let example = examples::of::<Watermark<'static>>(Topic::Watermarks).remove(0);
            schemas.encoder(Topic::Watermarks).encode(&example, &mut bytes).unwrap();
            let id: [u8; 4] = match Topic::ALL[topic] {
                Topic::Events => id_of(&schemas, Topic::Events, &examples::of::<Event<'static>>(Topic::Events)[0]),
                Topic::CampaignDays => id_of(&schemas, Topic::CampaignDays, &examples::of::<CampaignDay<'static>>(Topic::CampaignDays)[0]),
                _ => bytes[1..HEADER_BYTES].try_into().unwrap(),
            };
            let framed: Vec<u8> = [0].into_iter().chain(id).chain(tail).collect();
            let _ = schemas.decoder().decode::<Event<'_>>(Some(&framed));
            let _ = schemas.decoder().decode::<CampaignDay<'_>>(Some(&framed));
            let _ = schemas.decoder().decode::<Watermark<'_>>(Some(&framed));
        }
    }

    fn id_of<'a, T: TopicValue<'a>>(schemas: &Schemas, topic: Topic, example: &T) -> [u8; 4] {
        let mut bytes = Vec::new();
        schemas.encoder(topic).encode(example, &mut bytes).unwrap();
        bytes[1..HEADER_BYTES].try_into().unwrap()
    }
}

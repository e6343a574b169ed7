//! A schema may change only so that it still reads everything that any released schema wrote. `released/N/` records
//! the schemas of each release; a change is released by adding the next folder, never by editing an old one.

#![allow(clippy::unwrap_used, reason = "a test program fails by panicking")]

use std::fs;
use std::path::PathBuf;

use apache_avro::Schema;
use apache_avro::schema_compatibility::SchemaCompatibility;

fn folder(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(name)
}

fn parse(path: &PathBuf) -> Schema {
    Schema::parse_str(&fs::read_to_string(path).unwrap())
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

#[test]
fn every_schema_reads_what_every_released_schema_wrote() {
    let mut compared = 0;
    for release in fs::read_dir(folder("released")).unwrap() {
        for file in fs::read_dir(release.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            let current = folder("avro").join(path.file_name().unwrap());
            assert!(current.exists(), "{} was released and is gone", current.display());
            SchemaCompatibility::can_read(&parse(&path), &parse(&current)).unwrap_or_else(|e| {
                panic!("{} can no longer read {}: {e}", current.display(), path.display())
            });
            compared += 1;
        }
    }
    assert!(compared >= 10, "only {compared} released schemas were compared");
}

#[test]
fn every_schema_is_in_the_newest_release_as_it_is() {
    let newest = fs::read_dir(folder("released"))
        .unwrap()
        .filter_map(|entry| entry.ok()?.file_name().to_str()?.parse::<u32>().ok())
        .max()
        .expect("there is a release");
    for file in fs::read_dir(folder("avro")).unwrap() {
        let path = file.unwrap().path();
        let released = folder("released").join(newest.to_string()).join(path.file_name().unwrap());
        assert_eq!(
            fs::read_to_string(&path).unwrap(),
            fs::read_to_string(&released).unwrap_or_default(),
            "{} differs from release {newest}: copy avro/ to released/{} to release it",
            path.display(),
            newest + 1
        );
    }
}

#[test]
fn what_an_earlier_release_wrote_is_read_without_a_registry() {
    // A tick as release 1 framed it: its schema's fingerprint, then the datum.
    let text = fs::read_to_string(folder("released/1/event.avsc")).unwrap();
    let id = *text.parse::<serde_avro_fast::Schema>().unwrap().rabin_fingerprint();
    let id = u32::from_le_bytes([id[0], id[1], id[2], id[3]]) & 0x3fff_ffff | 0x4000_0000;
    let mut bytes = vec![0];
    bytes.extend(id.to_be_bytes());
    // observed_at 1, origin ("t", 0, 0), no flags, union member 4 without fields.
    bytes.extend([2, 2, b't', 0, 0, 0, 8]);
    let schemas = schemas::Schemas::compiled();
    let mut decoder = schemas.decoder();
    let event: schemas::record::Event<'_> = decoder.decode(Some(&bytes)).unwrap();
    assert_eq!(event.observed_at, schemas::TimestampMs(1));
    assert!(event.doubts.is_empty());
}

#[test]
fn the_check_sees_an_incompatible_change() {
    let old =
        Schema::parse_str(r#"{"type":"record","name":"R","fields":[{"name":"a","type":"long"}]}"#).unwrap();
    let new = Schema::parse_str(
        r#"{"type":"record","name":"R","fields":[{"name":"a","type":"long"},{"name":"b","type":"string"}]}"#,
    )
    .unwrap();
    assert!(SchemaCompatibility::can_read(&old, &new).is_err());
    assert!(SchemaCompatibility::can_read(&new, &old).is_ok());
}

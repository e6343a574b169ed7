//! The registry client against a real registry with the Confluent interface.

#![allow(clippy::unwrap_used, reason = "a test program fails by panicking")]

use devstack::{Engine, Progress, Stack, StackConfig};
use schemas::record::Watermark;
use schemas::{CodecError, RegistryClient, RegistryError, Schemas, Topic, examples};

const OLD: &str = r#"{"type":"record","name":"R","namespace":"t","fields":[{"name":"a","type":"long"}]}"#;
const WITH_DEFAULT: &str = r#"{"type":"record","name":"R","namespace":"t","fields":[{"name":"a","type":"long"},
    {"name":"b","type":["null","string"],"default":null}]}"#;
const WITHOUT_DEFAULT: &str = r#"{"type":"record","name":"R","namespace":"t","fields":[{"name":"a","type":"long"},
    {"name":"b","type":"string"}]}"#;

async fn registry() -> (Stack, RegistryClient) {
    let config = StackConfig { progress: Progress::Silent, ..StackConfig::default() };
    let stack = Stack::start(config, &[Engine::Registry]).await.unwrap();
    let client = RegistryClient::new(&stack.registry().unwrap().url(), None);
    (stack, client)
}

#[tokio::test(flavor = "multi_thread")]
async fn schemas_are_registered_once_found_again_and_kept_compatible() {
    let (stack, client) = registry().await;
    tokio::task::spawn_blocking(move || {
        client.ping().unwrap();
        assert!(matches!(client.find("t-value", OLD), Err(RegistryError::Refused { status: 404, .. })));
        let id = client.register("t-value", OLD).unwrap();
        assert_eq!(client.register("t-value", OLD).unwrap(), id);
        assert_eq!(client.find("t-value", OLD).unwrap(), id);
        assert!(client.schema_by_id(id).unwrap().unwrap().contains("\"a\""));
        assert_eq!(client.schema_by_id(id + 10_000).unwrap(), None);

        let newer = client.register("t-value", WITH_DEFAULT).unwrap();
        assert_ne!(newer, id);
        let refused = client.register("t-value", WITHOUT_DEFAULT).unwrap_err();
        assert!(matches!(refused, RegistryError::Incompatible { .. }), "{refused}");
        // Transitive: also a version that only an older one contradicts is refused.
        let contradiction = OLD.replace("long", "string");
        assert!(matches!(
            client.register("t-value", &contradiction),
            Err(RegistryError::Incompatible { .. })
        ));
    })
    .await
    .unwrap();
    stack.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_value_written_under_a_registered_id_is_read_by_who_only_knows_the_registry() {
    let (stack, client) = registry().await;
    let url = client.url().to_owned();
    tokio::task::spawn_blocking(move || {
        assert!(Schemas::from_registry(client.clone(), "p.", false).is_err(), "nothing is registered yet");
        let writer = Schemas::from_registry(client.clone(), "p.", true).unwrap();
        let example = examples::of::<Watermark<'static>>(Topic::Watermarks).remove(0);
        let mut bytes = Vec::new();
        writer.encoder(Topic::Watermarks).encode(&example, &mut bytes).unwrap();
        let reader = Schemas::from_registry(client.clone(), "p.", false).unwrap();
        assert_eq!(reader.decoder().decode::<Watermark<'_>>(Some(&bytes)).unwrap(), example);
        // A build without a registry does not know the registry's ids, and says which one.
        let alone = Schemas::compiled().decoder().decode::<Watermark<'_>>(Some(&bytes)).map(drop);
        assert!(matches!(alone, Err(CodecError::UnknownSchema { .. })));
        // Another id of the same registry is looked up: its schema says how to read the bytes.
        let other = client.register("another-value", Topic::Watermarks.avsc()).unwrap();
        bytes[1..5].copy_from_slice(&other.to_be_bytes());
        assert_eq!(reader.decoder().decode::<Watermark<'_>>(Some(&bytes)).unwrap(), example);
        bytes[1..5].copy_from_slice(&9_999_999_u32.to_be_bytes());
        let unknown = reader.decoder().decode::<Watermark<'_>>(Some(&bytes)).map(drop);
        assert!(matches!(unknown, Err(CodecError::UnknownSchema { id: 9_999_999 })));
        (reader, bytes)
    })
    .await
    .map(|(reader, mut bytes)| async move {
        stack.stop().await.unwrap();
        tokio::task::spawn_blocking(move || {
            bytes[1..5].copy_from_slice(&8_888_888_u32.to_be_bytes());
            let down = reader.decoder().decode::<Watermark<'_>>(Some(&bytes)).map(drop).unwrap_err();
            assert!(down.is_transient(), "{down}");
            assert!(
                down.to_string().contains(url.trim_start_matches("http://").split('/').next().unwrap()),
                "{down}"
            );
        })
        .await
        .unwrap();
    })
    .unwrap()
    .await;
}

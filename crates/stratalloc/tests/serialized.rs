//! Statistics and settings in another program's format, with feature `serde`.
#![cfg(feature = "serde")]

use serde_json::Value;
use stratalloc::Strata;

#[global_allocator]
static GLOBAL: Strata = Strata;

#[test]
fn statistics_have_their_names_and_all_classes() {
    let stats = Strata::stats();
    let json = serde_json::to_value(stats).unwrap();
    assert_eq!(json["is_global"], Value::Bool(true));
    assert_eq!(json["committed_bytes"], stats.committed_bytes);
    assert_eq!(json["calls"]["map"], stats.calls.map);
    let classes = json["classes"].as_array().unwrap();
    assert_eq!(classes.len(), stats.classes().len());
    assert_eq!(classes[0]["block_bytes"], 16);
}

#[test]
fn settings_say_never_as_null() {
    Strata::set_option("purge_delay", "never").unwrap();
    let json = serde_json::to_value(Strata::settings()).unwrap();
    assert_eq!((&json["purge_delay"], &json["huge_pages"]), (&Value::Null, &Value::from("Auto")));
    assert_eq!(serde_json::to_value(Strata::trim()).unwrap()["is_complete"], true);
}

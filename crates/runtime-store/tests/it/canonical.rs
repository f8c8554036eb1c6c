//! Canonical JSON, by the examples of RFC 8785.

use runtime_store::{Fingerprint, Step, StepKind, StepName, canonical_json};
use serde_json::{Value, json};

fn canonical(text: &str) -> String {
    canonical_json(&serde_json::from_str::<Value>(text).expect("JSON"))
}

#[test]
fn the_example_of_section_3_2_2() {
    let text = r#"{
        "numbers": [333333333.33333329, 1E30, 4.50, 2e-3, 0.000000000000000000000000001],
        "string": "\u20ac$\u000F\u000aA'\u0042\u0022\u005c\\\"\/",
        "literals": [null, true, false]
    }"#;
    let expected = "{\"literals\":[null,true,false],\"numbers\":[333333333.3333333,1e+30,4.5,0.002,1e-27],\
        \"string\":\"€$\\u000f\\nA'B\\\"\\\\\\\\\\\"/\"}";
    assert_eq!(canonical(text), expected);
}

#[test]
fn keys_are_sorted_by_utf_16_as_in_section_3_2_3() {
    let text = r#"{ "\u20ac": "Euro Sign", "\r": "Carriage Return", "\ufb33": "Hebrew Letter Dalet With Dagesh",
        "1": "One", "\ud83d\ude00": "Emoji: Grinning Face", "\u0080": "Control",
        "\u00f6": "Latin Small Letter O With Diaeresis" }"#;
    let canonical = canonical(text);
    let order = ["\"\\r\"", "\"1\"", "\"\u{80}\"", "\"ö\"", "\"€\"", "\"😀\"", "\"\u{fb33}\""];
    let places = order.map(|key| canonical.find(&format!("{key}:")).expect(key));
    assert!(places.is_sorted(), "{canonical}");
}

#[test]
fn numbers_of_appendix_b() {
    // IEEE 754 bits and the text of them.
    let numbers: [(u64, &str); 20] = [
        (0x0000_0000_0000_0000, "0"),
        (0x8000_0000_0000_0000, "0"),
        (0x0000_0000_0000_0001, "5e-324"),
        (0x8000_0000_0000_0001, "-5e-324"),
        (0x7fef_ffff_ffff_ffff, "1.7976931348623157e+308"),
        (0xffef_ffff_ffff_ffff, "-1.7976931348623157e+308"),
        (0x4340_0000_0000_0000, "9007199254740992"),
        (0xc340_0000_0000_0000, "-9007199254740992"),
        (0x4430_0000_0000_0000, "295147905179352830000"),
        (0x44b5_2d02_c7e1_4af5, "9.999999999999997e+22"),
        (0x44b5_2d02_c7e1_4af6, "1e+23"),
        (0x44b5_2d02_c7e1_4af7, "1.0000000000000001e+23"),
        (0x444b_1ae4_d6e2_ef4e, "999999999999999700000"),
        (0x444b_1ae4_d6e2_ef4f, "999999999999999900000"),
        (0x444b_1ae4_d6e2_ef50, "1e+21"),
        (0x3eb0_c6f7_a0b5_ed8c, "9.999999999999997e-7"),
        (0x3eb0_c6f7_a0b5_ed8d, "0.000001"),
        (0x41b3_de43_5555_5553, "333333333.3333332"),
        (0x41b3_de43_5555_5555, "333333333.3333333"),
        (0xbecb_f647_612f_3696, "-0.0000033333333333333333"),
    ];
    for (bits, text) in numbers {
        assert_eq!(canonical_json(&json!(f64::from_bits(bits))), text, "{bits:016x}");
    }
}

#[test]
fn an_integer_keeps_its_digits_and_equals_the_same_float() {
    assert_eq!(canonical("9007199254740993"), "9007199254740993");
    assert_eq!(canonical("18446744073709551615"), "18446744073709551615");
    assert_eq!(canonical("1.0"), canonical("1"));
    assert_eq!(canonical("1e3"), canonical("1000"));
}

/// What any language computes of a step: kind, name and arguments as one list.
#[test]
fn the_print_of_a_step_is_that_of_a_list() {
    let names =
        ["gpt-5", "", "a \"name\"", "back\\slash", "line\nbreak", "\u{0} \u{1f} \u{7f}", "ünï😀"];
    for name in names {
        let arguments = json!({ name: [name, 1.5, null], "b": name });
        let step =
            StepName { kind: StepKind::Tool, name: name.into(), scope: "".into(), keyed: false };
        let step = Step::in_order(step, &arguments, (0, 0));
        assert_eq!(step.print, Fingerprint::of_json(&json!(["tool", name, arguments])), "{name:?}");
        assert_eq!(canonical_json(&json!(name)), json!(name).to_string(), "{name:?}");
    }
}

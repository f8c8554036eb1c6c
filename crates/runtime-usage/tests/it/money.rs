//! Amounts: reading, printing, JSON.

use runtime_usage::{SignedUsd, Usd, UsdErrorKind};

fn refused(text: &str) -> UsdErrorKind {
    text.parse::<Usd>().expect_err(text).kind
}

#[test]
fn decimal_text_is_read_exactly() {
    for (text, nanos) in [
        ("0", 0),
        ("-0", 0),
        ("-0.0e5", 0),
        ("12.5", 12_500_000_000),
        ("$12.5", 12_500_000_000),
        ("+.5", 500_000_000),
        ("5.", 5_000_000_000),
        ("1e-9", 1),
        ("1.25E+1", 12_500_000_000),
        ("0.000000001", 1),
        // As a float this is 8388609.0000000019.
        ("8388609.000000001", 8_388_609_000_000_001),
        ("18446744073.709551615", u64::MAX),
        ("000000000000000000000000000001.5", 1_500_000_000),
        ("0e999999999999999999999999", 0),
        ("5e-999999999999999999999999", 0),
    ] {
        assert_eq!(text.parse::<Usd>(), Ok(Usd::from_nanos(nanos)), "{text}");
    }
}

#[test]
fn digits_beyond_a_nano_are_rounded_half_even() {
    for (text, nanos) in [
        ("0.0000000005", 0),
        ("0.00000000050000000000000000000000000000000000001", 1),
        ("0.0000000015", 2),
        ("0.0000000025", 2),
        ("0.0000000034999999999999999999999999999999999999", 3),
        ("5e-10", 0),
        ("15e-10", 2),
        ("9.9e-11", 0),
    ] {
        assert_eq!(text.parse::<Usd>(), Ok(Usd::from_nanos(nanos)), "{text}");
    }
}

#[test]
fn invalid_amount_is_refused_with_its_value() {
    use UsdErrorKind::{Negative, NotANumber, NotFinite, TooLarge};
    for text in ["", " ", ".", "$", "e5", "1e", "1e+", "1_000", "1,5", "0x10", "1.2.3", "--1", "é"]
    {
        assert_eq!(refused(text), NotANumber, "{text}");
    }
    for text in ["nan", "NaN", "inf", "-inf", "Infinity"] {
        assert_eq!(refused(text), NotFinite, "{text}");
    }
    for text in ["-1", "-$0.5", "-1e-9", "-0.00000000001"] {
        assert_eq!(refused(text), Negative, "{text}");
    }
    for text in ["18446744073.709551616", "18446744073.7095516155", "1e11", "1e999999999999999999"]
    {
        assert_eq!(refused(text), TooLarge, "{text}");
    }
    let error = "-1.5".parse::<Usd>().unwrap_err();
    assert_eq!(error.to_string(), "invalid amount of US dollars `-1.5`: must not be negative");
}

#[test]
fn float_is_read_as_its_shortest_decimal() {
    assert_eq!(Usd::try_from(0.1), Ok(Usd::from_cents(10)));
    assert_eq!(Usd::try_from(-0.0), Ok(Usd::ZERO));
    assert_eq!(Usd::try_from(1e-300), Ok(Usd::ZERO));
    assert_eq!(Usd::try_from(Usd::MAX.to_f64()), Ok(Usd::MAX));
    for (float, kind) in [
        (f64::NAN, UsdErrorKind::NotFinite),
        (f64::INFINITY, UsdErrorKind::NotFinite),
        (f64::NEG_INFINITY, UsdErrorKind::NotFinite),
        (-1e-300, UsdErrorKind::Negative),
        (1e300, UsdErrorKind::TooLarge),
    ] {
        assert_eq!(Usd::try_from(float).unwrap_err().kind, kind, "{float}");
    }
}

#[test]
fn rounded_text_matches_the_python_format() {
    for (text, printed) in [
        ("0", "$0.0000"),
        ("0.0033125", "$0.0033"),
        ("0.00015", "$0.0001"),
        ("0.00995", "$0.0100"),
        ("0.00999999", "$0.0100"),
        ("0.01", "$0.01"),
        ("0.015", "$0.01"),
        ("0.125", "$0.12"),
        ("0.375", "$0.38"),
        ("1.005", "$1.00"),
        ("2.675", "$2.67"),
        ("12.5", "$12.50"),
        ("8388608.015", "$8388608.02"),
    ] {
        assert_eq!(text.parse::<Usd>().unwrap().rounded(), printed, "{text}");
    }
}

#[test]
fn default_text_is_exact_with_at_least_two_digits() {
    for (nanos, printed) in [
        (0, "$0.00"),
        (1, "$0.000000001"),
        (1_000_000, "$0.001"),
        (10_000_000, "$0.01"),
        (17_312_500, "$0.0173125"),
        (12_500_000_000, "$12.50"),
        (u64::MAX, "$18446744073.709551615"),
    ] {
        assert_eq!(Usd::from_nanos(nanos).to_string(), printed);
        assert_eq!(printed.parse(), Ok(Usd::from_nanos(nanos)));
    }
}

#[test]
fn formatter_flags_set_digits_and_width() {
    let cost: Usd = "1.2075".parse().unwrap();
    assert_eq!(format!("{cost:.4}|{cost:.0}|{cost:#}"), "$1.2075|$1|$1.2075");
    assert_eq!(format!("{cost:>9}|{cost:<9}|{cost:^9}"), "  $1.2075|$1.2075  | $1.2075 ");
    assert_eq!(format!("{cost:>8.2}|{:>8}|{:#}", Usd::ZERO, Usd::ZERO), "   $1.21|   $0.00|$0");
    assert_eq!(format!("{:#}", Usd::MAX), "$18446744073.709551615");
    assert_eq!(format!("{:?}", Usd::from_dollars(20)), "Usd($20)");

    let owed = Usd::ZERO.signed_sub(cost);
    let texts = format!("{owed}|{owed:.2}|{owed:#}|{owed:>9}");
    assert_eq!(texts, "-$1.2075|-$1.21|-$1.2075| -$1.2075");
    assert_eq!(format!("{owed:?}"), "SignedUsd(-$1.2075)");
}

#[test]
fn arithmetic_is_checked_or_saturates() {
    let (one, two) = (Usd::from_dollars(1), Usd::from_dollars(2));
    assert_eq!(one.checked_add(two), Some(Usd::from_dollars(3)));
    assert_eq!(Usd::MAX.checked_add(one), None);
    assert_eq!(Usd::MAX.saturating_add(one), Usd::MAX);
    assert_eq!(one.saturating_sub(two), Usd::ZERO);
    assert_eq!([one, two, Usd::MAX].iter().sum::<Usd>(), Usd::MAX);
    assert_eq!(Usd::from_dollars(u64::MAX), Usd::MAX);
    assert_eq!(Usd::from_cents(u64::MAX), Usd::MAX);
}

#[test]
fn signed_difference_keeps_its_sign() {
    let left = Usd::ZERO.signed_sub(Usd::MAX);
    assert_eq!(left.nanos(), -i128::from(u64::MAX));
    assert_eq!(Usd::try_from(-left), Ok(Usd::MAX));
    assert!(left < SignedUsd::ZERO && SignedUsd::ZERO < SignedUsd::from(Usd::from_nanos(1)));

    let error = Usd::try_from(-SignedUsd::from(Usd::from_nanos(1))).unwrap_err();
    assert_eq!(
        error.to_string(),
        "invalid amount of US dollars `-$0.000000001`: must not be negative"
    );
    assert_eq!("-$1.5".parse(), Ok(-SignedUsd::from(Usd::from_cents(150))));
    assert_eq!(SignedUsd::try_from(-1.5), Ok(-SignedUsd::from(Usd::from_cents(150))));
    let error = SignedUsd::try_from(f64::NAN).unwrap_err();
    assert_eq!(error.to_string(), "invalid amount of US dollars `NaN`: not finite");
}

#[test]
fn json_holds_numbers_of_dollars() {
    let read = |json| serde_json::from_str::<Usd>(json).map_err(|error| error.to_string());
    assert_eq!(read("3"), Ok(Usd::from_dollars(3)));
    assert_eq!(read("0.075"), Ok(Usd::from_nanos(75_000_000)));
    assert_eq!(serde_json::to_string(&Usd::from_cents(1)).unwrap(), "0.01");
    for (json, part) in [
        ("-1", "invalid amount of US dollars `-1`: must not be negative"),
        ("-0.5", "invalid amount of US dollars `-0.5`: must not be negative"),
        ("18446744074", "invalid amount of US dollars `18446744074`: too large"),
        ("1e300", "invalid amount of US dollars `1e300`: too large"),
        ("\"3\"", "string \"3\", expected a number of US dollars, zero or more"),
        ("null", "null, expected a number"),
    ] {
        assert!(read(json).unwrap_err().contains(part), "{json}: {:?}", read(json));
    }
    let owed: SignedUsd = serde_json::from_str("-3").unwrap();
    assert_eq!(serde_json::to_string(&owed).unwrap(), "-3.0");
    assert_eq!(serde_json::from_str::<SignedUsd>("4.5").unwrap().nanos(), 4_500_000_000);
}

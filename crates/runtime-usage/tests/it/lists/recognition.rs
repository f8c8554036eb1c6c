//! Recognition of formats.

use runtime_usage::{PriceFormat, PriceReader, PricingTable};

#[test]
fn every_price_format_is_recognised() {
    let prices = r#"{"input_per_million": 1, "output_per_million": 1}"#;
    for (json, format) in [
        (format!(r#"{{"_note": 1, "models": {{"m": {prices}}}}}"#), PriceFormat::Original),
        (r#"{"models": {}}"#.to_owned(), PriceFormat::Original),
        (include_str!("../../data/litellm.json").to_owned(), PriceFormat::LiteLlm),
        (r#"{"m": {"input_cost_per_token": 1}}"#.to_owned(), PriceFormat::LiteLlm),
        (r#"{"sample_spec": 1, "m": {"litellm_provider": "x"}}"#.to_owned(), PriceFormat::LiteLlm),
        (include_str!("../../data/models_dev.json").to_owned(), PriceFormat::ModelsDev),
        (r#"{"p": {"models": {}}}"#.to_owned(), PriceFormat::ModelsDev),
        (r#"{"data": [{"id": "m", "pricing": {}}]}"#.to_owned(), PriceFormat::OpenRouter),
        (include_str!("../../data/genai_prices.json").to_owned(), PriceFormat::GenaiPrices),
        (r#"[{"id": "p", "models": []}]"#.to_owned(), PriceFormat::GenaiPrices),
    ] {
        let list = PriceReader::new().read(&json).expect(&json);
        assert_eq!(list.format, format, "{json}");
    }
}

#[test]
fn unknown_format_error_lists_the_known_formats() {
    for json in
        ["{}", "[]", "7", "null", "\"models\"", r#"{"m": {"price": 1}}"#, r#"{"m": 1}"#, "[1]"]
    {
        let error = PricingTable::from_json(json).unwrap_err();
        let text = error.to_string();
        assert_eq!(error.at, ".");
        for form in ["`models`", "`litellm_provider`", "LiteLLM", "models.dev", "genai-prices"] {
            assert!(text.contains(form), "{json}: {text}");
        }
    }
}

#[test]
fn explicit_format_is_not_guessed() {
    // An entry without any key that tells the format.
    let json = r#"{"m": {"max_tokens": 1}}"#;
    assert!(PriceReader::new().read(json).is_err());
    let list = PriceReader::new().format(PriceFormat::LiteLlm).read(json).unwrap();
    assert_eq!((list.models, list.skipped.len()), (0, 1));

    let said = PriceReader::new().format(PriceFormat::Original).read(json).unwrap_err();
    assert_eq!(said.at, ".");
    let reader = PriceReader::new().format(PriceFormat::GenaiPrices);
    assert!(reader.read(json).unwrap_err().to_string().contains("an array of providers"));
    let reader = PriceReader::new().format(PriceFormat::ModelsDev);
    assert_eq!(reader.read(json).unwrap_err().at, "m");
}

#[test]
fn price_format_displays_its_name() {
    let names = [
        PriceFormat::Original,
        PriceFormat::LiteLlm,
        PriceFormat::ModelsDev,
        PriceFormat::OpenRouter,
        PriceFormat::GenaiPrices,
    ]
    .map(|format| format.to_string());
    let expected = ["techrevati-runtime", "LiteLLM", "models.dev", "OpenRouter", "genai-prices"];
    assert_eq!(names, expected);
}

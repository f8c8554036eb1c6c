//! Any text is a list of prices or an error that names what is wrong.
#![no_main]

use libfuzzer_sys::fuzz_target;
use runtime_usage::{PriceFormat, PriceReader, PricingTable};

const FORMATS: [Option<PriceFormat>; 6] = [
    None,
    Some(PriceFormat::Original),
    Some(PriceFormat::LiteLlm),
    Some(PriceFormat::ModelsDev),
    Some(PriceFormat::OpenRouter),
    Some(PriceFormat::GenaiPrices),
];

fuzz_target!(|text: &str| {
    for format in FORMATS {
        let reader = PriceReader::new();
        let reader = format.into_iter().fold(reader, PriceReader::format);
        match reader.read(text) {
            Ok(list) => {
                let (models, table) = (list.models, PricingTable::new());
                assert_eq!(table.merge(list), models);
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
});

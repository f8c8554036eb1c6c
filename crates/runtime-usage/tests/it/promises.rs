//! Promises that hold at compile time.

use std::error::Error;

use runtime_usage::{
    Account, BudgetExceededError, BudgetRefusedError, Cost, EmptyModelNameError, InvalidDateError,
    ModelPrices, PriceList, PriceReader, PricingFileError, PricingParseError, PricingTable,
    ReportedUsageError, StreamUsage, TableDiff, UnpricedModelError, UsageParseError, UsageTracker,
    UsdParseError,
};

const fn shared<T: Send + Sync + 'static>() {}
const fn error<T: Error + Send + Sync + 'static>() {}

const _: () = shared::<PricingTable>();
const _: () = shared::<UsageTracker>();
const _: () = shared::<Account>();
const _: () = shared::<ModelPrices>();
const _: () = shared::<PriceList>();
const _: () = shared::<PriceReader>();
const _: () = shared::<TableDiff>();
const fn copied<T: Copy>() {}
const _: () = copied::<Cost>();
const _: () = error::<InvalidDateError>();
const _: () = shared::<StreamUsage>();
const _: () = error::<BudgetExceededError>();
const _: () = error::<BudgetRefusedError>();
const _: () = error::<UnpricedModelError>();
const _: () = error::<EmptyModelNameError>();
const _: () = error::<UsdParseError>();
const _: () = error::<ReportedUsageError>();
const _: () = error::<UsageParseError>();
const _: () = error::<PricingParseError>();
const _: () = error::<PricingFileError>();

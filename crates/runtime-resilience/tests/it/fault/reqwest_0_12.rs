//! The errors of `reqwest` 0.12.

use reqwest_0_12 as reqwest;

#[path = "reqwest_cases.rs"]
mod cases;

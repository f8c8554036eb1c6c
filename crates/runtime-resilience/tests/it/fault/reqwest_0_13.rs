//! The errors of `reqwest` 0.13.

use reqwest_0_13 as reqwest;

#[path = "reqwest_cases.rs"]
mod cases;

//! Inputs from the world: other people's errors, usage and price lists, and what is right about them.
//!
//! `CASES_DIR` names another folder of cases. Each file prints how many of its cases agree, and names
//! those that do not.

mod cases {
    pub(crate) mod server;
    pub(crate) mod support;

    mod faults;
    mod prices;
    mod turns;
    mod usage;
}

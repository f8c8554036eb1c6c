//! Accounts: reserve and settle, alone, on a path, and beside another thread.

use std::hint::black_box;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use criterion::{Bencher, Criterion};
use runtime_usage::{Account, Charge, Limit, Usd};

const WORST: Usd = Usd::from_nanos(5_000);
const COST: Usd = Usd::from_nanos(3_000);

fn account() -> Account {
    Account::new(Limit::enforced(Usd::MAX))
}

fn path_of_three() -> Account {
    account().child(Limit::enforced(Usd::MAX)).child(Limit::enforced(Usd::MAX))
}

fn reserve_and_settle(bencher: &mut Bencher<'_>, account: &Account) {
    bencher.iter(|| {
        let reserved = black_box(account).reserve(black_box(WORST));
        reserved.map(|reservation| reservation.settle(black_box(COST)).cost)
    });
}

/// While `measure` runs, another thread does the same to the account.
fn contended(account: &Account, measure: impl FnOnce()) {
    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            // Relaxed: a flag that guards nothing else.
            while !done.load(Ordering::Relaxed) {
                let _ = account.reserve(WORST).map(|reservation| reservation.settle(COST));
            }
        });
        measure();
        done.store(true, Ordering::Relaxed);
    });
}

pub(crate) fn budgets(c: &mut Criterion) {
    c.bench_function("usage/budget_reserve_settle", |b| reserve_and_settle(b, &account()));
    c.bench_function("usage/budget_reserve_settle_path_of_3", |b| {
        reserve_and_settle(b, &path_of_three());
    });
    c.bench_function("usage/budget_reserve_settle_two_threads", |b| {
        let account = account();
        contended(&account, || reserve_and_settle(b, &account));
    });
    c.bench_function("usage/budget_settle_with_names_path_of_3", |b| {
        let account = path_of_three();
        b.iter(|| {
            let charge = Charge::new(black_box(COST)).model("gpt-5").role("writer");
            account.reserve(black_box(WORST)).map(|reservation| reservation.settle(charge).cost)
        });
    });
    c.bench_function("usage/budget_refuse", |b| {
        let account = Account::new(Limit::enforced(Usd::from_nanos(1)));
        b.iter(|| black_box(&account).reserve(black_box(WORST)).is_err());
    });
}

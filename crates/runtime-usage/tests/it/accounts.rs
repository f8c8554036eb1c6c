//! Accounts: reservations, accounts above, marks, wrap-up money, statements.

use std::panic::catch_unwind;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use runtime_usage::{Account, Balance, BudgetListener, BudgetMark, Charge, Limit, SignedUsd, Usd};

use crate::support::usd;

fn spent_and_left(account: &Account) -> (Usd, SignedUsd) {
    let Balance { spent, left, .. } = account.balance();
    (spent, left)
}

#[test]
fn reservation_holds_its_amount_until_settled() {
    let account = Account::new(Limit::enforced(usd("1")));
    let first = account.reserve(usd("0.6")).unwrap();
    let refused = account.reserve(usd("0.5")).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "budget refused: $0.50 requested, $0.40 of $1.00 left, $0.60 reserved by others"
    );
    assert_eq!((refused.spent, refused.reserved), (Usd::ZERO, usd("0.6")));

    let settlement = first.settle(usd("0.25"));
    assert_eq!((settlement.cost, settlement.beyond), (usd("0.25"), Usd::ZERO));
    assert_eq!(spent_and_left(&account), (usd("0.25"), usd("0.75").into()));
    account.reserve(usd("0.75")).unwrap().release();
    assert_eq!(spent_and_left(&account), (usd("0.25"), usd("0.75").into()));
}

#[test]
fn dropped_reservation_is_spent_as_an_estimate() {
    let account = Account::new(Limit::enforced(usd("1")));
    drop(account.reserve(usd("0.6")).unwrap());
    let balance = account.balance();
    assert_eq!((balance.spent, balance.estimated), (usd("0.6"), usd("0.6")));
    assert_eq!(balance.reserved, Usd::ZERO);
}

#[test]
fn settlement_reports_cost_beyond_the_reservation() {
    let account = Account::new(Limit::enforced(usd("1")));
    let settlement = account.reserve(usd("0.9")).unwrap().settle(usd("1.3"));
    assert_eq!(settlement.beyond, usd("0.4"));
    assert_eq!(account.balance().left.to_string(), "-$0.30");
    let exceeded = account.check().unwrap_err();
    assert_eq!(exceeded.to_string(), "budget exceeded: $1.3000 > $1.0000");
    assert!(account.reserve(Usd::ZERO).is_err(), "not even nothing, once it is overspent");
}

#[test]
fn reserve_takes_from_the_whole_path_or_nothing() {
    let company = Account::new(Limit::enforced(usd("5")).named("company"));
    let team = company.child(Limit::enforced(usd("10")).named("team"));
    let run = team.child(Limit::recorded(usd("1")));
    let other = company.child(Limit::enforced(usd("3")));

    let reservation = run.reserve(usd("3.5")).unwrap();
    assert!([&run, &team, &company].iter().all(|account| account.balance().reserved == usd("3.5")));
    let refused = run.reserve(usd("2")).unwrap_err();
    assert_eq!(refused.account.as_deref(), Some("company"));
    assert!([&run, &team, &company].iter().all(|account| account.balance().reserved == usd("3.5")));
    assert!(other.reserve(usd("1.51")).is_err());

    reservation.settle(usd("3"));
    assert!([&run, &team, &company].iter().all(|account| account.balance().spent == usd("3")));
    assert_eq!(other.balance().spent, Usd::ZERO);
    assert_eq!((run.available(), other.available()), (usd("2"), usd("2")));
    assert!(run.path().nth(2).unwrap().is(&company) && run.path().nth(1).unwrap().is(&team));
}

#[test]
fn remainder_gets_at_most_the_money_left() {
    let company = Account::new(Limit::enforced(usd("5")).wrap_up(usd("1")));
    company.charge(usd("1.5"));
    let held = company.reserve(usd("0.5")).unwrap();
    let child = company.remainder(Limit::enforced(Usd::MAX));
    assert_eq!(child.limit().amount, usd("2"), "5, less 1 set aside, 1.5 spent, 0.5 reserved");
    held.release();
    assert_eq!(child.available(), usd("2"), "it is what was left then");
    assert_eq!(company.remainder(Limit::enforced(usd("1"))).limit().amount, usd("1"));

    company.charge(usd("2"));
    assert_eq!(child.available(), usd("0.5"), "and never more than there is now");
}

#[test]
fn wrap_up_money_is_reserved_by_reserve_wrap_up_only() {
    let account = Account::new(Limit::enforced(usd("1")).wrap_up(usd("0.2")));
    assert_eq!(account.available(), usd("0.8"));
    account.reserve(usd("0.7")).unwrap().settle(usd("0.7"));
    let refused = account.reserve(usd("0.15")).unwrap_err();
    assert_eq!(
        refused.to_string(),
        "budget refused: $0.15 requested, $0.10 of $1.00 left, $0.20 set aside for wrapping up"
    );
    account.reserve_wrap_up(usd("0.3")).unwrap().settle(usd("0.3"));
    assert!(account.reserve_wrap_up(Usd::from_nanos(1)).is_err());
    assert_eq!(account.check(), Ok(()));
}

#[test]
fn mark_is_reported_once() {
    let account = Account::new(Limit::enforced(usd("10")).named("run").marks([100, 80, 80]));
    let mut marks = Vec::new();
    for _ in 0..12 {
        marks.extend(account.charge(usd("1")).marks);
    }
    let seen: Vec<_> = marks.iter().map(|mark| (mark.percent, mark.spent)).collect();
    assert_eq!(seen, [(80, usd("8")), (100, usd("10"))]);
    assert_eq!(marks[0].to_string(), "`run`: 80 % of $10.00 reached: $8.00 spent");

    let both = Account::new(Limit::enforced(usd("1"))).charge(usd("3")).marks;
    assert_eq!(both.iter().map(|mark| mark.percent).collect::<Vec<_>>(), [80, 100]);
    let nothing = Account::new(Limit::enforced(Usd::ZERO).marks([0, 100]));
    assert!(nothing.charge(Usd::ZERO).marks.is_empty());
    assert_eq!(nothing.charge(Usd::from_nanos(1)).marks.len(), 2);
}

/// Keeps the marks that it is told.
#[derive(Debug, Default)]
struct Heard(Mutex<Vec<String>>);

impl BudgetListener for Heard {
    fn mark_crossed(&self, mark: &BudgetMark) {
        let name = mark.account.as_deref().unwrap_or_default();
        self.0.lock().expect("no listener panics").push(format!("{name} {}", mark.percent));
    }
}

#[test]
fn listener_hears_of_its_account_and_those_below() {
    let top = Arc::new(Heard::default());
    let limit = Limit::enforced(usd("2")).named("company");
    let company = Account::with_listener(limit, top.clone());
    let run = company.child(Limit::enforced(usd("1")).named("run"));

    drop(run.reserve(usd("0.9")).unwrap());
    assert_eq!(*top.0.lock().unwrap(), ["run 80"], "a drop is told, too");
    run.charge(usd("0.8"));
    assert_eq!(*top.0.lock().unwrap(), ["run 80", "run 100", "company 80"]);
}

/// Panics at every mark.
#[derive(Debug)]
struct Panicking;

impl BudgetListener for Panicking {
    fn mark_crossed(&self, _: &BudgetMark) {
        panic!("no");
    }
}

#[test]
fn panic_in_a_listener_affects_no_money_or_listener() {
    let top = Arc::new(Heard::default());
    let company = Account::with_listener(Limit::enforced(usd("9")).named("company"), top.clone());
    let limit = Limit::enforced(usd("1")).named("run");
    let run = company.child_with_listener(limit, Arc::new(Panicking));
    assert_eq!(run.charge(usd("1")).marks.len(), 2);
    assert_eq!((run.balance().spent, company.balance().spent), (usd("1"), usd("1")));
    assert_eq!(*top.0.lock().unwrap(), ["run 80", "run 100"]);

    // A reservation that is dropped while a panic unwinds does not abort the process.
    let held = company.child_with_listener(Limit::enforced(usd("1")), Arc::new(Panicking));
    let unwound = catch_unwind(|| {
        let _held = held.reserve(usd("1")).unwrap();
        panic!("the caller's");
    });
    assert!(unwound.is_err());
    assert_eq!(held.balance().spent, usd("1"));
}

#[test]
fn dropping_a_long_path_does_not_overflow_the_stack() {
    let mut account = Account::new(Limit::enforced(usd("1")));
    for _ in 0..100_000 {
        account = account.child(Limit::enforced(usd("1")));
    }
    account.reserve(usd("0.1")).unwrap().settle(usd("0.1"));
    assert!(format!("{account:?}").contains("accounts_above: 100000"));
    drop(account);
}

#[test]
fn wrap_up_money_of_an_account_above_is_untouched() {
    let above = Account::new(Limit::enforced(usd("3")).wrap_up(usd("1")));
    let below = above.child(Limit::enforced(usd("3")));
    below.reserve_wrap_up(usd("2")).unwrap().settle(usd("2"));
    assert_eq!((below.available(), above.available()), (Usd::ZERO, Usd::ZERO));
    let refused = below.reserve_wrap_up(usd("0.1")).unwrap_err();
    assert_eq!((refused.limit, refused.set_aside), (usd("3"), usd("1")));
    assert!(above.reserve_wrap_up(usd("1")).is_ok());
}

#[test]
fn remainder_lowers_its_wrap_up_amount() {
    let account = Account::new(Limit::enforced(usd("1")));
    let child = account.remainder(Limit::enforced(usd("5")).wrap_up(usd("1.5")));
    assert_eq!(child.limit().wrap_up, usd("0.5"), "half of it may be spent otherwise");
    let recorded = Account::new(Limit::recorded(usd("1")));
    recorded.charge(usd("2"));
    let enforced = recorded.remainder(Limit::enforced(usd("9")));
    assert_eq!(enforced.available(), usd("9"), "a limit that is only watched takes nothing away");
    assert_eq!(recorded.remainder(Limit::recorded(usd("9"))).limit().amount, Usd::ZERO);
}

#[test]
fn reservation_available_includes_the_money_left() {
    let account = Account::new(Limit::enforced(usd("1")));
    let held = account.reserve(usd("0.5")).unwrap();
    assert_eq!(held.available(), usd("1"));
    account.charge(usd("0.7"));
    assert_eq!(held.available(), usd("0.3"), "another call has spent of what it had reserved");

    let account = Account::new(Limit::enforced(usd("1")).wrap_up(usd("0.4")));
    let first = account.reserve(usd("0.1")).unwrap();
    assert_eq!(first.available(), usd("0.6"));
    let last = account.reserve_wrap_up(usd("0.1")).unwrap();
    assert_eq!(last.available(), usd("0.9"));
    let watched = Account::new(Limit::recorded(usd("1")));
    assert_eq!(watched.reserve(Usd::ZERO).unwrap().available(), Usd::MAX);
}

#[test]
fn statement_breaks_spending_down() {
    let company = Account::new(Limit::enforced(usd("5")).named("company"));
    let team = company.child(Limit::recorded(usd("1")));
    let charge = Charge::new(usd("0.3")).model("gpt-5").role("writer");
    team.reserve(usd("0.5")).unwrap().settle(charge);
    let charge = Charge::new(usd("0.2")).model("haiku").role("writer").estimated();
    team.reserve(usd("0.5")).unwrap().settle(charge);
    team.charge(usd("0.1"));
    let _held = team.reserve(usd("0.4")).unwrap();

    let statement = company.statement();
    assert_eq!(statement.by_model["gpt-5"], usd("0.3"));
    assert_eq!(statement.by_role["writer"], usd("0.5"));
    assert_eq!((statement.spent_usd, statement.estimated_usd), (usd("0.6"), usd("0.2")));
    assert_eq!(
        statement.to_string(),
        "company: $4.00 of $5.00 left (enforced), $0.40 reserved, $0.20 of $0.60 spent estimated\n  \
         model (unnamed): $0.10\n  model gpt-5: $0.30\n  model haiku: $0.20\n  \
         role (unnamed): $0.10\n  role writer: $0.50"
    );
    let json = serde_json::to_value(&statement).unwrap();
    assert_eq!(json["remaining_usd"], 4.0);
    assert_eq!(json["by_model"]["haiku"], 0.2);
    assert_eq!(team.statement().by_role["writer"], usd("0.5"), "each account has its own books");
}

#[test]
fn breakdown_is_bounded() {
    let account = Account::new(Limit::recorded(usd("1")));
    for number in 0..2_000 {
        account.charge(Charge::new(Usd::from_nanos(1)).model(&number.to_string()));
    }
    let by_model = account.statement().by_model;
    assert_eq!(by_model.len(), 1_025);
    assert_eq!(by_model["(others)"], Usd::from_nanos(976));
    assert_eq!(by_model.values().sum::<Usd>(), Usd::from_nanos(2_000));
}

#[test]
fn owned_reservation_outlives_its_borrow() {
    let account = Account::new(Limit::enforced(usd("1")));
    let owned = {
        let borrowed = account.reserve(usd("0.5")).unwrap();
        borrowed.into_owned()
    };
    assert_eq!((owned.amount(), account.balance().reserved), (usd("0.5"), usd("0.5")));
    std::thread::spawn(move || owned.settle(usd("0.1"))).join().unwrap();
    assert_eq!(account.balance().left, usd("0.9").into());
}

#[test]
fn huge_amounts_neither_wrap_nor_panic() {
    let account = Account::new(Limit::recorded(usd("1")));
    account.charge(Usd::MAX);
    account.charge(Usd::MAX);
    assert_eq!(account.balance().spent, Usd::MAX);
    assert!(account.reserve(Usd::from_nanos(1)).is_err(), "too much for the type");
    assert!(Account::new(Limit::enforced(Usd::MAX)).reserve(Usd::MAX).is_ok());
}

#[test]
fn correction_gives_back_estimates_on_the_whole_path() {
    let company = Account::new(Limit::enforced(usd("1")).named("company"));
    let team = company.child(Limit::enforced(usd("1")).named("team"));
    let call = |model, cost| Charge::new(usd(cost)).model(model).role("writer");
    team.charge(call("a", "0.2").estimated());
    team.charge(call("b", "0.3").estimated());
    team.charge(call("a", "0.4"));

    assert_eq!(
        team.correct(Charge::new(usd("0.25")).model("a")),
        usd("0.2"),
        "what is exact stays"
    );
    for account in [&team, &company] {
        let statement = account.statement();
        assert_eq!((statement.spent_usd, statement.estimated_usd), (usd("0.7"), usd("0.3")));
        assert_eq!(statement.by_model["a"], usd("0.4"));
        assert_eq!(statement.by_role.values().sum::<Usd>(), statement.spent_usd);
    }
    assert_eq!(team.correct(usd("9")), usd("0.3"));
    assert_eq!(team.correct(usd("9")), Usd::ZERO);
    assert!(!company.statement().by_model.contains_key("b"));
    assert!(company.reserve(usd("0.6")).is_ok());
}

#[test]
fn estimates_expire_if_the_limit_says_so() {
    let hours = |hours: u64| Duration::from_secs(hours * 3_600);
    let company = Account::new(Limit::enforced(usd("1")));
    let team = company.child(Limit::enforced(usd("1")).estimates_expire(hours(1)));
    team.charge(Charge::new(usd("0.5")).estimated());
    team.charge(usd("0.1"));
    assert_eq!(team.expire_estimates(hours(10)), Usd::ZERO, "it is seen now");
    team.charge(Charge::new(usd("0.2")).estimated());
    assert_eq!(team.expire_estimates(hours(11)), usd("0.5"));
    assert_eq!(team.expire_estimates(hours(9)), Usd::ZERO, "a clock that goes back");
    assert_eq!(team.expire_estimates(hours(12)), usd("0.2"));
    assert_eq!(team.balance().spent, usd("0.1"));
    assert_eq!(company.balance().spent, usd("0.8"), "its limit keeps estimates");
}

#[test]
fn estimate_that_has_expired_above_is_not_taken_from_others() {
    let hour = Duration::from_secs(3_600);
    let company = Account::new(Limit::enforced(usd("1")).estimates_expire(hour));
    let (one, two) =
        (company.child(Limit::enforced(usd("1"))), company.child(Limit::enforced(usd("1"))));
    one.charge(Charge::new(usd("0.3")).estimated());
    company.expire_estimates(Duration::ZERO);
    assert_eq!(company.expire_estimates(hour), usd("0.3"));
    two.charge(Charge::new(usd("0.3")).estimated());

    assert_eq!(one.correct(usd("0.3")), usd("0.3"));
    assert_eq!(company.balance().estimated, usd("0.3"), "the other one's call may be billed yet");
    assert_eq!(two.correct(usd("0.3")), usd("0.3"));
    assert_eq!(company.balance().spent, Usd::ZERO);
}

#[test]
fn many_estimates_keep_their_sum() {
    let account = Account::new(Limit::recorded(usd("1")));
    for at in 0..5_000 {
        account.charge(Charge::new(usd("0.001")).model(&format!("m{at}")).estimated());
    }
    assert_eq!(account.correct(Usd::MAX), usd("5"));
    assert_eq!(account.balance().spent, Usd::ZERO);
}

#[test]
fn estimates_that_became_one_are_given_back_to_nobody_else() {
    let hour = Duration::from_secs(3_600);
    let account = Account::new(Limit::recorded(usd("1")).estimates_expire(hour));
    for (model, role, cost) in [("a", "writer", "1"), ("b", "editor", "0.01")] {
        account.charge(Charge::new(usd("0.1")).model(model).role(role));
        for _ in 0..1_500 {
            account.charge(Charge::new(usd(cost)).model(model).role(role).estimated());
            // Each is seen, so that the next one has an entry of its own.
            account.expire_estimates(Duration::ZERO);
        }
        let statement = account.statement();
        assert_eq!(statement.by_model.values().sum::<Usd>(), statement.spent_usd);
        assert_eq!(statement.by_role.values().sum::<Usd>(), statement.spent_usd);
    }
    assert_eq!(account.expire_estimates(hour), usd("1515"));
    let statement = account.statement();
    assert_eq!(statement.spent_usd, usd("0.2"));
    let amounts: Vec<_> = statement.by_model.into_iter().chain(statement.by_role).collect();
    let tenth = |name: &str| (name.into(), usd("0.1"));
    assert_eq!(amounts, [tenth("a"), tenth("b"), tenth("editor"), tenth("writer")]);
}

#[test]
fn what_was_spent_before_is_booked_in_its_own_account_alone() {
    let company = Account::new(Limit::enforced(usd("5")).marks([10]));
    let run = company.child(Limit::enforced(usd("2")).marks([50]));
    run.carry(Charge::new(usd("1.5")).model("m").role("writer"));
    assert_eq!((run.available(), company.balance().spent), (usd("0.5"), Usd::ZERO));
    let statement = run.statement();
    assert_eq!((statement.by_model["m"], statement.by_role["writer"]), (usd("1.5"), usd("1.5")));
    let settled = run.reserve(usd("0.1")).unwrap().settle(usd("0.1"));
    assert!(settled.marks.is_empty(), "a mark below is crossed without a word");
}

//! A tree of accounts, compared with a naive model.

use proptest::prelude::*;
use runtime_usage::{Account, Charge, Limit, Reservation, Usd};

const DEEPEST: usize = 8;

/// An operation on a tree of accounts.
#[derive(Clone, Debug)]
enum Op {
    Child {
        of: prop::sample::Index,
        limit: u64,
        enforced: bool,
    },
    Remainder {
        of: prop::sample::Index,
    },
    Reserve {
        from: prop::sample::Index,
        amount: u64,
        wrapping_up: bool,
    },
    /// Settles a reservation at this percentage of it.
    Settle {
        which: prop::sample::Index,
        percent: u64,
    },
    Release {
        which: prop::sample::Index,
    },
    Drop {
        which: prop::sample::Index,
    },
    /// Gives back this much of the estimates.
    Correct {
        of: prop::sample::Index,
        amount: u64,
    },
}

fn op(most: u64) -> impl Strategy<Value = Op> {
    let index = any::<prop::sample::Index>;
    prop_oneof![
        1 => (index(), 0..400_u64, any::<bool>())
            .prop_map(|(of, limit, enforced)| Op::Child { of, limit, enforced }),
        1 => index().prop_map(|of| Op::Remainder { of }),
        4 => (index(), 0..120_u64, prop::bool::weighted(0.2))
            .prop_map(|(from, amount, wrapping_up)| Op::Reserve { from, amount, wrapping_up }),
        2 => (index(), 0..=most).prop_map(|(which, percent)| Op::Settle { which, percent }),
        1 => index().prop_map(|which| Op::Release { which }),
        1 => index().prop_map(|which| Op::Drop { which }),
        1 => (index(), 0..90_u64).prop_map(|(of, amount)| Op::Correct { of, amount }),
    ]
}

/// An account of the model.
struct Books {
    above: Option<usize>,
    limit: u64,
    set_aside: u64,
    enforced: bool,
    spent: u64,
    reserved: u64,
    /// Of each account below and of itself, the oldest first.
    estimates: Vec<(usize, u64)>,
    beyond: u64,
    marks: usize,
}

struct Model {
    books: Vec<Books>,
}

impl Model {
    fn path(&self, from: usize) -> Vec<usize> {
        let mut path = vec![from];
        while let Some(above) = self.books[path[path.len() - 1]].above {
            path.push(above);
        }
        path
    }

    fn left(&self, account: usize) -> u64 {
        let Books { limit, set_aside, spent, reserved, .. } = self.books[account];
        limit.saturating_sub(set_aside).saturating_sub(spent + reserved)
    }

    fn admits(&self, account: usize, amount: u64, wrapping_up: bool) -> bool {
        let Books { limit, set_aside, enforced, spent, reserved, .. } = self.books[account];
        let cap = if wrapping_up { limit } else { limit.saturating_sub(set_aside) };
        !enforced || spent + reserved + amount <= cap
    }
}

/// Runs the operations on both, and compares every account after every step.
fn run(ops: Vec<Op>) -> Result<Model, TestCaseError> {
    let top = Account::new(Limit::enforced(Usd::from_nanos(500)).wrap_up(Usd::from_nanos(50)));
    let mut accounts = vec![top];
    let mut model = Model { books: vec![books(None, 500, 50, true)] };
    let mut held: Vec<(usize, u64, Reservation<'static>)> = Vec::new();
    for op in ops {
        match op {
            Op::Child { of, limit, enforced } => {
                let of = of.index(accounts.len());
                if model.path(of).len() < DEEPEST {
                    let amount = Usd::from_nanos(limit);
                    let rules =
                        if enforced { Limit::enforced(amount) } else { Limit::recorded(amount) };
                    accounts.push(accounts[of].child(rules));
                    model.books.push(books(Some(of), limit, 0, enforced));
                }
            }
            Op::Remainder { of } => {
                let of = of.index(accounts.len());
                let path = model.path(of);
                let enforced = path.iter().filter(|account| model.books[**account].enforced);
                let left = enforced.map(|account| model.left(*account)).min();
                if model.path(of).len() < DEEPEST {
                    accounts.push(accounts[of].remainder(Limit::enforced(Usd::MAX)));
                    model.books.push(books(Some(of), left.unwrap_or(u64::MAX), 0, true));
                }
            }
            Op::Reserve { from, amount, wrapping_up } => {
                let from = from.index(accounts.len());
                let path = model.path(from);
                let refuser = path.iter().find(|account| {
                    // Only the account itself may use its wrap-up money.
                    !model.admits(**account, amount, wrapping_up && **account == from)
                });
                let nanos = Usd::from_nanos(amount);
                let account = &accounts[from];
                let outcome = if wrapping_up {
                    account.reserve_wrap_up(nanos)
                } else {
                    account.reserve(nanos)
                };
                match (outcome, refuser) {
                    (Ok(reservation), None) => {
                        for account in &path {
                            model.books[*account].reserved += amount;
                        }
                        held.push((from, amount, reservation.into_owned()));
                    }
                    (Err(refusal), Some(refuser)) => {
                        prop_assert_eq!(refusal.limit.nanos(), model.books[*refuser].limit);
                    }
                    (got, refuser) => prop_assert!(false, "{:?} but {:?}", got, refuser),
                }
            }
            Op::Settle { which, percent } if !held.is_empty() => {
                let (from, amount, reservation) = held.swap_remove(which.index(held.len()));
                let cost = amount * percent / 100;
                let marks = reservation.settle(Usd::from_nanos(cost)).marks.len();
                prop_assert_eq!(marks, spend(&mut model, from, amount, cost, false));
            }
            Op::Release { which } if !held.is_empty() => {
                let (from, amount, reservation) = held.swap_remove(which.index(held.len()));
                reservation.release();
                for account in model.path(from) {
                    model.books[account].reserved -= amount;
                }
            }
            Op::Drop { which } if !held.is_empty() => {
                let (from, amount, reservation) = held.swap_remove(which.index(held.len()));
                drop(reservation);
                spend(&mut model, from, amount, amount, true);
            }
            Op::Correct { of, amount } => {
                let of = of.index(accounts.len());
                let given = correct(&mut model, of, amount);
                prop_assert_eq!(accounts[of].correct(Usd::from_nanos(amount)).nanos(), given);
            }
            Op::Settle { .. } | Op::Release { .. } | Op::Drop { .. } => {}
        }
        compare(&model, &accounts)?;
    }
    drop(held);
    Ok(model)
}

fn books(above: Option<usize>, limit: u64, set_aside: u64, enforced: bool) -> Books {
    let (spent, reserved, estimates, beyond, marks) = (0, 0, Vec::new(), 0, 0);
    Books { above, limit, set_aside, enforced, spent, reserved, estimates, beyond, marks }
}

/// Spends on the path, and returns how many marks are crossed.
fn spend(model: &mut Model, from: usize, reserved: u64, cost: u64, estimated: bool) -> usize {
    let mut crossed = 0;
    for account in model.path(from) {
        let books = &mut model.books[account];
        books.reserved -= reserved;
        books.spent += cost;
        books.beyond += cost.saturating_sub(reserved);
        if estimated && cost > 0 {
            match books.estimates.iter_mut().find(|(owner, _)| *owner == from) {
                Some((_, estimate)) => *estimate += cost,
                None => books.estimates.push((from, cost)),
            }
        }
        let behind = behind(books);
        crossed += behind - books.marks;
        books.marks = behind;
    }
    crossed
}

/// Gives back estimates of an account, and the same ones above it. Returns how much it was.
fn correct(model: &mut Model, of: usize, amount: u64) -> u64 {
    let (mut left, mut taken) = (amount, Vec::new());
    for (owner, estimate) in &model.books[of].estimates {
        let part = left.min(*estimate);
        left -= part;
        taken.push((*owner, part));
    }
    for account in model.path(of) {
        let books = &mut model.books[account];
        for (owner, part) in &taken {
            let estimate = books.estimates.iter_mut().find(|(own, _)| own == owner);
            let part = estimate.map_or(0, |(_, estimate)| {
                let part = (*part).min(*estimate);
                *estimate -= part;
                part
            });
            books.spent -= part;
        }
        books.estimates.retain(|(_, estimate)| *estimate > 0);
        books.marks = behind(books);
    }
    amount - left
}

/// How many marks the spent amount has reached.
fn behind(books: &Books) -> usize {
    let (spent, limit) = (u128::from(books.spent), u128::from(books.limit));
    let behind = [80, 100].iter().filter(|percent| 100 * spent >= **percent * limit);
    if spent > 0 { behind.count() } else { 0 }
}

fn compare(model: &Model, accounts: &[Account]) -> Result<(), TestCaseError> {
    for (books, account) in model.books.iter().zip(accounts) {
        let balance = account.balance();
        prop_assert_eq!(balance.spent.nanos(), books.spent);
        prop_assert_eq!(balance.reserved.nanos(), books.reserved);
        let estimated: u64 = books.estimates.iter().map(|(_, estimate)| estimate).sum();
        prop_assert_eq!(balance.estimated.nanos(), estimated);
        let sum = i128::from(books.spent + books.reserved) + balance.left.nanos();
        prop_assert_eq!(sum, i128::from(balance.limit.nanos()), "spent + reserved + left = limit");
        if books.enforced {
            let over = books.spent.saturating_sub(books.limit);
            prop_assert!(over <= books.beyond, "overspent by more than was not reserved");
        }
    }
    Ok(())
}

proptest! {
    #[test]
    fn accounts_agree_with_a_naive_model(ops in prop::collection::vec(op(250), 1..60)) {
        run(ops)?;
    }

    #[test]
    fn limits_hold_if_calls_reserve_their_worst_case(
        ops in prop::collection::vec(op(100), 1..60),
    ) {
        let model = run(ops)?;
        for books in model.books.iter().filter(|books| books.enforced) {
            prop_assert!(books.spent + books.reserved <= books.limit);
        }
    }

    #[test]
    fn charges_sum_to_the_same_in_any_order(
        mut costs in prop::collection::vec((0..3_usize, 0_u64..1_000_000_000), 0..40),
        seed in any::<prop::sample::Index>(),
    ) {
        let total = |costs: &[(usize, u64)]| {
            let account = Account::new(Limit::recorded(Usd::from_dollars(1)));
            for (model, cost) in costs {
                let model = ["a", "b", "c"][*model];
                account.charge(Charge::new(Usd::from_nanos(*cost)).model(model));
            }
            account.statement()
        };
        let forwards = total(&costs);
        if !costs.is_empty() {
            let middle = seed.index(costs.len());
            costs.rotate_left(middle);
        }
        costs.reverse();
        prop_assert_eq!(&forwards, &total(&costs));
        prop_assert_eq!(forwards.by_model.values().sum::<Usd>(), forwards.spent_usd);
    }

    #[test]
    fn printed_parts_of_a_statement_add_up_to_printed_sums(
        charges in prop::collection::vec((0..4_usize, 0..3_usize, 1_u64..3_000_000_000), 1..20),
        reserved in 1_u64..1_000_000_000,
        limit in 1_u64..40_000_000_000,
    ) {
        let account = Account::new(Limit::recorded(Usd::from_nanos(limit)));
        for (model, role, cost) in charges {
            let (model, role) = (["", "a", "b", "c"][model], ["", "x", "y"][role]);
            let charge = Charge::new(Usd::from_nanos(cost)).model(model).role(role);
            account.charge(if cost % 2 == 0 { charge } else { charge.estimated() });
        }
        account.charge(Charge::new(Usd::from_nanos(1)).model("a").role("x").estimated());
        let _held = account.reserve(Usd::from_nanos(reserved));

        let text = account.statement().to_string();
        let headline = text.lines().next().unwrap_or_default();
        let after = |text: &str, word: &str| -> i128 {
            let printed = text.split(word).next().and_then(|text| text.split(' ').next_back());
            let digits = printed.unwrap_or_default().replace(['$', ','], "");
            let (dollars, rest) = digits.split_once('.').expect("it has cents");
            let sign = if dollars.starts_with('-') { -1 } else { 1 };
            let whole: i128 = dollars.trim_start_matches('-').parse().expect("dollars");
            sign * (whole * 1_000_000_000 + format!("{rest:0<9}").parse::<i128>().expect("digits"))
        };
        let [left, limit] = [" of", " left"].map(|word| after(headline, word));
        let [held, spent] = [" reserved", " spent"].map(|word| after(headline, word));
        prop_assert_eq!(left + held + spent, limit, "{}", text);
        for kind in ["  model ", "  role "] {
            let parts = text.lines().filter(|line| line.starts_with(kind));
            let sum: i128 = parts.map(|line| after(line, "\n")).sum();
            prop_assert_eq!(sum, spent, "{}", text);
        }
    }
}

//! What turns are generic over, and nobody else may implement.

use super::{
    Guarded, Limits, ReportedUsage, Serialize, Timed, Timeout, Unguarded, Unread, Untimed,
    UsageFrom, UsageSnapshot, Value,
};

#[expect(unnameable_types, reason = "that is what seals it")]
pub trait Timing {
    #[expect(private_interfaces, reason = "sealed: nobody else calls it")]
    fn limits(&self) -> Option<&Limits>;

    fn timeout(&self) -> Option<&Timeout> {
        self.limits()?.attempt.as_ref()
    }
}

impl Timing for Untimed {
    #[expect(private_interfaces, reason = "sealed: nobody else calls it")]
    fn limits(&self) -> Option<&Limits> {
        None
    }
}

impl Timing for Timed {
    #[expect(private_interfaces, reason = "sealed: nobody else calls it")]
    fn limits(&self) -> Option<&Limits> {
        Some(&self.0)
    }
}

#[expect(unnameable_types, reason = "that is what seals it")]
pub trait Reading<T> {
    /// `None` where nobody reads it.
    fn usage(self, answer: &T) -> Option<ReportedUsage>;
}

impl<T> Reading<T> for Unread {
    fn usage(self, _answer: &T) -> Option<ReportedUsage> {
        None
    }
}

impl<T> Reading<T> for UsageSnapshot {
    fn usage(self, _answer: &T) -> Option<ReportedUsage> {
        Some(self.into())
    }
}

impl<T, U: Into<ReportedUsage>, F: FnOnce(&T) -> U> Reading<T> for UsageFrom<F> {
    fn usage(self, answer: &T) -> Option<ReportedUsage> {
        Some((self.0)(answer).into())
    }
}

#[expect(unnameable_types, reason = "that is what seals it")]
pub trait Prompt {
    fn input(&self) -> Option<&Value>;
}

impl Prompt for Unguarded {
    fn input(&self) -> Option<&Value> {
        None
    }
}

impl Prompt for Guarded {
    fn input(&self) -> Option<&Value> {
        Some(&self.0)
    }
}

#[expect(unnameable_types, reason = "that is what seals it")]
pub trait Shown<T>: Prompt {
    fn output(&self, answer: &T) -> Option<Result<Value, serde_json::Error>>;
}

impl<T> Shown<T> for Unguarded {
    fn output(&self, _answer: &T) -> Option<Result<Value, serde_json::Error>> {
        None
    }
}

impl<T: Serialize> Shown<T> for Guarded {
    fn output(&self, answer: &T) -> Option<Result<Value, serde_json::Error>> {
        Some(serde_json::to_value(answer))
    }
}

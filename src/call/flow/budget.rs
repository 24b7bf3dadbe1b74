//! `--budget`: money is reserved before a call is sent and settled when it is answered, so that
//! the budget is never passed, whatever is in flight.

use crate::call::{CallError, Fatal};
use crate::record::NanoUsd;
use parking_lot::{Mutex, MutexGuard};
use std::sync::Arc;
use tokio::sync::Notify;

#[derive(Debug, Default)]
struct Account {
    spent: u64,
    reserved: u64,
}

/// What a process may spend: `most` in all, of which `spent` went before it began.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Allowance {
    pub most: NanoUsd,
    pub spent: NanoUsd,
}

/// A run's purse; shared by all roles.
#[derive(Debug)]
pub struct Budget {
    most: NanoUsd,
    account: Mutex<Account>,
    settled: Notify,
}

/// Money set aside for one try; given back when dropped unsettled.
#[derive(Debug)]
pub struct Reservation {
    budget: Arc<Budget>,
    amount: u64,
}

impl Budget {
    pub fn new(Allowance { most, spent }: Allowance) -> Arc<Budget> {
        let account = Account { spent: spent.0, reserved: 0 };
        Arc::new(Budget { most, account: Mutex::new(account), settled: Notify::new() })
    }

    /// Sets `amount` aside; waits while calls in flight may still give some back.
    pub async fn reserve(self: &Arc<Budget>, amount: NanoUsd) -> Result<Reservation, CallError> {
        loop {
            let settled = self.settled.notified();
            tokio::pin!(settled);
            settled.as_mut().enable();
            {
                let mut account = self.lock();
                let taken = account.spent.saturating_add(account.reserved);
                if taken.saturating_add(amount.0) <= self.most.0 {
                    account.reserved += amount.0;
                    return Ok(Reservation { budget: self.clone(), amount: amount.0 });
                }
                if account.reserved == 0 {
                    return Err(self.spent(account.spent, amount));
                }
            }
            settled.await;
        }
    }

    fn spent(&self, spent: u64, amount: NanoUsd) -> CallError {
        CallError::Fatal {
            kind: Fatal::Money,
            what: format!(
                "the next call may cost ${:.4}, and of a budget of ${:.4}, ${:.4} are spent",
                amount.usd(),
                self.most.usd(),
                NanoUsd(spent).usd()
            ),
        }
    }

    fn lock(&self) -> MutexGuard<'_, Account> {
        self.account.lock()
    }
}

impl Reservation {
    /// The try cost `cost`.
    pub fn settle(self, cost: NanoUsd) {
        self.budget.lock().spent += cost.0;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        self.budget.lock().reserved -= self.amount;
        self.budget.settled.notify_waiters();
    }
}

//! HTTP dates (`Sun, 06 Nov 1994 08:49:37 GMT`), for `Retry-After`; and when a day ends in California,
//! for Google's daily quotas.

use std::time::Duration;

/// Unix milliseconds of an IMF-fixdate; None for anything else (the obsolete forms are not read).
pub fn http_date_ms(text: &str) -> Option<u64> {
    let mut words = text.split_once(", ")?.1.split(' ');
    let day: i64 = words.next()?.parse().ok()?;
    let months =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let name = words.next()?;
    let month = months.iter().position(|m| *m == name)? as i64 + 1;
    let year: i64 = words.next()?.parse().ok()?;
    let mut clock = words.next()?.split(':').map(|n| n.parse::<i64>().ok());
    let (hour, minute, second) = (clock.next()??, clock.next()??, clock.next()??);
    if !(1..=31).contains(&day) || !(1970..=9999).contains(&year) || hour > 23 || minute > 59 {
        return None;
    }
    let seconds = days(year, month, day) * DAY + hour * 3_600 + minute * 60 + second;
    u64::try_from(seconds * 1_000).ok()
}

const DAY: i64 = 86_400;

/// Days since 1970 of a proleptic Gregorian date: years start in March.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let (y, m) = if month <= 2 { (year - 1, month + 9) } else { (year, month - 3) };
    365 * y + y / 4 - y / 100 + y / 400 + (m * 153 + 2) / 5 + day - 1 - 719_468
}

/// From `now_ms` (Unix milliseconds) to the next midnight in Pacific time. On the two days a year on
/// which the clock changes it may be an hour off.
pub fn until_pacific_midnight(now_ms: u64) -> Duration {
    let now = (now_ms / 1_000) as i64;
    let year = 1970 + (now as f64 / (365.2425 * DAY as f64)) as i64;
    // 1970-01-01 was a Thursday, the fifth day of a week that starts on Sunday.
    let sunday = |from: i64| from + (7 - (from + 4).rem_euclid(7)) % 7;
    let (spring, autumn) = (sunday(days(year, 3, 8)), sunday(days(year, 11, 1)));
    let summer = (spring * DAY + 10 * 3_600..autumn * DAY + 9 * 3_600).contains(&now);
    let local = now - if summer { 7 } else { 8 } * 3_600;
    Duration::from_secs((DAY - local.rem_euclid(DAY)) as u64)
}

#[cfg(test)]
mod tests {
    use super::{http_date_ms, until_pacific_midnight};
    use std::time::Duration;

    #[test]
    fn known_dates() {
        assert_eq!(http_date_ms("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777_000));
        assert_eq!(http_date_ms("Thu, 29 Feb 2024 00:00:00 GMT"), Some(1_709_164_800_000));
        assert_eq!(http_date_ms("tomorrow"), None);
    }

    #[test]
    fn a_day_in_california_ends_at_7_or_8_utc() {
        let left = |date| until_pacific_midnight(http_date_ms(date).expect("a date"));
        let hours = |n: u64| Duration::from_secs(n * 3_600);
        assert_eq!(left("Thu, 01 Jan 2026 00:00:00 GMT"), hours(8));
        assert_eq!(left("Wed, 01 Jul 2026 08:00:00 GMT"), hours(23));
        // The clock went forward on 8 March 2026 and goes back on 1 November.
        assert_eq!(left("Sun, 08 Mar 2026 09:00:00 GMT"), hours(23));
        assert_eq!(left("Mon, 09 Mar 2026 06:00:00 GMT"), hours(1));
        assert_eq!(left("Sun, 01 Nov 2026 06:00:00 GMT"), hours(1));
        assert_eq!(left("Mon, 02 Nov 2026 06:00:00 GMT"), hours(2));
    }
}

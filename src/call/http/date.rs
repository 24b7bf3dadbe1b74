//! HTTP dates (`Sun, 06 Nov 1994 08:49:37 GMT`), for `Retry-After`; and when a day ends in California,
//! for Google's daily quotas.

use chrono::{Datelike, NaiveDate, Weekday};
use std::time::{Duration, SystemTime};

/// Unix milliseconds of a date in one of HTTP's three forms, from 1970 on; None for anything else.
pub fn http_date_ms(text: &str) -> Option<u64> {
    let at = httpdate::parse_http_date(text).ok()?;
    u64::try_from(at.duration_since(SystemTime::UNIX_EPOCH).ok()?.as_millis()).ok()
}

const DAY: i64 = 86_400;

/// From `now_ms` (Unix milliseconds) to the next midnight in Pacific time. On the two days a year on
/// which the clock changes it may be an hour off.
pub fn until_pacific_midnight(now_ms: u64) -> Duration {
    let now = (now_ms / 1_000) as i64;
    let left = DAY - (now + pacific_offset(now)).rem_euclid(DAY);
    Duration::from_secs(left as u64)
}

/// Seconds that California's clock is ahead of UTC (below zero) at a Unix time in seconds. Summer
/// time starts on the second Sunday of March at 10:00 UTC and ends on the first of November at 9:00.
fn pacific_offset(now: i64) -> i64 {
    let year = chrono::DateTime::from_timestamp(now, 0).map_or(1970, |at| at.year());
    let sunday = |month, nth, hour| {
        NaiveDate::from_weekday_of_month_opt(year, month, Weekday::Sun, nth)
            .and_then(|day| day.and_hms_opt(hour, 0, 0))
            .map_or(0, |at| at.and_utc().timestamp())
    };
    let summer = (sunday(3, 2, 10)..sunday(11, 1, 9)).contains(&now);
    -3_600 * if summer { 7 } else { 8 }
}

#[cfg(test)]
mod tests {
    use super::{http_date_ms, until_pacific_midnight};
    use std::time::Duration;

    #[test]
    fn known_dates() {
        assert_eq!(http_date_ms("Sun, 06 Nov 1994 08:49:37 GMT"), Some(784_111_777_000));
        assert_eq!(http_date_ms("Thu, 29 Feb 2024 00:00:00 GMT"), Some(1_709_164_800_000));
        assert_eq!(http_date_ms("Sunday, 06-Nov-94 08:49:37 GMT"), Some(784_111_777_000));
        assert_eq!(http_date_ms("Fri, 30 Feb 2024 00:00:00 GMT"), None);
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

//! Points in time as Celery writes and reads them: ISO 8601.

use std::fmt;
use std::time::Duration;
use std::time::SystemTime;
use std::time::UNIX_EPOCH;

const SECOND: i64 = 1_000_000;
const DAY: i64 = 86_400 * SECOND;

/// A point in time, in microseconds since 1970, in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Timestamp(i64);

impl Timestamp {
    pub(crate) fn now() -> Self {
        Self::from(SystemTime::now())
    }

    /// Reads a date and a time, with a fraction of any length, with `Z`, an offset, or nothing, which is UTC. `None` where the
    /// text is none of these.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let (date, rest) = text.split_at_checked(10)?;
        let rest = rest.strip_prefix(['T', ' ', 't'])?;
        let [year, month, day] = numbers(date, '-')?;
        let start = rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len());
        let (clock, zone) = rest.split_at(start);
        let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
        let [hour, minute, second] = match clock.len() {
            5 => {
                let [hour, minute] = numbers(clock, ':')?;
                [hour, minute, 0]
            }
            _ => numbers(clock, ':')?,
        };
        let valid = year <= LAST_YEAR
            && (1..=12).contains(&month)
            && (1..=days_in(year, month)).contains(&day)
            && (0..24).contains(&hour)
            && (0..60).contains(&minute)
            && (0..=60).contains(&second);
        if !valid {
            return None;
        }
        let seconds = hour * 3600 + minute * 60 + second - offset(zone)?;
        Some(Self(days_since_1970(year, month, day) * DAY + seconds * SECOND + micros(fraction)?))
    }

    /// Returns the time left until this point; zero for a point in the past.
    pub(crate) fn remaining(self) -> Duration {
        Duration::from_micros(u64::try_from(self.0.saturating_sub(Self::now().0)).unwrap_or(0))
    }

    pub(crate) fn is_past(self) -> bool {
        self <= Self::now()
    }

    pub(crate) fn after(duration: Duration) -> Self {
        let micros = i64::try_from(duration.as_micros()).unwrap_or(i64::MAX);
        Self(Self::now().0.saturating_add(micros).min(LAST))
    }
}

impl From<SystemTime> for Timestamp {
    fn from(time: SystemTime) -> Self {
        let micros = match time.duration_since(UNIX_EPOCH) {
            Ok(after) => i64::try_from(after.as_micros()).unwrap_or(LAST),
            Err(before) => i64::try_from(before.duration().as_micros()).map_or(0, |micros| -micros),
        };
        Self(micros.min(LAST))
    }
}

/// Years of more digits have no microseconds in 64 bits.
const LAST_YEAR: i64 = 9999;

/// The last microsecond that four digits of a year can say.
const LAST: i64 = 253_402_300_800 * SECOND - 1;

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = date_of(self.0.div_euclid(DAY));
        let micros = self.0.rem_euclid(DAY);
        let (seconds, fraction) = (micros / SECOND, micros % SECOND);
        let (hour, minute, second) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
        write!(f, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{fraction:06}+00:00")
    }
}

/// Reads exactly `N` groups of digits.
fn numbers<const N: usize>(text: &str, separator: char) -> Option<[i64; N]> {
    let mut parts = text.split(separator);
    let mut numbers = [0; N];
    for number in &mut numbers {
        *number = digits(parts.next()?)?;
    }
    parts.next().is_none().then_some(numbers)
}

fn digits(text: &str) -> Option<i64> {
    let all = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    all.then(|| text.parse().ok())?
}

fn micros(fraction: &str) -> Option<i64> {
    if fraction.is_empty() {
        return Some(0);
    }
    digits(fraction)?;
    digits(&format!("{fraction:0<6}")[..6])
}

/// Returns the seconds that a zone is ahead of UTC.
fn offset(zone: &str) -> Option<i64> {
    let sign = match zone.chars().next() {
        None | Some('Z' | 'z') => return (zone.len() < 2).then_some(0),
        Some('+') => 1,
        _ => -1,
    };
    let zone = &zone[1..];
    let (hours, minutes) = match zone.len() {
        2 => (digits(zone)?, 0),
        4 => (digits(zone.get(..2)?)?, digits(zone.get(2..)?)?),
        5 => {
            let [hours, minutes] = numbers(zone, ':')?;
            (hours, minutes)
        }
        _ => return None,
    };
    (hours < 24 && minutes < 60).then_some(sign * (hours * 3600 + minutes * 60))
}

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// The days before the year in the calendar that is counted from the year 0.
fn days_before(year: i64) -> i64 {
    let past = year - 1;
    year * 365 + past.div_euclid(4) - past.div_euclid(100) + past.div_euclid(400) + 1
}

fn days_since_1970(year: i64, month: i64, day: i64) -> i64 {
    let months: i64 = (1..month).map(|month| days_in(year, month)).sum();
    days_before(year) - days_before(1970) + months + day - 1
}

fn date_of(days: i64) -> (i64, i64, i64) {
    let absolute = days + days_before(1970);
    let mut year = absolute * 400 / 146_097;
    while days_before(year + 1) <= absolute {
        year += 1;
    }
    while days_before(year) > absolute {
        year -= 1;
    }
    let mut day = absolute - days_before(year);
    let mut month = 1;
    while day >= days_in(year, month) {
        day -= days_in(year, month);
        month += 1;
    }
    (year, month, day + 1)
}

#[cfg(test)]
mod tests {
    use crate::wire::time::LAST;
    use crate::wire::time::Timestamp;

    #[test]
    fn every_form_of_a_time_is_read() {
        let noon = Timestamp(1_700_000_000_000_000);
        for text in [
            "2023-11-14T22:13:20+00:00",
            "2023-11-14T22:13:20.000000+00:00",
            "2023-11-14T22:13:20Z",
            "2023-11-14T22:13:20.000Z",
            "2023-11-14T22:13:20",
            "2023-11-14 22:13:20.0",
            "2023-11-15T00:13:20+02:00",
            "2023-11-15T00:13:20+0200",
            "2023-11-15T00:13:20+02",
            "2023-11-14T16:43:20.000000-05:30",
        ] {
            assert_eq!(Timestamp::parse(text), Some(noon), "{text}");
        }
        assert_eq!(noon.to_string(), "2023-11-14T22:13:20.000000+00:00");
    }

    #[test]
    fn what_is_no_time_is_refused() {
        for text in [
            "",
            "soon",
            "2023-11-14",
            "2023-13-14T00:00:00",
            "2023-02-29T00:00:00",
            "2023-11-14T24:00:00",
            "2023-11-14T22:13:20+2",
            "2023-11-14T22:13:20.x",
            "é023-11-14T22:13:20",
            "999999-1-1T00:00:00",
        ] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }

    #[test]
    fn a_time_comes_back_as_it_was_written() {
        for micros in (-70_000_000..250_000_000).step_by(99_991).map(|kiloseconds: i64| kiloseconds * 1_000_000_007) {
            let time = Timestamp(micros.min(LAST));
            if micros > -60_000_000_000_000_000 {
                assert_eq!(Timestamp::parse(&time.to_string()), Some(time), "{time}");
            }
        }
    }
}

//! The axis of a histogram: bins of a round width, and labels that a person expects. `collect`
//! sorts values into its bins; `text` and `svg` write its labels. It knows no table and no drawing.

use drystone::{Date, Timestamp, Type, Value};

/// What the numbers on an axis mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Whole,
    Real,
    /// Days since 1970.
    Date,
    /// Seconds since 1970.
    Time,
}

const DAY: f64 = 86_400.0;
/// The first Monday of 1970, 5 January: weeks begin on Mondays.
const MONDAY: f64 = 4.0;
const DAYS: [f64; 10] = [1.0, 2.0, 7.0, 14.0, 28.0, 91.0, 182.0, 364.0, 728.0, 1820.0];
const SECONDS: [f64; 15] = [
    1.0, 2.0, 5.0, 10.0, 15.0, 30.0, 60.0, 120.0, 300.0, 900.0, 1800.0, 3600.0, 10_800.0, 21_600.0, 43_200.0,
];

impl Kind {
    /// The kind of a type. `None`: its values are drawn as names.
    pub(super) fn of(ty: &Type) -> Option<Kind> {
        match ty {
            Type::F32 | Type::F64 => Some(Kind::Real),
            Type::Date => Some(Kind::Date),
            Type::Timestamp => Some(Kind::Time),
            _ if ty.is_number() => Some(Kind::Whole),
            _ => None,
        }
    }

    /// The position of a value on the axis. `None` for null and NaN.
    pub(super) fn place(value: &Value<'_>) -> Option<f64> {
        let place = match value {
            Value::Unsigned(number) => *number as f64,
            Value::Signed(number) => *number as f64,
            Value::F32(number) => (*number).into(),
            Value::F64(number) => *number,
            Value::Date(date) => date.days().into(),
            Value::Timestamp(time) => time.micros() as f64 / 1e6,
            _ => return None,
        };
        place.is_finite().then_some(place)
    }

    /// Widths of bins that a person expects, from the smallest.
    fn widths(self) -> Box<dyn Iterator<Item = f64>> {
        let decimals = |from: i32| {
            (from..308).flat_map(move |power| [1.0, 2.0, 5.0].map(|digit| digit * 10_f64.powi(power)))
        };
        let days = || DAYS.into_iter().chain((0..5).map(|power| 3640.0 * 10_f64.powi(power)));
        match self {
            Kind::Whole => Box::new(decimals(0)),
            Kind::Real => Box::new(decimals(-300)),
            Kind::Date => Box::new(days()),
            Kind::Time => Box::new(
                decimals(-6)
                    .take_while(|width| *width < 1.0)
                    .chain(SECONDS)
                    .chain(days().map(|days| days * DAY)),
            ),
        }
    }

    /// The edge from which bins of this width are counted.
    fn origin(self, width: f64) -> f64 {
        match self {
            Kind::Date if width >= 7.0 => MONDAY,
            Kind::Time if width >= 7.0 * DAY => MONDAY * DAY,
            _ => 0.0,
        }
    }

    /// A value that stands alone, in full.
    pub(super) fn exact(self, value: f64) -> String {
        match self {
            // A value that came from an f32 has fewer digits.
            Kind::Real if f64::from(value as f32) == value => real(value as f32),
            Kind::Real => real(value),
            Kind::Time => Timestamp::from_micros((value * 1e6).round() as i64).to_string(),
            _ => self.label(value, 1.0),
        }
    }

    /// A value beside others that are `step` apart, as short as that allows.
    pub(super) fn label(self, value: f64, step: f64) -> String {
        match self {
            Kind::Whole if value.abs() < 1e15 => grouped(value as i64),
            Kind::Whole | Kind::Real => number(value, step),
            Kind::Date => Date::from_days(value as i32).to_string(),
            Kind::Time => {
                let text = Timestamp::from_micros((value * 1e6).round() as i64).to_string();
                let (date, time) = text.split_once('T').unwrap_or((&text, ""));
                let time = time.trim_end_matches('Z');
                let minutes = time.rsplit_once(':').map_or(time, |(minutes, _)| minutes);
                if step >= DAY {
                    date.to_owned()
                } else if step >= 60.0 {
                    format!("{} {minutes}", date.get(date.len() - 5..).unwrap_or(date))
                } else {
                    time.to_owned()
                }
            }
        }
    }
}

/// In full, or with a power of ten if that is much shorter.
fn real<F: std::fmt::Display + std::fmt::LowerExp + Into<f64> + Copy>(value: F) -> String {
    let size = value.into().abs();
    if size == 0.0 || (1e-6..1e15).contains(&size) { value.to_string() } else { format!("{value:e}") }
}

/// With commas between thousands.
fn grouped(value: i64) -> String {
    let sign = if value < 0 { "-" } else { "" };
    format!("{sign}{}", indicatif::HumanCount(value.unsigned_abs()))
}

/// With as many digits as it takes to tell neighbours apart.
fn number(value: f64, step: f64) -> String {
    if value != 0.0 && !(1e-6..1e15).contains(&value.abs()) {
        let text = format!("{value:.3e}");
        let (digits, power) = text.split_once('e').unwrap_or((&text, "0"));
        return format!("{}e{power}", digits.trim_end_matches('0').trim_end_matches('.'));
    }
    let digits = (-step.log10()).ceil().clamp(0.0, 12.0) as usize;
    let text = format!("{value:.digits$}");
    // Not -0.
    if text.trim_start_matches(['-', '0', '.']).is_empty() { text.replace('-', "") } else { text }
}

/// A round number, whatever its size.
fn number_in_short(value: f64) -> String {
    if (1.0..1e15).contains(&value) && value.fract() == 0.0 {
        grouped(value as i64)
    } else {
        // Powers of ten are not exact below one: 0.30000000000000004 is 0.3.
        let digits = format!("{value:.3e}");
        let (digits, power) = digits.split_once('e').unwrap_or((&digits, "0"));
        let short: f64 = format!("{digits}e{power}").parse().unwrap_or(value);
        if (1e-6..1e15).contains(&short) { short.to_string() } else { format!("{short:e}") }
    }
}

/// Bins side by side.
#[derive(Clone, Copy, Debug)]
pub(super) struct Axis {
    pub(super) kind: Kind,
    start: f64,
    pub(super) width: f64,
    pub(super) bins: usize,
}

impl Axis {
    /// At most this many bins, which hold all values from the lowest to the highest.
    pub(super) fn new(kind: Kind, low: f64, high: f64, most: usize) -> Axis {
        let most = most.max(1) as f64;
        let fit = |width: f64| {
            let origin = kind.origin(width);
            let start = ((low - origin) / width).floor() * width + origin;
            let bins = ((high - start) / width).floor() + 1.0;
            (bins <= most && start + width > start).then_some(Axis {
                kind,
                start,
                width,
                bins: bins as usize,
            })
        };
        // If no round width is wide enough, all values share one bin.
        let one = Axis { kind, start: low, width: (high - low).max(1.0), bins: 1 };
        kind.widths().find_map(fit).unwrap_or(one)
    }

    /// A number with a hundredth of the width of a bin as its precision.
    pub(super) fn fine(&self, value: f64) -> String {
        number(value, self.width / 100.0)
    }

    /// The width of a bin, in words.
    pub(super) fn step(&self) -> String {
        let count = |number: f64, unit: &str| {
            let plural = if number == 1.0 { "" } else { "s" };
            format!("{} {unit}{plural}", number_in_short(number))
        };
        match self.kind {
            Kind::Whole | Kind::Real => number_in_short(self.width),
            Kind::Date => count(self.width, "day"),
            Kind::Time if self.width >= DAY => count(self.width / DAY, "day"),
            Kind::Time if self.width >= 3600.0 => count(self.width / 3600.0, "hour"),
            Kind::Time if self.width >= 60.0 => count(self.width / 60.0, "minute"),
            Kind::Time => count(self.width, "second"),
        }
    }

    /// The bin of a value.
    pub(super) fn bin(&self, value: f64) -> Result<usize, Outside> {
        let at = ((value - self.start) / self.width).floor();
        match at {
            _ if at < 0.0 => Err(Outside::Below),
            _ if at >= self.bins as f64 => Err(Outside::Above),
            _ => Ok(at as usize),
        }
    }

    /// The lower edge of a bin.
    pub(super) fn edge(&self, bin: usize) -> f64 {
        self.start + bin as f64 * self.width
    }

    /// The bins whose edges get a label, with the labels. `bins_of` returns how many bins a label
    /// is wide.
    pub(super) fn ticks(&self, bins_of: impl Fn(&str) -> usize) -> Vec<(usize, String)> {
        let origin = self.kind.origin(self.width);
        for every in self.kind.widths().filter(|width| *width >= self.width) {
            let every_bins = every / self.width;
            if (every_bins - every_bins.round()).abs() > 1e-6 {
                continue;
            }
            let is_round = |bin: &usize| {
                let steps = (self.edge(*bin) - origin) / every;
                (steps - steps.round()).abs() < 1e-6
            };
            let ticks: Vec<(usize, String)> = (0..self.bins)
                .filter(is_round)
                .map(|bin| (bin, self.kind.label(self.edge(bin), every)))
                .collect();
            let widest = ticks.iter().map(|(_, label)| bins_of(label)).max().unwrap_or(0);
            if widest <= every_bins.round() as usize || ticks.len() == 1 {
                return ticks;
            }
            if ticks.is_empty() {
                break;
            }
        }
        vec![(0, self.kind.label(self.edge(0), self.width))]
    }
}

/// Where a value is that is not on the axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Outside {
    Below,
    Above,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bins_have_round_widths_and_hold_all_values() {
        let axis = Axis::new(Kind::Whole, -43.0, 191.0, 60);
        assert_eq!((axis.edge(0), axis.width, axis.bins), (-45.0, 5.0, 48));
        assert_eq!((axis.bin(-43.0), axis.bin(191.0)), (Ok(0), Ok(47)));
        assert_eq!((axis.bin(-45.1), axis.bin(195.0)), (Err(Outside::Below), Err(Outside::Above)));
        let axis = Axis::new(Kind::Real, 0.013, 0.0171, 10);
        assert!((axis.width - 0.0005).abs() < 1e-12 && axis.bins <= 10, "{axis:?}");
        for (low, high) in [(0.0, 0.0), (-1e300, 1e300), (5e-324, 5e-324), (1e18, 1e18 + 1024.0)] {
            for kind in [Kind::Whole, Kind::Real, Kind::Time, Kind::Date] {
                let axis = Axis::new(kind, low, high, 20);
                assert!((1..=20).contains(&axis.bins), "{axis:?}");
                assert!(!axis.ticks(|_| 3).is_empty());
            }
        }
    }

    #[test]
    fn labels_are_round_numbers_and_dates_that_do_not_touch() {
        let axis = Axis::new(Kind::Whole, -43.0, 191.0, 60);
        let ticks = axis.ticks(|label| label.len() + 1);
        let labels: Vec<&str> = ticks.iter().map(|(_, label)| label.as_str()).collect();
        assert_eq!(labels, ["-40", "-20", "0", "20", "40", "60", "80", "100", "120", "140", "160", "180"]);
        assert_eq!(ticks[2].0, 9);

        let day = |text: &str| f64::from(text.parse::<Date>().unwrap().days());
        let axis = Axis::new(Kind::Date, day("2013-01-01"), day("2013-12-31"), 60);
        assert_eq!((axis.width, axis.kind.label(axis.edge(0), axis.width)), (7.0, "2012-12-31".to_owned()));
        let ticks = axis.ticks(|_| 12);
        assert!(ticks.len() >= 3 && ticks.windows(2).all(|pair| pair[1].0 - pair[0].0 >= 12), "{ticks:?}");

        let time = "2013-07-04T12:00:00Z".parse::<Timestamp>().unwrap().micros() as f64 / 1e6;
        assert_eq!(Kind::Time.label(time, 7.0 * DAY), "2013-07-04");
        assert_eq!(Kind::Time.label(time, 3600.0), "07-04 12:00");
        assert_eq!(Kind::Time.label(time, 5.0), "12:00:00");
        let step = |kind, high| Axis::new(kind, 0.0, high, 10).step();
        assert_eq!((step(Kind::Whole, 9.0), step(Kind::Whole, 19_999.0)), ("1".into(), "2,000".into()));
        assert_eq!((step(Kind::Real, 0.9), step(Kind::Real, 1e-9)), ("0.1".into(), "2e-10".into()));
        assert_eq!((step(Kind::Date, 9.0), step(Kind::Date, 60.0)), ("1 day".into(), "7 days".into()));
        assert_eq!(
            (step(Kind::Time, 9.0), step(Kind::Time, 86_400.0)),
            ("1 second".into(), "3 hours".into())
        );
        assert_eq!(
            (step(Kind::Time, 500.0), step(Kind::Time, 9.0 * DAY)),
            ("1 minute".into(), "1 day".into())
        );
        assert_eq!(
            (Kind::Whole.label(1e18, 1e18), Kind::Real.label(-2.5e-7, 5e-8)),
            ("1e18".into(), "-2.5e-7".into())
        );
        assert_eq!((Kind::Real.exact(0.1_f32.into()), Kind::Real.exact(0.1)), ("0.1".into(), "0.1".into()));
        assert_eq!((Kind::Real.exact(1e300), Kind::Real.exact(0.0)), ("1e300".into(), "0".into()));
        assert_eq!(Kind::Real.label(-0.0001, 0.1), "0.0");
        assert_eq!(Kind::Whole.label(-1_234_567.0, 1.0), "-1,234,567");
    }
}

//! Quartiles of what was measured, and what they say about a bar.

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Held,
    /// The goal is not reached, and the README says why. What was reached is held.
    Answered,
    /// The median is over the bar, the lower quartile is not.
    Close,
    Missed,
}

impl Verdict {
    pub(crate) fn of(ratios: &Quartiles, bar: f64) -> Self {
        match () {
            () if ratios.median <= bar => Self::Held,
            () if ratios.first <= bar => Self::Close,
            () => Self::Missed,
        }
    }

    /// The verdict on a goal that the README answers, and on what was reached.
    pub(crate) fn answered(ratios: &Quartiles, goal: f64, at_most: f64) -> Self {
        match (Self::of(ratios, goal), Self::of(ratios, at_most)) {
            (Self::Missed, Self::Held | Self::Close) => Self::Answered,
            (verdict, _) => verdict,
        }
    }

    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::Answered => "answered",
            Self::Close => "close",
            Self::Missed => "MISSED",
        }
    }
}

#[derive(Clone, Copy)]
pub(crate) struct Quartiles {
    pub(crate) first: f64,
    pub(crate) median: f64,
    pub(crate) third: f64,
}

impl Quartiles {
    pub(crate) fn of(mut values: Vec<f64>) -> Self {
        values.sort_by(f64::total_cmp);
        let at = |quarter: usize| {
            let place = (values.len() - 1) * quarter;
            let (below, rest) = (values[place / 4], place % 4);
            let above = values[(place / 4 + 1).min(values.len() - 1)];
            [below, below * 0.75 + above * 0.25, f64::midpoint(below, above), below * 0.25 + above * 0.75][rest]
        };
        Self { first: at(1), median: at(2), third: at(3) }
    }
}

//! What happens in a run: a plan drawn from a seed, as data.

use std::time::Duration;

use pocketping_mock_server::{Contract, Fault, HttpFault, SocketFault};

/// splitmix64: small, seeded, the same everywhere.
#[derive(Clone, Debug)]
pub(crate) struct Draw(u64);

impl Draw {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high - low + 1)
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[usize::try_from(self.below(choices.len() as u64)).unwrap()]
    }
}

/// One step. Sessions are named by their number, counted round.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Step {
    VisitorOpens,
    VisitorSays(usize),
    /// Operators do not wait for each other.
    OperatorSends(usize),
    OperatorCloses(usize),
    OperatorIdentifies(usize),
    ClockAdvances(Duration),
    /// It happens this often, after this many chances.
    CallsFail(HttpFault, u32, u32),
    SocketFails(SocketFault, u32, u32),
    ConnectionsAreCut,
    /// No connection can be made until the consumer has waited for this long.
    ServerIsUnreachable(Duration),
    ProcessRestarts,
    /// The consumer gets this long to be told everything.
    ConsumerCatchesUp(Duration),
}

impl Step {
    /// The fault it injects.
    pub(crate) fn fault(self) -> Option<Fault> {
        match self {
            Self::CallsFail(fault, after, times) => Some(Fault::http(fault).after(after).times(times)),
            Self::SocketFails(fault, after, times) => Some(Fault::socket(fault).after(after).times(times)),
            _ => None,
        }
    }
}

/// Draws a plan.
pub(crate) fn draw(seed: u64, contract: Contract) -> Vec<Step> {
    let mut draw = Draw::new(seed);
    let length = draw.between(15, 45);
    let mut plan = vec![Step::VisitorOpens];
    plan.extend((0..length).map(|_| step(&mut draw, contract)));
    plan
}

fn step(draw: &mut Draw, contract: Contract) -> Step {
    let millis = |draw: &mut Draw, low, high| Duration::from_millis(draw.between(low, high));
    let session = usize::try_from(draw.below(5)).unwrap();
    match draw.below(100) {
        0..=7 => Step::VisitorOpens,
        8..=27 => Step::VisitorSays(session),
        28..=43 => Step::OperatorSends(session),
        44..=49 => Step::OperatorCloses(session),
        50..=52 => Step::OperatorIdentifies(session),
        53..=60 => Step::ClockAdvances(millis(draw, 1, 4000)),
        61..=72 => Step::CallsFail(call_fault(draw), below(draw, 3), 1 + below(draw, 9)),
        73..=87 => Step::SocketFails(socket_fault(draw, contract), below(draw, 4), 1 + below(draw, 2)),
        88..=90 => Step::ConnectionsAreCut,
        91..=92 => Step::ServerIsUnreachable(millis(draw, 1, 15)),
        93..=94 => Step::ProcessRestarts,
        _ => Step::ConsumerCatchesUp(millis(draw, 5, 60)),
    }
}

fn below(draw: &mut Draw, bound: u64) -> u32 {
    u32::try_from(draw.below(bound)).unwrap()
}

fn call_fault(draw: &mut Draw) -> HttpFault {
    match draw.below(8) {
        0 => HttpFault::CutBefore,
        1 | 2 => HttpFault::ApplyThenDrop,
        3 | 4 => HttpFault::HoldThenApply(Duration::from_millis(draw.between(5, 120))),
        5 => HttpFault::CutInBody,
        6 => HttpFault::Status { status: 429, retry_after: Some(0) },
        _ => HttpFault::Status { status: draw.one_of(&[500, 502, 503, 504]), retry_after: None },
    }
}

/// On the bare API nobody can tell that a frame is missing, early or changed: strict runs have no such faults.
fn socket_fault(draw: &mut Draw, contract: Contract) -> SocketFault {
    let undetectable_in_strict = [SocketFault::Skip, SocketFault::Swap, SocketFault::Garble];
    if contract == Contract::Extended && draw.below(3) == 0 {
        return draw.one_of(&undetectable_in_strict);
    }
    match draw.below(8) {
        0 => SocketFault::Close(draw.one_of(&[1001, 1008, 1011, 1012, 1013])),
        1 => SocketFault::Cut,
        2 => SocketFault::Silent,
        3 => SocketFault::Duplicate,
        4 => SocketFault::Corrupt,
        5 => SocketFault::Delay(Duration::from_millis(draw.between(1, 20))),
        6 => SocketFault::RefuseAuth(draw.one_of(&[1008, 4408])),
        _ => SocketFault::RefuseUpgrade { status: draw.one_of(&[429, 502, 503]), retry_after: Some(0) },
    }
}

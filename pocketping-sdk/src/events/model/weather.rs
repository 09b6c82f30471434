//! What kinds of servers and networks there are.

/// What kind of server and network a run has.
#[derive(Clone, Copy, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a fact of its own, and they come in every combination")]
pub(super) struct Weather {
    pub(super) is_extended: bool,
    /// Milliseconds the server's times are rounded down to.
    pub(super) resolution: i64,
    /// Milliseconds by which a later commit's time may be smaller.
    pub(super) disorder: i64,
    /// Per cent of the steps that end the link.
    pub(super) cuts: u64,
    /// Per cent of the readings that fail.
    pub(super) failures: u64,
    /// Whether a close is preceded by a message of the system.
    pub(super) has_closing_word: bool,
    /// Whether sessions say when they were created.
    pub(super) is_dated: bool,
    /// Whether the list says when sessions moved last.
    pub(super) has_activity: bool,
    /// Whether the socket says of a message which session it is of.
    pub(super) names_sessions: bool,
}

/// Those that every run goes through.
pub(super) fn weathers() -> Vec<Weather> {
    let fair = Weather {
        is_extended: false,
        resolution: 1,
        disorder: 0,
        cuts: 6,
        failures: 0,
        has_closing_word: true,
        is_dated: true,
        has_activity: true,
        names_sessions: true,
    };
    vec![
        fair,
        Weather { failures: 20, ..fair },
        Weather { resolution: 1000, cuts: 12, failures: 10, ..fair },
        Weather { resolution: 1_000_000, failures: 10, ..fair },
        Weather { disorder: 2000, ..fair },
        Weather { has_closing_word: false, ..fair },
        Weather { has_closing_word: false, resolution: 1000, ..fair },
        Weather { has_activity: false, ..fair },
        Weather { has_activity: false, has_closing_word: false, ..fair },
        Weather { is_dated: false, ..fair },
        Weather { is_dated: false, failures: 20, resolution: 1000, ..fair },
        Weather { names_sessions: false, ..fair },
        Weather { is_extended: true, ..fair },
        Weather { is_extended: true, cuts: 15, failures: 15, resolution: 1000, ..fair },
    ]
}

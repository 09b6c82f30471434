//! Expressions of the jq language. The only file that names jaq.
//!
//! Knows no noun: what goes in is anything that is JSON.

use std::fmt;
use std::io;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use jaq_core::data::JustLut;
use jaq_core::load::{Arena, Error as LoadError, File, Loader};
use jaq_core::{Compiler, Ctx, Exn, Filter, Vars};
use jaq_json::{Val, read};
use serde::Serialize;
use serde_json::Value;

use crate::error::CliError;

/// How many results an expression may have for one value; `repeat(.)` has no last one.
const MOST_RESULTS: usize = 100_000;

/// How many characters of each end of an error are told.
const MOST_SAID: usize = 60;

/// A compiled expression.
pub(crate) struct Jq(Filter<JustLut<Val>>);

impl Jq {
    /// Compiles an expression. Modules cannot be imported.
    pub(crate) fn compile(expression: &str) -> Result<Self, String> {
        let definitions = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
        // `env` panics on a variable that is not Unicode, and shows the API key.
        let standard = jaq_std::funs().filter(|(name, ..)| *name != "env");
        let functions = jaq_core::funs().chain(standard).chain(jaq_json::funs());
        let arena = Arena::default();
        let loaded = Loader::new(definitions).load(&arena, File { code: expression, path: () });
        let modules = loaded.map_err(|errors| {
            let first = errors.into_iter().next().map(|(_, error)| cannot_load(expression, &error));
            first.unwrap_or_else(|| "it cannot be read".to_owned())
        })?;
        let compiled = Compiler::default().with_funs(functions).compile(modules);
        compiled.map(Self).map_err(|errors| {
            let first = errors.into_iter().flat_map(|(_, undefined)| undefined).next();
            first.map_or_else(
                || "it cannot be compiled".to_owned(),
                |(name, what)| format!("there is no {} {name}", what.as_str()),
            )
        })
    }

    /// Hands over the expression's results for this value, one after the other. What it prints is data: a failure of the
    /// expression ends it with an error, as do results without an end.
    pub(crate) fn results_of(
        &self,
        json: &[u8],
        mut each: impl FnMut(Value) -> Result<(), CliError>,
    ) -> Result<(), CliError> {
        let failed = |what: String| CliError::usage(format!("--jq: {what}")).of_output();
        let value = read::parse_single(json).map_err(|error| failed(error.to_string()))?;
        let context = Ctx::<JustLut<Val>>::new(&self.0.lut, Vars::new([]));
        for (n, result) in self.0.id.run((context, value)).enumerate() {
            if n == MOST_RESULTS {
                return Err(failed(format!("the expression did not end: it had more than {MOST_RESULTS} results")));
            }
            let result = result.map_err(|exception| failed(reason(exception)))?.to_string();
            match serde_json::from_str(&result) {
                Ok(result) => each(result)?,
                // An object with another key than a text, or something with such a number in it.
                Err(_) if result.starts_with(['{', '[']) => {
                    return Err(failed(format!(
                        "a result is not JSON: {}",
                        result.chars().take(80).collect::<String>()
                    )));
                }
                // As jq writes what JSON has no number for, and anything else as the language does.
                Err(_) => each(match result.parse::<f64>() {
                    Ok(number) if number.is_nan() => Value::Null,
                    Ok(number) => number.clamp(f64::MIN, f64::MAX).into(),
                    Err(_) => Value::String(result),
                })?,
            }
        }
        Ok(())
    }

    /// Whether one of the expression's results for this value is neither `null` nor `false`. A failure of the expression
    /// itself before one is an error, and so are results without an end.
    fn is_true_of(&self, json: &[u8]) -> Result<bool, String> {
        let value = read::parse_single(json).map_err(|error| error.to_string())?;
        let context = Ctx::<JustLut<Val>>::new(&self.0.lut, Vars::new([]));
        for (n, result) in self.0.id.run((context, value)).enumerate() {
            if n == MOST_RESULTS {
                return Err(format!("the expression did not end: it had more than {MOST_RESULTS} results"));
            }
            match result {
                Ok(Val::Null | Val::Bool(false)) => {}
                Ok(_) => return Ok(true),
                Err(exception) => return Err(reason(exception)),
            }
        }
        Ok(false)
    }
}

/// Why an expression failed. A value of which it is said may be a whole list of conversations: it is cut short.
fn reason(exception: Exn<'_, Val>) -> String {
    let Ok(error) = exception.get_err() else { return "it may not halt the program".to_owned() };
    let said = error.to_string();
    let (begin, end) = (said.char_indices().nth(MOST_SAID), said.char_indices().nth_back(MOST_SAID));
    match (begin, end) {
        (Some((begin, _)), Some((end, _))) if begin < end => format!("{} … {}", &said[..begin], &said[end..]),
        _ => said,
    }
}

impl fmt::Debug for Jq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Jq")
    }
}

/// An expression on a thread of its own: one that does not end holds up neither its caller nor the end of the program.
#[derive(Debug)]
pub(crate) struct Evaluator {
    values: Sender<Vec<u8>>,
    results: Receiver<Result<bool, String>>,
}

/// There was no result in time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Unended;

impl Evaluator {
    pub(crate) fn start(expression: Jq) -> io::Result<Self> {
        let (values, asked) = channel::<Vec<u8>>();
        let (answer, results) = channel();
        // Nobody joins it: it ends with the program at the latest.
        thread::Builder::new().name("jq".to_owned()).spawn(move || {
            while let Ok(value) = asked.recv() {
                if answer.send(expression.is_true_of(&value)).is_err() {
                    return;
                }
            }
        })?;
        Ok(Self { values, results })
    }

    /// As it is said for [`Jq`], and not later than `deadline`. After [`Unended`] it is of no use any more.
    pub(crate) fn is_true_of<T: Serialize>(
        &self,
        value: &T,
        deadline: Instant,
    ) -> Result<Result<bool, String>, Unended> {
        let json = match serde_json::to_vec(value) {
            Ok(json) => json,
            Err(error) => return Ok(Err(error.to_string())),
        };
        // An error shows below: there is no answer either.
        drop(self.values.send(json));
        match self.results.recv_timeout(deadline.saturating_duration_since(Instant::now()).max(LEAST)) {
            Ok(result) => Ok(result),
            Err(RecvTimeoutError::Timeout) => Err(Unended),
            Err(RecvTimeoutError::Disconnected) => Ok(Err("it cannot be evaluated".to_owned())),
        }
    }
}

/// What an evaluation has at the least, or the last event before the deadline would seem to be one without an end.
const LEAST: Duration = Duration::from_millis(100);

/// What is wrong with the text, and where.
fn cannot_load(expression: &str, error: &LoadError<&str>) -> String {
    let (expected, rest) = match error {
        LoadError::Lex(errors) => errors.first().map(|(expected, rest)| (expected.as_str(), *rest)),
        LoadError::Parse(errors) => errors.first().map(|(expected, rest)| (expected.as_str(), *rest)),
        LoadError::Io(_) => return "modules cannot be imported".to_owned(),
    }
    .unwrap_or(("something else", ""));
    if rest.is_empty() {
        return format!("it ends where it should go on with {expected}");
    }
    // What is left is a part of the text.
    let at = (rest.as_ptr() as usize).checked_sub(expression.as_ptr() as usize).and_then(|at| expression.get(..at));
    let column = at.map(|before| format!(" at column {}", before.chars().count() + 1)).unwrap_or_default();
    format!("{expected} was expected{column}, and not {rest:?}")
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn one_result_that_is_neither_null_nor_false_is_enough() {
        let event = json!({"type": "message.created", "message": {"type": "operator", "content": "Hi"}});
        for (expression, is_true) in [
            (r#".message.type == "operator""#, true),
            (r#".message.type == "visitor""#, false),
            (".session", false),
            ("empty", false),
            ("false, null, 0", true),
            (r#"select(.message.content | test("^H"))"#, true),
            (".message.content | ascii_downcase | length > 1", true),
        ] {
            let event = event.to_string();
            assert_eq!(Jq::compile(expression).unwrap().is_true_of(event.as_bytes()), Ok(is_true), "{expression}");
        }
    }

    #[test]
    fn what_is_wrong_is_said_and_never_ends_the_program() {
        for (expression, said) in [
            ("", "it ends where it should go on with term"),
            (".a ==", "it ends where it should go on with term"),
            (".a | nope", "there is no filter nope"),
            ("$x", "there is no variable $x"),
            (".a )", "at column 4"),
            ("\"abc", "closing quote"),
            ("[1, 2", "closing bracket"),
            (r#"import "a" as a; ."#, "imported"),
        ] {
            let error = Jq::compile(expression).unwrap_err();
            assert!(error.contains(said), "{expression}: {error}");
        }
        for expression in [".a.b.c", "halt", "error(\"no\")", "{} - 1", "repeat(.) | false"] {
            assert!(Jq::compile(expression).unwrap().is_true_of(br#"{"a": 1}"#).is_err(), "{expression}");
        }
    }

    #[test]
    fn numbers_that_json_has_not_are_written_as_jq_writes_them() {
        let mut results = Vec::new();
        let jq = Jq::compile("nan, infinite, -infinite, \"NaN\", 1.5, 1e1000, -1e400, (\"ab\" | tobytes)").unwrap();
        let kept = jq.results_of(b"null", |result| {
            results.push(result.to_string());
            Ok(())
        });
        kept.unwrap();
        let (most, least) = ("1.7976931348623157e+308", "-1.7976931348623157e+308");
        assert_eq!(results[..7], ["null", most, least, "\"NaN\"", "1.5", most, least]);
        assert!(results[7].contains("ab"), "{}", results[7]);
    }

    #[test]
    fn what_is_said_of_a_long_value_is_short() {
        let value = format!(r#"[{{"content": "{}"}}]"#, "é".repeat(5000));
        let error = Jq::compile(".foo").unwrap().is_true_of(value.as_bytes()).unwrap_err();
        assert!(
            error.starts_with(r#"cannot index [{"content":"ééé"#) && error.ends_with(r#"ééé"}] with "foo""#),
            "{error}"
        );
        assert_eq!(error.chars().count(), 124, "{error}");
        let error = Jq::compile(".foo").unwrap().is_true_of(b"[1]").unwrap_err();
        assert_eq!(error, r#"cannot index [1] with "foo""#);
    }

    #[test]
    fn what_does_not_end_is_left_behind() {
        let evaluator = Evaluator::start(Jq::compile("def f: f; if . then true else f end").unwrap()).unwrap();
        let soon = Instant::now() + Duration::from_secs(60);
        assert_eq!(evaluator.is_true_of(&1, soon), Ok(Ok(true)));
        assert_eq!(evaluator.is_true_of(&false, Instant::now()), Err(Unended));
    }
}

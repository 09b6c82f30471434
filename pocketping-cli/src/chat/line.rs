//! What a typed line means.

use pocketping_sdk::Identify;

use super::Job;

/// A line, read.
#[derive(Debug)]
pub(super) enum Line {
    Nothing,
    Help,
    Quit,
    Do(Job),
}

impl Line {
    /// A text, or a command behind a slash. What is neither is told, and nothing is sent.
    pub(super) fn read(text: &str) -> Result<Self, String> {
        if text.trim().is_empty() {
            return Ok(Self::Nothing);
        }
        let Some(command) = text.strip_prefix('/') else { return Ok(Self::Do(Job::Send(text.to_owned()))) };
        if command.starts_with('/') {
            return Ok(Self::Do(Job::Send(command.to_owned())));
        }
        let words = shlex::split(command).ok_or("a quote does not end")?;
        let words: Vec<_> = words.iter().map(String::as_str).collect();
        Ok(match words.as_slice() {
            ["help"] => Self::Help,
            ["quit"] => Self::Quit,
            ["close"] => Self::Do(Job::Close),
            ["ai", "on"] => Self::Do(Job::Ai(true)),
            ["ai", "off"] => Self::Do(Job::Ai(false)),
            ["ai", ..] => return Err("it is /ai on or /ai off".to_owned()),
            ["identify", fields @ ..] if !fields.is_empty() => Self::Do(Job::Identify(Box::new(identity(fields)?))),
            ["identify"] => return Err("it is /identify email=… name=… customerId=…".to_owned()),
            _ => {
                let name = words.first().copied().unwrap_or_default();
                return Err(format!(
                    "there is no /{name} like this; /help tells what there is, //{name} sends it as a text"
                ));
            }
        })
    }
}

fn identity(fields: &[&str]) -> Result<Identify, String> {
    let mut who = Identify::new();
    for field in fields {
        let (key, value) = field.split_once('=').ok_or_else(|| format!("{field:?} must look like key=value"))?;
        who = match key {
            "email" => who.email(value),
            "name" => who.name(value),
            "customerId" => who.customer_id(value),
            "" => return Err(format!("{field:?} must look like key=value")),
            other => who.metadata(other, value),
        };
    }
    Ok(who)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slash_is_a_command_and_two_are_a_text() {
        assert!(matches!(Line::read("  "), Ok(Line::Nothing)));
        assert!(matches!(Line::read("/help"), Ok(Line::Help)));
        assert!(matches!(Line::read("/ai off"), Ok(Line::Do(Job::Ai(false)))));
        for (typed, sent) in [("hi", "hi"), (" hi ", " hi "), ("//etc/passwd", "/etc/passwd"), ("a/b", "a/b")] {
            assert!(matches!(Line::read(typed), Ok(Line::Do(Job::Send(text))) if text == sent), "{typed}");
        }
        for (typed, why) in [
            ("/", "/help"),
            ("/clsoe", "no /clsoe"),
            ("/close now", "no /close"),
            ("/ai", "/ai on"),
            ("/identify", "email="),
            ("/identify ann", "key=value"),
            ("/identify name='ann", "quote"),
        ] {
            let error = Line::read(typed).unwrap_err();
            assert!(error.contains(why), "{typed}: {error}");
        }
    }

    #[test]
    fn who_somebody_is_may_have_blanks_in_it() {
        let Ok(Line::Do(Job::Identify(who))) = Line::read("/identify name='Ann Lee' email=a@b.c plan=pro") else {
            panic!("it is an identity")
        };
        let who = serde_json::to_value(who).unwrap();
        assert_eq!(who, serde_json::json!({"name": "Ann Lee", "email": "a@b.c", "metadata": {"plan": "pro"}}));
    }
}

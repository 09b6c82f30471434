//! What a person does to the terminal: keys, what they paste, and that all is to be drawn again.

use std::thread;

use crossterm::event::{self, Event, KeyCode, KeyEvent, KeyEventKind, KeyModifiers};
use tokio::sync::mpsc;

use super::model::Key;
use crate::error::CliError;

/// What the terminal says.
pub(super) enum Input {
    Key(Key),
    /// A text at once, its line breaks with it.
    Paste(String),
    /// Somebody asked for it (Ctrl-L), or it has another size: all of it is to be drawn.
    Anew,
    Failed(String),
}

/// Inputs, read in a thread of its own: it waits for them when the program ends.
pub(super) fn inputs() -> Result<mpsc::UnboundedReceiver<Input>, CliError> {
    let (sender, inputs) = mpsc::unbounded_channel();
    let work = move || {
        loop {
            let input = match event::read() {
                Ok(event) => known(event),
                Err(error) => Some(Input::Failed(format!("the terminal cannot be read: {error}"))),
            };
            let is_over = matches!(input, Some(Input::Failed(_)));
            // An error says that the inbox is over.
            if input.is_some_and(|input| sender.send(input).is_err()) || is_over {
                return;
            }
        }
    };
    let started = thread::Builder::new().name("keyboard".to_owned()).spawn(work);
    started.map_err(|error| CliError::unexpected("a thread cannot be started", error))?;
    Ok(inputs)
}

fn known(event: Event) -> Option<Input> {
    match event {
        // Elsewhere there is a signal that tells all of them.
        Event::Resize(..) => cfg!(not(unix)).then_some(Input::Anew),
        Event::Paste(text) => Some(Input::Paste(text)),
        Event::Key(key) if key.kind == KeyEventKind::Release => None,
        Event::Key(key) if is_control(key, 'l') => Some(Input::Anew),
        Event::Key(key) => known_key(key).map(Input::Key),
        _ => None,
    }
}

fn is_control(key: KeyEvent, c: char) -> bool {
    key.code == KeyCode::Char(c) && key.modifiers.contains(KeyModifiers::CONTROL)
}

fn known_key(key: KeyEvent) -> Option<Key> {
    Some(match key.code {
        _ if is_control(key, 'c') => Key::Interrupt,
        _ if is_control(key, 'u') => Key::Clear,
        _ if is_control(key, 'w') => Key::EraseWord,
        _ if is_control(key, 'a') => Key::Home,
        _ if is_control(key, 'e') => Key::End,
        _ if is_control(key, 'j') => Key::NewLine,
        KeyCode::Enter if key.modifiers.intersects(KeyModifiers::ALT | KeyModifiers::SHIFT) => Key::NewLine,
        KeyCode::Char(_) if key.modifiers.intersects(KeyModifiers::CONTROL | KeyModifiers::ALT) => return None,
        KeyCode::Char(c) => Key::Char(c),
        KeyCode::Up => Key::Up,
        KeyCode::Down => Key::Down,
        KeyCode::PageUp => Key::PageUp,
        KeyCode::PageDown => Key::PageDown,
        KeyCode::Left => Key::Left,
        KeyCode::Right => Key::Right,
        KeyCode::Home => Key::Home,
        KeyCode::End => Key::End,
        KeyCode::Enter => Key::Enter,
        KeyCode::Tab | KeyCode::BackTab => Key::Tab,
        KeyCode::Esc => Key::Escape,
        KeyCode::Backspace => Key::Backspace,
        KeyCode::Delete => Key::Delete,
        _ => return None,
    })
}

//! Waits for the timers and answers.

use std::sync::Arc;

use pocketping_sdk::{MessageKind, SessionId};

use super::timers::may_answer;
use super::{Due, Responder};
use crate::app::App;
use crate::store::change::Change;
use crate::store::{Rejection, Tx, Words};

/// Answers until the server stops.
pub(crate) async fn run(app: App) {
    loop {
        for due in app.take_ai_timers() {
            let app_of_timer = app.clone();
            app.tasks.spawn(async move { answer_when_due(&app_of_timer, due).await });
        }
        tokio::select! {
            () = app.ai_timers_changed.notified() => {}
            () = app.stop.cancelled() => return,
        }
    }
}

async fn answer_when_due(app: &App, due: Due) {
    let number = due.number();
    let Due { tenant, session, sleep, cancelled, .. } = due;
    // Held until the answer stands: only then may the time go on.
    let _fired = tokio::select! {
        fired = sleep => fired,
        () = cancelled.cancelled() => return,
        () = app.stop.cancelled() => return,
    };
    let Some(responder) = &app.responder else { return };
    let answered = app.write(&tenant, |tx| {
        // Cancelled under the same lock: an answer that came in the meantime is seen here.
        if cancelled.is_cancelled() { Ok(()) } else { answer(tx, &session, responder) }
    });
    if let Err(rejection) = answered {
        tracing::warn!(%rejection, %session, "the AI could not answer");
    }
    app.ai_timer_ended(&tenant, &session, number);
}

/// Takes over, types and answers what the visitor has said since the last answer.
fn answer(tx: &mut Tx<'_>, id: &SessionId, responder: &Responder) -> Result<(), Rejection> {
    let session = Arc::clone(tx.session(id)?);
    if !may_answer(&session) {
        // Told under the same lock: a message that comes from now on starts a timer of its own.
        tx.tell(Change::AiDeclined(id.clone()));
        return Ok(());
    }
    let messages = tx.tables().conversation(id)?.iter().filter(|message| message.deleted_at.is_none());
    // Back to the last answer, past the system's words.
    let unanswered = messages.rev().take_while(|it| matches!(it.kind, MessageKind::Visitor | MessageKind::System));
    let mut words: Vec<&str> =
        unanswered.filter(|it| it.kind == MessageKind::Visitor).map(|it| it.content.as_str()).collect();
    words.reverse();
    let content = responder.reply_to(&words.join("\n")).to_owned();
    tx.tell(Change::TakenOver(session, "timeout"));
    tx.tell(Change::Typing { session: id.clone(), sender: MessageKind::Ai, is_typing: true });
    tx.add_message(id, Words::new(MessageKind::Ai, content), |_| {})?;
    Ok(())
}

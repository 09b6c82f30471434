//! Uploads: files whose bytes are held in memory, from the announcement to the message they are attached to.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use bytes::Bytes;
use pocketping_sdk::{Attachment, AttachmentId, SessionId, Timestamp};
use subtle::ConstantTimeEq;

use super::Rejection;

/// How long an announced file may be sent, and a whole one attached.
pub(crate) const LIFETIME: Duration = Duration::from_secs(900);
/// The longest file name, and the longest type, in characters.
const MOST_NAME: usize = 255;
/// How many files of one session may belong to no message yet.
const MOST_OPEN: usize = 100;

/// The types that are taken, besides all of `audio/` and `video/`, which the widget's file picker offers.
const TYPES: [&str; 13] = [
    "image/jpeg",
    "image/png",
    "image/gif",
    "image/webp",
    "application/pdf",
    "text/plain",
    "text/csv",
    "application/zip",
    "application/msword",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/vnd.ms-excel",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "application/x-zip-compressed",
];

/// A file that a visitor announced.
#[derive(Clone, Debug)]
pub(crate) struct Upload {
    pub(crate) id: AttachmentId,
    pub(crate) session_id: SessionId,
    pub(crate) filename: String,
    pub(crate) mime_type: String,
    pub(crate) size: Option<u64>,
    /// What its addresses are good for nobody without.
    pub(crate) token: String,
    pub(crate) expires_at: Timestamp,
    pub(crate) state: UploadState,
}

/// How far a file is.
#[derive(Clone, Debug)]
pub(crate) enum UploadState {
    /// Nothing was sent.
    Announced,
    /// Its bytes are here.
    Sent(Bytes),
    /// Its sender has said that it is whole.
    Ready(Bytes),
    /// It is part of a message.
    Attached(Bytes),
}

/// The announced files of one tenant, and how much of the memory they may take is taken.
#[derive(Clone, Debug, Default)]
pub(crate) struct Uploads {
    files: HashMap<AttachmentId, Upload>,
    /// When each file that belongs to no message was to be gone, as of then: some have got longer since.
    expiries: VecDeque<(Timestamp, AttachmentId)>,
    /// How many files of each session belong to no message.
    open: HashMap<SessionId, usize>,
    /// How many bytes are here, or on their way.
    held: u64,
}

impl Upload {
    /// Its bytes, once they were said to be whole.
    pub(crate) fn content(&self) -> Option<&Bytes> {
        match &self.state {
            UploadState::Ready(bytes) | UploadState::Attached(bytes) => Some(bytes),
            UploadState::Announced | UploadState::Sent(_) => None,
        }
    }

    fn check_time(&self, now: Timestamp) -> Result<(), Rejection> {
        if now >= self.expires_at {
            return Err(Rejection::Gone(format!("the upload {} has expired; announce the file again", self.id)));
        }
        Ok(())
    }

    /// How many bytes were sent.
    pub(crate) fn sent_bytes(&self) -> Option<u64> {
        self.bytes().map(|bytes| bytes.len() as u64)
    }

    fn bytes(&self) -> Option<&Bytes> {
        match &self.state {
            UploadState::Sent(bytes) | UploadState::Ready(bytes) | UploadState::Attached(bytes) => Some(bytes),
            UploadState::Announced => None,
        }
    }

    /// The attachment as a message carries it; `url` is where its bytes are.
    pub(crate) fn attachment(&self, url: String) -> Attachment {
        let mut attachment = Attachment::new(&self.id);
        attachment.filename = Some(self.filename.clone());
        attachment.mime_type = Some(self.mime_type.clone());
        attachment.size = self.sent_bytes().or(self.size);
        attachment.url = Some(url);
        attachment
    }
}

/// A file's name and type, as they may be.
pub(crate) fn check(filename: &str, mime_type: &str) -> Result<(), Rejection> {
    if filename.trim().is_empty() || filename.contains(char::is_control) {
        return Err(Rejection::field("filename", "is blank or holds a control character"));
    }
    if filename.chars().count() > MOST_NAME {
        return Err(Rejection::field("filename", format_args!("has more than {MOST_NAME} characters")));
    }
    if mime_type.chars().count() > MOST_NAME || mime_type.contains(char::is_control) {
        let what = format_args!("has more than {MOST_NAME} characters, or a control character");
        return Err(Rejection::field("mimeType", what));
    }
    let essence = mime_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_sound = ["audio/", "video/"].iter().any(|kind| essence.len() > kind.len() && essence.starts_with(kind));
    if !is_sound && !TYPES.contains(&essence.as_str()) {
        return Err(Rejection::UnsupportedType(format!("`mimeType` {mime_type:?} is not taken")));
    }
    Ok(())
}

impl Uploads {
    pub(crate) fn announce(&mut self, upload: Upload) -> Result<(), Rejection> {
        let open = self.open.entry(upload.session_id.clone()).or_default();
        if *open >= MOST_OPEN {
            let words = format!("{MOST_OPEN} files of this session belong to no message yet; send those first");
            return Err(Rejection::Conflict(words));
        }
        *open += 1;
        self.expiries.push_back((upload.expires_at, upload.id.clone()));
        self.files.insert(upload.id.clone(), upload);
        Ok(())
    }

    /// A file, for whoever holds its token: to others there is none.
    pub(crate) fn by_token(&self, id: &AttachmentId, token: &str) -> Result<&Upload, Rejection> {
        let file = self.files.get(id).ok_or_else(|| Rejection::NoSuchUpload(id.clone()))?;
        let is_right = bool::from(file.token.as_bytes().ct_eq(token.as_bytes()));
        if is_right { Ok(file) } else { Err(Rejection::NoSuchUpload(id.clone())) }
    }

    /// A session's file.
    pub(crate) fn of_session(&self, id: &AttachmentId, session: &SessionId) -> Result<&Upload, Rejection> {
        let file = self.files.get(id).filter(|file| file.session_id == *session);
        file.ok_or_else(|| Rejection::NoSuchUpload(id.clone()))
    }

    /// Makes room for a file that is about to be sent; gives how many bytes it may have.
    pub(crate) fn expect(
        &mut self,
        id: &AttachmentId,
        token: &str,
        now: Timestamp,
        most: u64,
        most_held: u64,
    ) -> Result<u64, Rejection> {
        let file = self.by_token(id, token)?;
        if file.content().is_some() {
            return Err(Rejection::Conflict(format!("the upload {id} is complete")));
        }
        file.check_time(now)?;
        let size = file.size.unwrap_or(most);
        if self.held + size > most_held {
            let words = format!("all uploads together may have {most_held} bytes, and have {}", self.held);
            return Err(Rejection::Full(words));
        }
        self.held += size;
        Ok(size)
    }

    /// Gives back the room of a file that did not come.
    pub(crate) fn give_up(&mut self, expected: u64) {
        // The tables may have been put back in the meantime.
        self.held = self.held.saturating_sub(expected);
    }

    /// Takes the bytes that were expected.
    pub(crate) fn send(&mut self, id: &AttachmentId, expected: u64, bytes: Bytes) -> Result<(), Rejection> {
        let size = bytes.len() as u64;
        let file = self.files.get(id).ok_or_else(|| Rejection::NoSuchUpload(id.clone()))?;
        if file.content().is_some() {
            return Err(Rejection::Conflict(format!("the upload {id} is complete")));
        }
        if file.size.is_some_and(|announced| announced != size) {
            return Err(Rejection::Invalid(format!("{size} bytes were sent, and {expected} announced")));
        }
        let before = file.sent_bytes().unwrap_or(0);
        self.held = self.held.saturating_sub(before + expected) + size;
        if let Some(file) = self.files.get_mut(id) {
            file.state = UploadState::Sent(bytes);
        }
        Ok(())
    }

    /// Marks a file as whole, and gives it. Again is no error.
    pub(crate) fn complete(
        &mut self,
        id: &AttachmentId,
        session: &SessionId,
        now: Timestamp,
    ) -> Result<&Upload, Rejection> {
        self.of_session(id, session)?;
        let file = self.files.get_mut(id).ok_or_else(|| Rejection::NoSuchUpload(id.clone()))?;
        match &file.state {
            UploadState::Announced => {
                file.check_time(now)?;
                Err(Rejection::Conflict(format!("nothing was sent for the upload {id} yet")))
            }
            UploadState::Sent(bytes) => {
                file.state = UploadState::Ready(bytes.clone());
                file.expires_at = now.saturating_add(LIFETIME);
                self.expiries.push_back((file.expires_at, id.clone()));
                Ok(file)
            }
            UploadState::Ready(_) | UploadState::Attached(_) => Ok(file),
        }
    }

    /// Whether a session's message may carry this file.
    pub(crate) fn check_attachable(&self, id: &AttachmentId, session: &SessionId) -> Result<&Upload, Rejection> {
        let file = self.of_session(id, session)?;
        match &file.state {
            UploadState::Ready(_) => Ok(file),
            UploadState::Attached(_) => Err(Rejection::Conflict(format!("the upload {id} is part of a message"))),
            UploadState::Announced | UploadState::Sent(_) => {
                Err(Rejection::Conflict(format!("the upload {id} is not complete")))
            }
        }
    }

    /// Makes a file part of a message, and nobody's any more.
    pub(crate) fn attach(&mut self, id: &AttachmentId) {
        if let Some(file) = self.files.get_mut(id)
            && let UploadState::Ready(bytes) = &file.state
        {
            file.state = UploadState::Attached(bytes.clone());
            close(&mut self.open, &file.session_id);
        }
    }

    /// Drops a file and its bytes.
    pub(crate) fn remove(&mut self, id: &AttachmentId) {
        let Some(file) = self.files.remove(id) else { return };
        self.held = self.held.saturating_sub(file.sent_bytes().unwrap_or(0));
        if !matches!(file.state, UploadState::Attached(_)) {
            close(&mut self.open, &file.session_id);
        }
    }

    /// Drops what belongs to no message, long after its time: until then it can be told that it is late.
    pub(crate) fn forget_expired(&mut self, now: Timestamp) {
        while self.expiries.front().is_some_and(|(expiry, _)| now.since(*expiry) >= LIFETIME) {
            let Some((expiry, id)) = self.expiries.pop_front() else { break };
            let file = self.files.get(&id);
            let is_left =
                file.is_some_and(|file| file.expires_at <= expiry && !matches!(file.state, UploadState::Attached(_)));
            if is_left {
                self.remove(&id);
            }
        }
    }
}

/// One file of a session less that belongs to no message.
fn close(open: &mut HashMap<SessionId, usize>, session: &SessionId) {
    if let Some(count) = open.get_mut(session) {
        *count -= 1;
        if *count == 0 {
            open.remove(session);
        }
    }
}

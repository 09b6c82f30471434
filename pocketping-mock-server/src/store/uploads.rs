//! Uploads: files whose bytes are held in memory, from the announcement to the message they are attached to.

use std::collections::HashMap;
use std::time::Duration;

use bytes::Bytes;
use pocketping_sdk::{Attachment, AttachmentId, SessionId, Timestamp};
use subtle::ConstantTimeEq;

use super::Rejection;

/// How long an announced file may be sent.
pub(crate) const LIFETIME: Duration = Duration::from_secs(900);
/// The longest file name, in characters.
const MOST_NAME: usize = 255;

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
#[derive(Debug, Default)]
pub(crate) struct Uploads {
    files: HashMap<AttachmentId, Upload>,
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
    let essence = mime_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let is_sound = ["audio/", "video/"].iter().any(|kind| essence.len() > kind.len() && essence.starts_with(kind));
    if !is_sound && !TYPES.contains(&essence.as_str()) {
        return Err(Rejection::UnsupportedType(format!("`mimeType` {mime_type:?} is not taken")));
    }
    Ok(())
}

impl Uploads {
    pub(crate) fn announce(&mut self, upload: Upload) {
        self.files.insert(upload.id.clone(), upload);
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

    /// Takes a file's bytes: all of them, in time, and as many as were announced.
    pub(crate) fn send(
        &mut self,
        id: &AttachmentId,
        token: &str,
        bytes: Bytes,
        now: Timestamp,
        most_held: u64,
    ) -> Result<(), Rejection> {
        let file = self.by_token(id, token)?;
        if now >= file.expires_at {
            return Err(Rejection::Gone(format!("the upload {id} has expired; announce the file again")));
        }
        if file.content().is_some() {
            return Err(Rejection::Conflict(format!("the upload {id} is complete")));
        }
        let size = bytes.len() as u64;
        if file.size.is_some_and(|announced| announced != size) {
            let announced = file.size.unwrap_or_default();
            return Err(Rejection::Invalid(format!("{size} bytes were sent, and {announced} announced")));
        }
        let before = file.sent_bytes().unwrap_or(0);
        let held = self.held - before + size;
        if held > most_held {
            return Err(Rejection::Full(format!(
                "all uploads together may have {most_held} bytes, and have {}",
                self.held
            )));
        }
        self.held = held;
        if let Some(file) = self.files.get_mut(id) {
            file.state = UploadState::Sent(bytes);
        }
        Ok(())
    }

    /// Marks a file as whole, and gives it. Again is no error.
    pub(crate) fn complete(&mut self, id: &AttachmentId, session: &SessionId) -> Result<&Upload, Rejection> {
        self.of_session(id, session)?;
        let file = self.files.get_mut(id).ok_or_else(|| Rejection::NoSuchUpload(id.clone()))?;
        match &file.state {
            UploadState::Announced => Err(Rejection::Conflict(format!("nothing was sent for the upload {id} yet"))),
            UploadState::Sent(bytes) => {
                file.state = UploadState::Ready(bytes.clone());
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

    /// Makes a file part of a message.
    pub(crate) fn attach(&mut self, id: &AttachmentId) {
        if let Some(file) = self.files.get_mut(id)
            && let UploadState::Ready(bytes) = &file.state
        {
            file.state = UploadState::Attached(bytes.clone());
        }
    }

    /// Drops a file and its bytes.
    pub(crate) fn remove(&mut self, id: &AttachmentId) {
        if let Some(file) = self.files.remove(id) {
            self.held -= file.sent_bytes().unwrap_or(0);
        }
    }

    /// Drops what was announced and never came, long after its time.
    pub(crate) fn forget_expired(&mut self, now: Timestamp) {
        let held = &mut self.held;
        self.files.retain(|_, file| {
            let is_left = file.content().is_none() && now.since(file.expires_at) >= LIFETIME;
            if is_left {
                *held -= file.sent_bytes().unwrap_or(0);
            }
            !is_left
        });
    }
}

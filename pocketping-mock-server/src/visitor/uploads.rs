//! Files of a visitor's, and screenshots: announced, sent to the address that is given for them, and said to be whole.

use bytes::Bytes;
use http::Method;
use pocketping_sdk::Attachment;
use serde_json::Value;

use super::answers::{ScreenshotRequests, UploadAddress};
use super::bodies;
use super::error::Result;
use super::http::mime_type_header;
use super::{Chat, ScreenshotRequest};

#[expect(clippy::missing_errors_doc, reason = "the type says when its calls fail")]
impl Chat {
    /// Uploads a file: `POST /upload`, `PUT` to the address that the answer names, `POST /upload/complete`. A message
    /// carries it by its id: [`Words::attachment`](super::Words::attachment).
    ///
    /// ```
    /// use pocketping_mock_server::MockServer;
    /// use pocketping_mock_server::visitor::Words;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let server = MockServer::start();
    /// let chat = server.visitor().connect().await?;
    /// let file = chat.upload("a.txt", "text/plain", "abc").await?;
    /// assert_eq!(file.size, Some(3));
    /// let sent = chat.say_with(Words::new("").attachment(&file.id)).await?;
    /// assert_eq!(sent.attachments[0].id, file.id);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn upload(
        &self,
        filename: impl AsRef<str>,
        mime_type: impl AsRef<str>,
        content: impl Into<Bytes>,
    ) -> Result<Attachment> {
        let (mime_type, content) = (mime_type.as_ref(), content.into());
        // Found before anything is announced.
        let header = mime_type_header(mime_type)?;
        let announced = bodies::Upload { filename: filename.as_ref(), mime_type, size: content.len() };
        let address: UploadAddress = self.post(&["upload"], announced).await?.read()?;
        self.0.http.put(&address.upload_url, header, content).await?;
        let sent = bodies::Uploaded { attachment_id: &address.attachment_id };
        self.post(&["upload", "complete"], sent).await?.read()
    }

    /// Sends the screenshot, as PNG, that a [`Frame::ScreenshotRequest`](super::Frame::ScreenshotRequest) asked for. Gives
    /// what the server answers when it is complete.
    pub async fn send_screenshot(&self, request: &ScreenshotRequest, png: impl Into<Bytes>) -> Result<Value> {
        let (request_id, png) = (request.request_id.as_str(), png.into());
        let size = png.len();
        let announced = bodies::Screenshot { request_id };
        let address: UploadAddress = self.post(&["screenshot", "upload"], announced).await?.read()?;
        self.0.http.put(&address.upload_url, mime_type_header("image/png")?, png).await?;
        let taken = bodies::ScreenshotTaken { request_id, attachment_id: &address.attachment_id, size };
        self.post(&["screenshot", "upload", "complete"], taken).await?.read()
    }

    /// The screenshots that are asked for; a server tells each once.
    pub(super) async fn screenshot_requests(&self) -> Result<Vec<ScreenshotRequest>> {
        let url = self.0.http.url_with(&["screenshot", "requests"], &[self.session()]);
        let answer = self.0.http.call(Method::GET, url, Bytes::new()).await?;
        answer.read().map(|asked: ScreenshotRequests| asked.requests)
    }
}

//! What a test of Rust does about faults.

use super::Fault;
use crate::server::MockServer;

impl MockServer {
    /// Lets go the calls that are held at this barrier now, and gives how many they are. Those that come later are held
    /// anew.
    pub fn release(&self, barrier: &str) -> usize {
        self.app().faults.barriers.release(barrier)
    }

    /// Waits until so many calls are held at this barrier.
    ///
    /// ```
    /// # tokio::runtime::Runtime::new().unwrap().block_on(async {
    /// # let server = pocketping_mock_server::MockServer::start();
    /// # use pocketping_mock_server::Fault;
    /// server.inject(Fault::hold("door").route("POST", "/sessions/:sessionId/messages"));
    /// // Whatever is sent now is held:
    /// server.held("door", 0).await;
    /// assert_eq!(server.release("door"), 0);
    /// # });
    /// ```
    pub async fn held(&self, barrier: &str, count: usize) {
        self.app().faults.barriers.held(barrier, count).await;
    }

    /// Lets this go wrong, from now on and as often as it says. That it can never happen here, for want of its route,
    /// its event or its key, is logged as a warning.
    pub fn inject(&self, fault: Fault) {
        self.app().inject(fault);
    }

    /// Takes back what was injected and has not happened yet. What a link holds back at the moment is still sent.
    pub fn clear_faults(&self) {
        _ = self.app().faults.clear();
    }

    /// How many chances of what was injected are not used yet. What happens always counts once.
    pub fn faults_left(&self) -> usize {
        self.app().faults.left()
    }

    /// While `true`, every connection that is made is ended at once, without a byte. Those that stand go on.
    pub fn refuse_connections(&self, refused: bool) {
        self.app().faults.refuse_connections(refused);
    }

    /// Ends every connection at once, those of sockets without a close frame. What was applied stays applied.
    pub fn cut_connections(&self) {
        self.app().faults.cut_connections();
    }
}

//! Databases of a server, and statements run by its superuser.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use tokio::runtime;
use tokio_postgres::{Config, NoTls, SimpleQueryMessage};

use crate::Server;

/// Of the superuser and of the role `kimbai`, over TCP; the socket asks for none.
pub(crate) const PASSWORD: &str = "not-a-secret";
/// Who owns the databases: like the role of a platform, it may do what its database needs and nothing else.
pub(crate) const ROLE: &str = "CREATE ROLE kimbai LOGIN PASSWORD 'not-a-secret'";
/// A frozen server answers nothing.
const ANSWER_MAX: Duration = Duration::from_secs(30);

/// A database that was empty when it was made; dropped with whoever is connected to it when this is dropped.
#[derive(Debug)]
pub struct Database<'a> {
    server: &'a Server,
    name: String,
}

impl<'a> Database<'a> {
    pub(crate) fn create(server: &'a Server) -> Self {
        static CREATED: AtomicU32 = AtomicU32::new(0);
        let name = format!("kimbai_{}", CREATED.fetch_add(1, Ordering::Relaxed) + 1);
        server.sql("postgres", &format!("CREATE DATABASE {name} OWNER kimbai TEMPLATE template0"));
        Self { server, name }
    }

    /// Its server.
    #[must_use]
    pub fn server(&self) -> &'a Server {
        self.server
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its owner's URL over TCP.
    #[must_use]
    pub fn url(&self) -> String {
        self.url_by_port(self.server.port())
    }

    /// Its owner's URL over TCP by another port of this machine, where a proxy is.
    #[must_use]
    pub fn url_by_port(&self, port: u16) -> String {
        format!("postgres://kimbai:{PASSWORD}@127.0.0.1:{port}/{}", self.name)
    }

    /// Its owner's URL over the socket.
    ///
    /// # Panics
    /// If the directory of temporary files has no UTF-8 name.
    #[must_use]
    pub fn socket_url(&self) -> String {
        let directory = self.server.socket_directory().to_str().unwrap().replace('/', "%2F");
        format!("postgres://kimbai@{directory}:{}/{}", self.server.port(), self.name)
    }

    /// Runs statements in it, as [`Server::sql`] does.
    ///
    /// # Panics
    /// If one of them fails.
    #[expect(clippy::must_use_candidate, reason = "most statements are run for what they do")]
    pub fn sql(&self, statements: &str) -> String {
        self.server.sql(&self.name, statements)
    }
}

impl Drop for Database<'_> {
    fn drop(&mut self) {
        // The server may be gone.
        let _ = self.server.try_sql("postgres", &format!("DROP DATABASE {} WITH (FORCE)", self.name));
    }
}

/// On a thread of its own: the caller may be in a runtime, which must not be blocked on from within.
pub(crate) fn run(server: &Server, database: &str, statements: &str) -> Result<String, String> {
    let mut config = Config::new();
    config.host_path(server.socket_directory()).port(server.port()).user("postgres").dbname(database);
    std::thread::scope(|scope| {
        let runtime = runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let run = async { tokio::time::timeout(ANSWER_MAX, run_by(&config, statements)).await };
        scope.spawn(move || runtime.block_on(run)).join().unwrap()
    })
    .map_err(|_| format!("no answer within {ANSWER_MAX:?}"))?
    .map_err(|error| error.as_db_error().map_or_else(|| error.to_string(), ToString::to_string))
}

async fn run_by(config: &Config, statements: &str) -> Result<String, tokio_postgres::Error> {
    let (client, connection) = config.connect(NoTls).await?;
    let driver = tokio::spawn(connection);
    let messages = client.simple_query(statements).await?;
    drop(client);
    let _ = driver.await;
    let mut lines = Vec::new();
    for message in &messages {
        if let SimpleQueryMessage::Row(row) = message {
            lines.push((0..row.len()).map(|at| row.get(at).unwrap_or_default()).collect::<Vec<_>>().join("|"));
        }
    }
    Ok(lines.join("\n"))
}

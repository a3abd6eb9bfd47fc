//! The first start: what it makes, what it says, and what it leaves alone.

use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpStream, UnixStream};

use super::place::Place;
use super::visit::{App, CALLBACK};
use crate::BINARY;
use crate::browser::{Browser, parameter};
use crate::fixture::{Call, Connection};
use crate::secrets::Secrets;

#[tokio::test]
async fn a_first_start_makes_data_for_its_owner_and_a_realm_and_says_what_is_next() {
    let place = Place::new();
    let server = place.try_serve(&["sh", "-c", "umask 0; exec kimbai serve"]).await.unwrap_or_else(|e| panic!("{e:?}"));
    let (port, operator) = (place.port, place.operator());
    let expected = format!(
        "\
realm main         http://localhost:{port}
listening          127.0.0.1:{port}
operator           http://127.0.0.1:{operator}/healthz  /readyz  /metrics
data               kimbai-data

This is a new installation. Its master key was made: keep a copy of it, apart from backups. Add a user and a client:

  kimbai user add an --name Ảnh
  kimbai client add my-app --redirect-uri http://localhost:8080/callback --scope offline_access
"
    );
    assert_eq!(server.said(), expected);
    let data = place.path("kimbai-data");
    assert_eq!(mode(&data), 0o700);
    let files: Vec<_> = fs::read_dir(&data).unwrap().map(|entry| entry.unwrap().path()).collect();
    for name in ["kimbai.db", "kimbai.sock", "master.key"] {
        assert!(files.contains(&data.join(name)), "{name}: {files:?}");
    }
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
    let metadata = server.send(&Call::get("/.well-known/oauth-authorization-server")).await.expect(200);
    assert_eq!(metadata.member("issuer"), format!("http://localhost:{port}"));
    let ended = server.stop().await;
    assert_eq!((ended.stdout, ended.stderr.contains("ERROR")), (expected, false));
}

#[tokio::test]
async fn the_printed_commands_work_as_they_stand_wherever_the_data_is() {
    for flags in [[].as_slice(), &["--data", "where we keep it"], &["--config", "an's.toml"]] {
        let place = Place::new();
        place.write("an's.toml", "[store]\nurl = 'sqlite:elsewhere'\n");
        let server = place.serve(flags).await;
        let said = server.said();
        let commands: Vec<_> = said.lines().filter(|line| line.starts_with("  kimbai ")).collect();
        assert_eq!(commands.len(), 2, "{said}");
        let mut made = String::new();
        for command in commands {
            let ended = place.run(&["sh", "-c", command], "a password of eight words\n");
            assert!(ended.status.success() && ended.stderr.is_empty(), "{command}: {ended:?}");
            made = ended.stdout;
        }
        let client_secret = made.lines().last().unwrap();
        let app = App { client: ("my-app", client_secret), scopes: &["offline_access"], ..App::WEB };
        let (mut browser, mut secrets) = (Browser::new(place.port), Secrets::default());
        let led = app.allowed(&mut browser, "a password of eight words", &mut secrets).await;
        assert!(led.header("location").starts_with(CALLBACK), "{led:?}");
        app.redeem(&mut browser, &parameter(&led, "code"), &mut secrets).await.expect(200).member("refresh_token");
    }
}

#[tokio::test]
async fn a_second_start_changes_nothing() {
    let place = Place::new();
    place.serve(&[]).await.stop().await;
    let standing = || (place.ok(&["export", "--hashes"], ""), fs::read(place.path("kimbai-data/master.key")).unwrap());
    let before = standing();
    let server = place.serve(&[]).await;
    assert!(!server.said().contains("new installation"), "{}", server.said());
    assert_eq!(standing(), before, "beside it");
    server.stop().await;
    assert_eq!(standing(), before);
    // Whatever else it is told: what the first start made is kept.
    place.serve(&["--listen", &format!("127.0.0.1:{}", place.port + 2)]).await.stop().await;
    assert_eq!(standing(), before);
}

#[tokio::test]
async fn a_busy_port_is_named_and_no_data_directory_is_left_behind() {
    let place = Place::new();
    for (port, key) in [(place.port, "listen.public"), (place.operator(), "listen.operator")] {
        let _busy = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let ended = place.try_serve(&[BINARY, "serve"]).await.err().unwrap();
        assert_eq!((ended.status.code(), ended.stdout.as_str()), (Some(1), ""), "{ended:?}");
        let expected = format!(
            "error: 127.0.0.1:{port} is in use: stop what listens there, or choose another ({key}): \
             Address already in use (os error 98)\n"
        );
        assert_eq!(ended.stderr, expected);
        assert!(!place.path("kimbai-data").exists(), "nothing is made before all ports are taken");
    }
}

#[tokio::test]
async fn the_operator_answers_on_its_own_address_alone() {
    let place = Place::new();
    let server = place.serve(&["--listen", &format!("0.0.0.0:{}", place.port)]).await;
    let mut operator = Connection::to(place.operator());
    for path in ["/healthz", "/readyz", "/metrics"] {
        operator.send(&Call::get(path)).await.unwrap().expect(200);
        server.send(&Call::get(path)).await.expect(404);
    }
    // The public port is everywhere; the operator's is not even at the next loopback address.
    TcpStream::connect(("127.0.0.2", place.port)).await.unwrap();
    TcpStream::connect(("127.0.0.2", place.operator())).await.unwrap_err();
    server.stop().await;
    let server = place.serve(&["--operator", ""]).await;
    assert!(!server.said().contains("operator"), "{}", server.said());
    TcpStream::connect(("127.0.0.1", place.operator())).await.unwrap_err();
}

#[tokio::test]
async fn administration_is_on_the_socket_and_on_no_port() {
    let place = Place::new();
    let server = place.serve(&[]).await;
    let call = Call::json("/admin/client_list", &serde_json::json!({"realm": null}));
    server.send(&call).await.expect(404);
    Connection::to(place.operator()).send(&call).await.unwrap().expect(405);
    server.send(&Call::get("/admin/client_list")).await.expect(404);
    Connection::to(place.operator()).send(&Call::get("/admin/client_list")).await.unwrap().expect(404);
    let mut socket = UnixStream::connect(place.path("kimbai-data/kimbai.sock")).await.unwrap();
    let request = "POST /admin/client_list HTTP/1.1\r\nHost: localhost\r\nKimbai-Store: the embedded store\r\nConnection: close\r\nContent-Length: 14\r\n\r\n\
                   {\"realm\":null}";
    socket.write_all(request.as_bytes()).await.unwrap();
    let mut answer = String::new();
    socket.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n") && answer.ends_with("\r\n\r\n[]"), "{answer}");
}

fn mode(path: &Path) -> u32 {
    fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777
}

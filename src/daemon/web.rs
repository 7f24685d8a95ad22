//! A small web server for whoever watches the gateway: `/metrics`, `/healthz`, `/readyz`. It answers GET and nothing else,
//! takes nothing in, and is no door for people.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::CONTENT_TYPE;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, mpsc, oneshot};

use super::worker::Job;
use super::{Shared, clock};
use crate::store::{Reader, Standing, StoreError};

/// Askers at once.
const MOST_CONNECTIONS: usize = 32;
/// How long one may stay.
const LONGEST_VISIT: Duration = Duration::from_secs(60);
/// How long the worker may be at one piece of work before it counts as stuck.
const LONGEST_WORK: Duration = Duration::from_secs(20);

/// As `Accept` of Prometheus names it.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";
const PLAIN: &str = "text/plain; charset=utf-8";

/// Listens from now on.
///
/// # Errors
/// The address can't be had; the text says what to do.
pub(super) async fn listen(address: SocketAddr) -> Result<TcpListener, String> {
    TcpListener::bind(address)
        .await
        .map_err(|error| format!("{address} can't be listened on ({error}); set another metrics.listen"))
}

/// Answers until the task is ended.
pub(super) async fn serve(listener: TcpListener, shared: Arc<Shared>, jobs: mpsc::Sender<Job>) {
    let places = Arc::new(Semaphore::new(MOST_CONNECTIONS));
    loop {
        // The semaphore is never closed; a visitor that can't be taken is none.
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // Too many files are open, most likely.
            tokio::time::sleep(Duration::from_secs(1)).await;
            continue;
        };
        let (shared, jobs) = (Arc::clone(&shared), jobs.clone());
        tokio::spawn(async move {
            let _ = tokio::time::timeout(LONGEST_VISIT, visit(stream, shared, jobs)).await;
            drop(place);
        });
    }
}

async fn visit(stream: TcpStream, shared: Arc<Shared>, jobs: mpsc::Sender<Job>) {
    let answer = service_fn(|request: Request<Incoming>| {
        let (shared, jobs) = (Arc::clone(&shared), jobs.clone());
        async move { Ok::<_, Infallible>(answer(&request, shared, &jobs).await) }
    });
    let mut server = http1::Builder::new();
    server.timer(TokioTimer::new()).header_read_timeout(Duration::from_secs(10));
    // What goes wrong with a visitor is the visitor's.
    let _ = server.serve_connection(TokioIo::new(stream), answer).await;
}

async fn answer(request: &Request<Incoming>, shared: Arc<Shared>, jobs: &mpsc::Sender<Job>) -> Response<String> {
    if request.method() != Method::GET {
        return response(StatusCode::METHOD_NOT_ALLOWED, PLAIN, "only GET\n".to_owned());
    }
    match request.uri().path() {
        "/metrics" => {
            let standing = standing(&shared).await;
            let text = shared.metrics.text(&shared.parts(), standing.as_ref().ok(), clock::now());
            response(StatusCode::OK, OPEN_METRICS, text)
        }
        "/healthz" if is_working(jobs).await => response(StatusCode::OK, PLAIN, "working\n".to_owned()),
        "/healthz" => {
            let text = format!("the desk has not answered for {} s; restart it\n", LONGEST_WORK.as_secs());
            response(StatusCode::SERVICE_UNAVAILABLE, PLAIN, text)
        }
        "/readyz" => {
            let troubles = troubles(&shared);
            match troubles.is_empty() {
                true => response(StatusCode::OK, PLAIN, "mail is taken and goes out\n".to_owned()),
                false => response(StatusCode::SERVICE_UNAVAILABLE, PLAIN, troubles),
            }
        }
        _ => response(StatusCode::NOT_FOUND, PLAIN, "there is /metrics, /healthz and /readyz\n".to_owned()),
    }
}

fn response(status: StatusCode, kind: &'static str, text: String) -> Response<String> {
    let mut response = Response::new(text);
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, hyper::header::HeaderValue::from_static(kind));
    response
}

/// Read beside the worker: whoever watches holds up no mail.
async fn standing(shared: &Shared) -> Result<Standing, StoreError> {
    let store = shared.setup().loaded.plant.store.clone();
    let read = tokio::task::spawn_blocking(move || Reader::open(&store)?.standing()).await;
    read.unwrap_or_else(|_| Err(StoreError::Refused("reading the store failed; please report it".to_owned())))
}

/// The worker comes to an end with what it does.
async fn is_working(jobs: &mpsc::Sender<Job>) -> bool {
    let (asked, answer) = oneshot::channel();
    let pulse = async { jobs.send(Job::Answer(asked)).await.is_ok() && answer.await.is_ok() };
    tokio::time::timeout(LONGEST_WORK, pulse).await.unwrap_or(false)
}

/// Each part that does not work, on a line. A source of which nothing was heard yet does not work yet.
fn troubles(shared: &Shared) -> String {
    let parts = shared.parts();
    let setup = shared.setup();
    let unheard =
        super::sources::parts(&setup.loaded.plant.sources).into_iter().filter(|name| !parts.all.contains_key(name));
    let unheard = unheard.map(|name| format!("{name}: begins\n"));
    let ill = parts.all.iter().filter(|(_, part)| !part.health.is_well());
    ill.map(|(name, part)| format!("{name}: {}\n", part.health.text())).chain(unheard).collect()
}

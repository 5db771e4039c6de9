//! The service is asked without a network: a request goes in, and an answer comes out.

use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use drystone::{Database, ErrorKind};
use serde_json::{Value, json};
use tower::ServiceExt;

use crate::errors::status;
use crate::service::{City, Service, Visit, router};

fn service() -> Service {
    Service::new(Database::temporary().unwrap()).unwrap()
}

async fn ask(service: &Service, request: Request<Body>) -> (StatusCode, Value) {
    let answer = router(service.clone()).oneshot(request).await.unwrap();
    let status = answer.status();
    let body = to_bytes(answer.into_body(), 1 << 20).await.unwrap();
    (status, if body.is_empty() { Value::Null } else { serde_json::from_slice(&body).unwrap() })
}

async fn get(service: &Service, uri: &str) -> (StatusCode, Value) {
    ask(service, Request::get(uri).body(Body::empty()).unwrap()).await
}

async fn post(service: &Service, uri: &str, body: Value) -> (StatusCode, Value) {
    let request = Request::post(uri).header("content-type", "application/json");
    ask(service, request.body(Body::from(body.to_string())).unwrap()).await
}

fn berlin() -> Value {
    json!({ "id": 2950159, "people": 3_426_354, "name": "Berlin" })
}

#[tokio::test]
async fn what_was_posted_is_found_by_its_key() {
    let service = service();
    assert_eq!(get(&service, "/cities/2950159").await.0, StatusCode::NOT_FOUND);
    assert_eq!(post(&service, "/cities", berlin()).await, (StatusCode::CREATED, berlin()));
    assert_eq!(post(&service, "/cities", berlin()).await.0, StatusCode::OK);
    assert_eq!(post(&service, "/cities/2950159/visits", json!(null)).await.0, StatusCode::CREATED);
    assert_eq!(post(&service, "/cities/2950159/visits", json!(null)).await.0, StatusCode::CREATED);
    assert_eq!(post(&service, "/cities/7/visits", json!(null)).await.0, StatusCode::NOT_FOUND);
    let mut expected = berlin();
    expected["visits"] = 2.into();
    assert_eq!(get(&service, "/cities/2950159").await, (StatusCode::OK, expected));
    service.close().unwrap();
}

#[tokio::test]
async fn a_filter_is_a_text_and_a_bad_one_is_explained() {
    let service = service();
    for (id, people, name) in [(1, 100, "Bree"), (2, 3_000_000, "Berlin"), (3, 2_000_000, "Paris")] {
        post(&service, "/cities", json!({ "id": id, "people": people, "name": name })).await;
    }
    let (status, found) = get(&service, "/cities?where=people%20%3E%201000&limit=1").await;
    assert_eq!(
        (status, found),
        (StatusCode::OK, json!([{ "id": 2, "people": 3_000_000, "name": "Berlin" }]))
    );
    assert_eq!(get(&service, "/cities").await.1.as_array().unwrap().len(), 3);

    let (status, answer) = get(&service, "/cities?where=people%20%3E").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(answer["error"].as_str().unwrap().contains("column"), "{answer}");
    let (status, answer) = get(&service, "/cities?where=height%20%3E%201").await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(answer["error"].as_str().unwrap().contains("people"), "it names the fields: {answer}");
}

#[tokio::test]
async fn text_that_does_not_fit_is_refused() {
    let long = json!({ "id": 1, "people": 1, "name": "x".repeat(25) });
    let request = Request::post("/cities").header("content-type", "application/json");
    let answer =
        router(service()).oneshot(request.body(Body::from(long.to_string())).unwrap()).await.unwrap();
    assert_eq!(answer.status(), StatusCode::UNPROCESSABLE_ENTITY);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_backup_is_taken_while_requests_are_served() {
    let db = Database::temporary().unwrap();
    let folder = db.path().unwrap().parent().unwrap().to_owned();
    let service = Service::new(db).unwrap();
    post(&service, "/cities", berlin()).await;

    let other = service.clone();
    let writes = tokio::spawn(async move {
        for id in 0..20 {
            let city = json!({ "id": id, "people": id, "name": "a town" });
            assert_eq!(post(&other, "/cities", city).await.0, StatusCode::CREATED);
            assert_eq!(get(&other, "/cities/2950159").await.0, StatusCode::OK);
        }
    });
    let (status, answer) = post(&service, "/backup", json!(null)).await;
    assert_eq!(status, StatusCode::CREATED, "{answer}");
    writes.await.unwrap();

    let copy = crate::open(&folder.join(answer["file"].as_str().unwrap())).unwrap();
    assert!(copy.check().unwrap().is_sound());
    let cities = copy.table::<City>("cities").unwrap();
    assert_eq!(cities.get(2950159).unwrap().unwrap().people, 3_426_354);
    assert_eq!(answer["rows"], cities.len() + copy.table::<Visit>("visits").unwrap().len());
    // A second backup of the same state would be the same file.
    post(&service, "/cities", berlin()).await;
    assert_eq!(post(&service, "/backup", json!(null)).await.0, StatusCode::CREATED);
    assert_eq!(post(&service, "/backup", json!(null)).await.0, StatusCode::CONFLICT);
}

#[tokio::test]
async fn closing_reports_that_the_service_is_still_used() {
    let service = service();
    let other = service.clone();
    assert_eq!(service.close().unwrap_err().kind(), ErrorKind::Busy);
    other.close().unwrap();
}

#[test]
fn kinds_of_errors_are_status_codes() {
    assert_eq!(status(ErrorKind::Query), StatusCode::BAD_REQUEST);
    assert_eq!(status(ErrorKind::Limit), StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(status(ErrorKind::KeyExists), StatusCode::CONFLICT);
    assert_eq!(status(ErrorKind::Busy), StatusCode::SERVICE_UNAVAILABLE);
    assert_eq!(status(ErrorKind::Corrupt), StatusCode::INTERNAL_SERVER_ERROR);
}

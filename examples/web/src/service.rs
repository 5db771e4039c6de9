//! The state that all requests share, and what they ask for.

use std::sync::{Arc, RwLock};

use axum::extract::{Path, Query, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use drystone::query::{Predicate, QueryRows};
use drystone::{Database, Error, ErrorKind, OwnedTable, Record, Text, Timestamp};
use serde::{Deserialize, Serialize};

use crate::errors::Refusal;

/// A row is what comes and goes as JSON, too.
#[derive(Clone, Copy, Debug, PartialEq, Record, Serialize, Deserialize)]
#[repr(C)]
pub(crate) struct City {
    #[record(key)]
    pub(crate) id: u32,
    pub(crate) people: u32,
    pub(crate) name: Text<24>,
}

#[derive(Clone, Copy, Debug, PartialEq, Record)]
#[repr(C, packed)]
pub(crate) struct Visit {
    #[record(key)]
    pub(crate) city: u32,
    #[record(key)]
    pub(crate) at: Timestamp,
}

/// Both tables in one snapshot.
#[derive(Clone)]
struct Tables {
    cities: OwnedTable<City>,
    visits: OwnedTable<Visit>,
}

impl Tables {
    fn newest(db: &Database) -> drystone::Result<Tables> {
        let cities = db.table::<City>("cities")?;
        let visits = cities.sibling::<Visit>("visits")?;
        Ok(Tables { cities, visits })
    }
}

/// What every request gets. A clone shares the same state.
#[derive(Clone)]
pub(crate) struct Service {
    db: Database,
    tables: Arc<RwLock<Tables>>,
}

impl Service {
    pub(crate) fn new(db: Database) -> drystone::Result<Service> {
        db.update(|tx| {
            tx.table_or_create::<City>("cities")?;
            tx.table_or_create::<Visit>("visits").map(drop)
        })?;
        let tables = Arc::new(RwLock::new(Tables::newest(&db)?));
        Ok(Service { db, tables })
    }

    /// The tables in the newest state. All look-ups of one request use the same one.
    fn tables(&self) -> drystone::Result<Tables> {
        let tables = self.tables.read().unwrap_or_else(|error| error.into_inner()).clone();
        if tables.cities.is_newest() {
            return Ok(tables);
        }
        let newest = Tables::newest(&self.db)?;
        *self.tables.write().unwrap_or_else(|error| error.into_inner()) = newest.clone();
        Ok(newest)
    }

    /// Runs what waits for the disk on a thread that may block.
    async fn blocking<A: Send + 'static>(
        &self,
        work: impl FnOnce(&Database) -> drystone::Result<A> + Send + 'static,
    ) -> Result<A, Refusal> {
        let db = self.db.clone();
        Ok(tokio::task::spawn_blocking(move || work(&db)).await??)
    }

    /// Makes all commits durable and closes the file.
    ///
    /// # Errors
    /// `Busy` if a clone of the service is still in use.
    pub(crate) fn close(self) -> drystone::Result<()> {
        let Service { db, tables } = self;
        // The snapshot of the tables would keep the database open.
        drop(tables);
        db.close()
    }
}

pub(crate) fn router(service: Service) -> Router {
    Router::new()
        .route("/cities", get(find_cities).post(put_city))
        .route("/cities/{id}", get(city))
        .route("/cities/{id}/visits", post(visit))
        .route("/backup", post(backup))
        .with_state(service)
}

/// A city, and how often it was visited.
#[derive(Serialize)]
struct CityAnswer {
    #[serde(flatten)]
    city: City,
    visits: u64,
}

/// A look-up is a few reads of memory, so it needs no thread of its own.
async fn city(State(service): State<Service>, Path(id): Path<u32>) -> Result<Json<CityAnswer>, Refusal> {
    let tables = service.tables()?;
    let Some(&city) = tables.cities.get(id)? else {
        return Err(Refusal::NotFound(format!("there is no city {id}")));
    };
    let visits = tables.visits.as_table().prefix((id,))?.len();
    Ok(Json(CityAnswer { city, visits }))
}

#[derive(Deserialize)]
struct Search {
    /// A filter as a text: `people > 1000000 and name starts with 'B'`.
    r#where: Option<String>,
    limit: Option<u64>,
}

/// A query may read all rows, so it runs on a thread that may block.
async fn find_cities(
    State(service): State<Service>,
    Query(search): Query<Search>,
) -> Result<Json<QueryRows>, Refusal> {
    let filter = search.r#where.as_deref().map(str::parse::<Predicate>).transpose()?;
    let limit = search.limit.unwrap_or(100).min(10_000);
    let cities = service.tables()?.cities;
    let found = service.blocking(move |_| {
        let query = cities.as_table().query().threads(1).limit(limit);
        filter.into_iter().fold(query, |query, filter| query.filter(filter)).run()
    });
    found.await.map(Json)
}

async fn put_city(
    State(service): State<Service>,
    Json(city): Json<City>,
) -> Result<(StatusCode, Json<City>), Refusal> {
    let replaced = service.blocking(move |db| db.update(|tx| tx.table::<City>("cities")?.upsert(&city)));
    let status = if replaced.await? { StatusCode::OK } else { StatusCode::CREATED };
    Ok((status, Json(city)))
}

async fn visit(State(service): State<Service>, Path(city): Path<u32>) -> Result<StatusCode, Refusal> {
    let visited = service.blocking(move |db| {
        db.update(|tx| {
            if !tx.table::<City>("cities")?.contains(city)? {
                return Ok(false);
            }
            let mut visits = tx.table::<Visit>("visits")?;
            let mut at = Timestamp::now();
            // Two visits in one microsecond: the second is a microsecond later.
            while visits.contains((city, at))? {
                at = Timestamp::from_micros(at.micros() + 1);
            }
            visits.insert(&Visit { city, at })?;
            Ok(true)
        })
    });
    match visited.await? {
        true => Ok(StatusCode::CREATED),
        false => Err(Refusal::NotFound(format!("there is no city {city}"))),
    }
}

#[derive(Serialize)]
struct BackupAnswer {
    file: String,
    rows: u64,
    bytes: u64,
}

/// Copies the newest state to a new file beside the database. Other requests are served meanwhile.
async fn backup(State(service): State<Service>) -> Result<(StatusCode, Json<BackupAnswer>), Refusal> {
    let copied = service.blocking(|db| {
        let path = db.path().ok_or_else(|| Error::new(ErrorKind::Usage, "the database is in memory"))?;
        // The same state is copied once: for another copy of it the file is there.
        let transaction = db.stats()?.transaction;
        let path = path.with_extension(format!("{transaction}.backup.dry"));
        let report = db.backup(&path)?;
        let file = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Ok(BackupAnswer { file, rows: report.rows, bytes: report.bytes })
    });
    Ok((StatusCode::CREATED, Json(copied.await?)))
}

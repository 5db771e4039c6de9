//! `drystone mcp`, asked by a client that speaks JSON-RPC over its pipes.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::{Duration, Instant};

use drystone::{Database, Dyn};
use serde_json::{Value, json};

use crate::Folder;

/// A client, and the server that it has started.
struct Client {
    server: Child,
    to: Option<ChildStdin>,
    from: BufReader<ChildStdout>,
    next: u64,
}

impl Client {
    fn start(folder: &Folder, more: &[&str]) -> Client {
        let mut client = Client::without_handshake(folder, more);
        let answer = client.request(
            "initialize",
            &json!({
                "protocolVersion": "2025-06-18",
                "capabilities": {},
                "clientInfo": { "name": "a test", "version": "1" },
            }),
        );
        let result = &answer["result"];
        assert_eq!(result["serverInfo"]["name"], "drystone", "{answer}");
        assert_eq!(result["protocolVersion"], "2025-06-18", "{answer}");
        assert!(result["capabilities"]["tools"].is_object(), "{answer}");
        let said = result["instructions"].as_str().unwrap();
        assert!(said.contains("a.dry") && said.contains("Conditions: "), "{said}");
        client.send(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }));
        client
    }

    fn without_handshake(folder: &Folder, more: &[&str]) -> Client {
        let mut command = folder.command(&[&["mcp", "a.dry"], more].concat());
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut server = command.spawn().unwrap();
        let (to, from) = (server.stdin.take(), BufReader::new(server.stdout.take().unwrap()));
        Client { server, to, from, next: 1 }
    }

    fn send(&mut self, message: &Value) {
        writeln!(self.to.as_mut().unwrap(), "{message}").unwrap();
    }

    fn receive(&mut self) -> Value {
        let mut line = String::new();
        assert!(self.from.read_line(&mut line).unwrap() > 0, "the server has ended");
        serde_json::from_str(&line).unwrap()
    }

    /// Sends a request, and returns the answer to it.
    fn request(&mut self, method: &str, params: &Value) -> Value {
        let id = self.next;
        self.next += 1;
        self.send(&json!({ "jsonrpc": "2.0", "id": id, "method": method, "params": params }));
        let answer = self.receive();
        assert_eq!(answer["id"], id, "{answer}");
        answer
    }

    fn call(&mut self, tool: &str, arguments: Value) -> Value {
        self.request("tools/call", &json!({ "name": tool, "arguments": arguments }))
    }

    /// The answer of a tool, which must succeed.
    #[track_caller]
    fn answer(&mut self, tool: &str, arguments: Value) -> Value {
        let answer = self.call(tool, arguments);
        let result = &answer["result"];
        assert_ne!(result["isError"], true, "{answer}");
        serde_json::from_str(result["content"][0]["text"].as_str().unwrap()).unwrap()
    }

    /// The error that a tool answers with.
    #[track_caller]
    fn error(&mut self, tool: &str, arguments: Value) -> String {
        let answer = self.call(tool, arguments);
        assert_eq!(answer["result"]["isError"], true, "{answer}");
        answer["result"]["content"][0]["text"].as_str().unwrap().to_owned()
    }

    /// Closes the pipe to the server, which must end.
    fn end(mut self) -> (Option<i32>, String) {
        drop(self.to.take());
        let output = self.server.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8(output.stderr).unwrap())
    }
}

fn folder() -> Folder {
    let folder = Folder::new();
    let lines: String =
        (0..500).map(|id| format!("{id},{},{}\n", ["UA", "AA"][id % 2], id as i64 - 100)).collect();
    folder.file("a.csv", format!("id,carrier,delay\n{lines}"));
    folder.done(&[
        "load",
        "a.dry",
        "flights",
        "a.csv",
        "--schema",
        "id: u64 key, carrier: str[2], delay: i16? = 0",
    ]);
    folder.file("b.csv", "n,at\n340282366920938463463374607431768211455,2013-01-01\n");
    folder.done(&["load", "a.dry", "large", "b.csv", "--schema", "n: u128, at: date"]);
    folder.done(&["index", "a.dry", "create", "flights", "by_delay", "delay"]);
    folder
}

fn names(answer: &Value) -> Vec<&str> {
    answer["result"]["tools"].as_array().unwrap().iter().map(|tool| tool["name"].as_str().unwrap()).collect()
}

#[test]
fn a_model_can_look_around_and_ask() {
    let folder = folder();
    let mut client = Client::start(&folder, &[]);
    let listed = client.request("tools/list", &json!({}));
    assert_eq!(names(&listed), ["tables", "schema", "sample", "query", "count"]);
    for tool in listed["result"]["tools"].as_array().unwrap() {
        assert_eq!(tool["annotations"]["readOnlyHint"], true, "{tool}");
        assert_eq!(tool["inputSchema"]["type"], "object", "{tool}");
        assert!(tool["description"].as_str().unwrap().len() > 20, "{tool}");
    }
    let tables = client.answer("tables", json!({}));
    assert_eq!(tables["tables"][0]["table"], "flights");
    assert_eq!(tables["tables"][0]["rows"], 500);
    assert_eq!(tables["tables"][0]["schema"], "id: u64 key, carrier: str[2], delay: i16? = 0");
    let schema = client.answer("schema", json!({ "table": "flights" }));
    assert_eq!(
        schema["fields"][2],
        json!({ "field": "delay", "type": "i16", "nullable": true, "key": false, "default": "0" })
    );
    assert_eq!(schema["indexes"], json!([{ "index": "by_delay", "fields": ["delay"], "unique": false }]));
    let sample = client.answer("sample", json!({ "table": "flights", "rows": 5 }));
    let ids: Vec<u64> =
        sample["rows"].as_array().unwrap().iter().map(|row| row["id"].as_u64().unwrap()).collect();
    assert_eq!((ids, &sample["truncated"]), (vec![0, 100, 200, 300, 400], &json!(false)));

    let query = client.answer(
        "query",
        json!({ "table": "flights", "where": "id < 10", "group_by": "carrier", "aggregate": "count, max(delay) as worst" }),
    );
    assert_eq!(
        query["rows"],
        json!([{ "carrier": "AA", "count": 5, "worst": -91 }, { "carrier": "UA", "count": 5, "worst": -92 }])
    );
    assert!(query["plan"].as_str().unwrap().contains("table \"flights\", 500 rows"), "{query}");
    let query = client.answer(
        "query",
        json!({ "table": "flights", "select": "id, delay as late", "order_by": "-delay", "limit": 2 }),
    );
    assert_eq!(query["rows"], json!([{ "id": 499, "late": 399 }, { "id": 498, "late": 398 }]));
    assert_eq!(query["truncated"], false);
    assert_eq!(
        client.answer("query", json!({ "table": "flights", "select": "carrier", "distinct": true }))["count"],
        2
    );
    assert_eq!(client.answer("count", json!({ "table": "flights" })), json!({ "count": 500, "of": 500 }));
    assert_eq!(client.answer("count", json!({ "table": "flights", "where": "delay < 0" }))["count"], 100);
    // A number of 128 bits is exact.
    let answer = client.call("sample", json!({ "table": "large" }));
    let text = answer["result"]["content"][0]["text"].as_str().unwrap();
    assert!(text.contains("\"n\":340282366920938463463374607431768211455,\"at\":\"2013-01-01\""), "{text}");
    assert_eq!(client.end(), (Some(0), String::new()));
}

#[test]
fn mistakes_are_answered_and_do_not_end_the_server() {
    let folder = folder();
    let mut client = Client::start(&folder, &[]);
    for (tool, arguments, expected) in [
        ("count", json!({ "table": "fights" }), "flights"),
        ("count", json!({}), "wrong arguments: missing field `table`"),
        ("count", json!({ "table": "flights", "wher": "id = 1" }), "wrong arguments: unknown field `wher`"),
        (
            "count",
            json!({ "table": "flights", "where": "id >" }),
            "where: column 5: expected a value or a field",
        ),
        ("query", json!({ "table": "flights", "group_by": "carrier,," }), "group_by: "),
        ("query", json!({ "table": "flights", "select": "carier" }), "did you mean \"carrier\"?"),
        ("query", json!({ "table": "flights", "limit": -1 }), "wrong arguments: "),
        ("schema", json!({ "table": 7 }), "wrong arguments: invalid type"),
    ] {
        let said = client.error(tool, arguments.clone());
        assert!(said.contains(expected), "{tool} {arguments}: {said}");
    }
    // What is no call of a tool of this server is an error of the protocol.
    let answer = client.call("drop", json!({}));
    assert_eq!(answer["error"]["code"], -32602, "{answer}");
    assert!(answer["error"]["message"].as_str().unwrap().contains("there is no tool \"drop\""), "{answer}");
    let answer = client.call("remove", json!({ "table": "flights", "where": "true" }));
    assert!(answer["error"]["message"].as_str().unwrap().contains("started without --write"), "{answer}");
    let answer = client.request("tools/frobnicate", &json!({}));
    assert_eq!(answer["error"]["code"], -32601, "{answer}");
    assert_eq!(client.answer("count", json!({ "table": "flights" }))["count"], 500);
    assert_eq!(client.end(), (Some(0), String::new()));
    assert!(folder.done(&["info", "a.dry"]).contains("500"));

    let said = folder.refused(2, &["mcp", "nowhere.dry"]);
    assert!(said.contains("cannot open \"nowhere.dry\""), "{said}");
    let mut client = Client::without_handshake(&folder, &[]);
    client
        .send(&json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": { "name": "tables" } }));
    let (code, said) = client.end();
    assert_eq!(code, Some(2), "{said}");
    assert!(said.contains("the client did not speak MCP"), "{said}");
}

#[test]
fn answers_and_calls_have_limits() {
    let folder = folder();
    let mut client = Client::start(&folder, &["--max-rows", "20"]);
    let query = client.answer("query", json!({ "table": "flights", "limit": 100 }));
    assert_eq!((&query["count"], &query["truncated"]), (&json!(20), &json!(true)));
    let query = client.answer("query", json!({ "table": "flights", "limit": 7 }));
    assert_eq!((&query["count"], &query["truncated"]), (&json!(7), &json!(false)));
    let query = client.answer("query", json!({ "table": "flights", "where": "id < 20" }));
    assert_eq!((&query["count"], &query["truncated"]), (&json!(20), &json!(false)));
    assert_eq!(client.answer("sample", json!({ "table": "flights", "rows": 100 }))["truncated"], true);
    client.end();

    let mut client = Client::start(&folder, &["--max-bytes", "1K"]);
    let query = client.answer("query", json!({ "table": "flights" }));
    let count = query["count"].as_u64().unwrap();
    assert!((5..40).contains(&count) && query["truncated"] == true, "{query}");
    client.end();

    let said = folder.refused(2, &["mcp", "a.dry", "--max-rows", "0"]);
    assert!(said.contains("--max-rows"), "{said}");
}

#[test]
#[expect(unsafe_code, reason = "opening a mapped file is unsafe")]
fn a_call_that_takes_too_long_is_an_error() {
    let folder = folder();
    // SAFETY: only this test and the server that it runs use the file.
    let db = unsafe { Database::open(folder.path("a.dry")).unwrap() };
    let mut client = Client::start(&folder, &["--write", "--max-seconds", "1"]);
    let write = db.write().unwrap();
    let since = Instant::now();
    let said = client.error("remove", json!({ "table": "flights", "where": "id = 1" }));
    assert!(said.contains(&format!("in process {}", std::process::id())), "{said}");
    assert!(since.elapsed() < Duration::from_secs(10));
    // Reading goes on beside the writer.
    assert_eq!(client.answer("count", json!({ "table": "flights" }))["count"], 500);
    drop(write);
    assert_eq!(client.answer("remove", json!({ "table": "flights", "where": "id = 1" }))["removed"], 1);
    client.end();
}

#[test]
#[expect(unsafe_code, reason = "opening a mapped file is unsafe")]
fn each_call_sees_the_newest_state_while_another_process_writes() {
    let folder = folder();
    // SAFETY: only this test and the server that it runs use the file.
    let db = unsafe { Database::open(folder.path("a.dry")).unwrap() };
    let mut client = Client::start(&folder, &[]);
    for round in 1..=20_i64 {
        db.update(|write| {
            write.table::<Dyn>("flights")?.update_where("true".parse()?, |row| row.set("delay", round))?;
            Ok(())
        })
        .unwrap();
        let query = client.answer(
            "query",
            json!({ "table": "flights", "aggregate": "min(delay) as low, max(delay) as high, count" }),
        );
        assert_eq!(query["rows"], json!([{ "low": round, "high": round, "count": 500 }]));
    }
    // Commits in the middle of the calls: an answer is never half of one state and half of another.
    let stop = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in (100..=300_i64).cycle() {
                if stop.load(std::sync::atomic::Ordering::Relaxed) {
                    break;
                }
                db.update(|write| {
                    write
                        .table::<Dyn>("flights")?
                        .update_where("true".parse()?, |row| row.set("delay", round))?;
                    Ok(())
                })
                .unwrap();
            }
        });
        for _ in 0..200 {
            let query = client.answer(
                "query",
                json!({ "table": "flights", "aggregate": "min(delay) as low, max(delay) as high" }),
            );
            assert_eq!(query["rows"][0]["low"], query["rows"][0]["high"], "{query}");
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    assert_eq!(client.end(), (Some(0), String::new()));
    drop(db);
    assert!(folder.done(&["check", "a.dry"]).contains("sound"));
}

#[test]
fn rows_are_changed_only_with_write() {
    let folder = folder();
    let mut client = Client::start(&folder, &["--write"]);
    let listed = client.request("tools/list", &json!({}));
    assert_eq!(names(&listed), ["tables", "schema", "sample", "query", "count", "load", "set", "remove"]);
    let hints: Vec<&Value> =
        listed["result"]["tools"].as_array().unwrap()[5..].iter().map(|tool| &tool["annotations"]).collect();
    assert_eq!((&hints[0]["destructiveHint"], &hints[2]["destructiveHint"]), (&json!(false), &json!(true)));
    assert_eq!((&hints[0]["readOnlyHint"], &hints[2]["readOnlyHint"]), (&json!(false), &json!(false)));

    let rows = json!([{ "id": 1000, "carrier": "DL" }, { "id": 1001, "carrier": "B6", "delay": null }]);
    let loaded = client.answer("load", json!({ "table": "flights", "rows": rows }));
    assert_eq!(loaded, json!({ "loaded": 2, "duplicates": 0, "rows": 502 }));
    let said = client.error("load", json!({ "table": "flights", "rows": rows }));
    assert!(said.contains("1000"), "{said}");
    let said =
        client.error("load", json!({ "table": "flights", "rows": [{ "id": 1002, "carrier": "long" }] }));
    assert!(said.contains("too long"), "{said}");
    assert_eq!(
        client.answer("load", json!({ "table": "flights", "rows": rows, "on_duplicate": "last" }))["duplicates"],
        2
    );
    let large = json!([{ "n": "340282366920938463463374607431768211455", "at": "2013-01-02" }]);
    assert_eq!(client.answer("load", json!({ "table": "large", "rows": large }))["rows"], 2);

    let set = json!({ "table": "flights", "where": "id >= 1000", "values": { "delay": 7, "carrier": "XX" } });
    let mut dry = set.clone();
    dry["dry_run"] = json!(true);
    assert_eq!(client.answer("set", dry), json!({ "would_set": 2, "of": 502 }));
    assert_eq!(
        client.answer("count", json!({ "table": "flights", "where": "carrier = \"XX\"" }))["count"],
        0
    );
    assert_eq!(client.answer("set", set), json!({ "set": 2, "of": 502 }));
    assert_eq!(
        client.answer("count", json!({ "table": "flights", "where": "carrier = \"XX\" and delay = 7" }))["count"],
        2
    );
    let said = client.error("set", json!({ "table": "flights", "where": "true", "values": { "id": 1 } }));
    assert!(said.contains("field \"id\" is part of the key"), "{said}");
    let said =
        client.error("set", json!({ "table": "flights", "where": "true", "values": { "delay": "late" } }));
    assert!(said.contains("\"late\" is not a valid i16?"), "{said}");

    let remove = json!({ "table": "flights", "where": "id >= 1000" });
    let mut dry = remove.clone();
    dry["dry_run"] = json!(true);
    assert_eq!(client.answer("remove", dry), json!({ "would_remove": 2, "of": 502 }));
    assert_eq!(client.answer("remove", remove), json!({ "removed": 2, "left": 500 }));
    let said = client.error("remove", json!({ "table": "flights" }));
    assert!(said.contains("missing field `where`"), "{said}");
    assert_eq!(client.end(), (Some(0), String::new()));
    assert!(folder.done(&["check", "a.dry"]).contains("sound"));
    assert_eq!(
        folder.done(&["query", "a.dry", "flights", "--aggregate", "count", "--format", "csv"]),
        "count\n500\n"
    );
}

#[test]
fn calls_may_be_under_way_at_once() {
    let folder = folder();
    let mut client = Client::start(&folder, &[]);
    for id in 100..130 {
        let params =
            json!({ "name": "count", "arguments": { "table": "flights", "where": format!("id < {id}") } });
        client.send(&json!({ "jsonrpc": "2.0", "id": id, "method": "tools/call", "params": params }));
    }
    let mut counted: Vec<(u64, u64)> = (0..30)
        .map(|_| {
            let answer = client.receive();
            let text: Value =
                serde_json::from_str(answer["result"]["content"][0]["text"].as_str().unwrap()).unwrap();
            (answer["id"].as_u64().unwrap(), text["count"].as_u64().unwrap())
        })
        .collect();
    counted.sort_unstable();
    assert_eq!(counted, (100..130).map(|id| (id, id)).collect::<Vec<_>>());
    assert_eq!(client.end(), (Some(0), String::new()));
}

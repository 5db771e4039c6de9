//! The tools that the server offers: their names, what they are for, and the JSON schemas of their
//! arguments. The descriptions are all that a language model knows of them.

use std::sync::Arc;

use rmcp::model::{JsonObject, Tool, ToolAnnotations};
use serde_json::{Value as Json, json};

/// How conditions and lists are written.
pub(super) const GRAMMAR: &str = "\
Conditions: 'carrier = \"UA\" and (delay > 60 or delay is null)'; = != < <= > >= between in (1, 2) is null \
starts with and or not. Texts, dates and timestamps stand in quotes: time >= \"2013-07-04T12:00:00Z\". A name with \
spaces stands in back quotes. Lists have commas between their parts: 'carrier, delay as late'. Aggregates: count, \
count(x), count_distinct(x), sum(x), min(x), max(x), mean(x), first(x), last(x). floor(x, 100) rounds numbers down to \
steps, floor(time, 15 min) timestamps.";

/// All tools; without the ones that write if the server may not.
pub(super) fn all(may_write: bool) -> Vec<Tool> {
    let mut tools = vec![
        tool("tables", "List the tables: name, number of rows, fields.", &[], json!({})),
        tool(
            "schema",
            "Describe a table: its fields with types, the key, indexes, number of rows. A type with a question mark \
             allows null.",
            &["table"],
            json!({ "table": text("The name of the table") }),
        ),
        tool(
            "sample",
            "Show rows of a table that lie at even distances, to see what its values look like.",
            &["table"],
            json!({
                "table": text("The name of the table"),
                "rows": number("How many rows; 10 by default"),
            }),
        ),
        tool(
            "query",
            "Answer a query: rows that match a condition, or aggregates of them, for all rows or for groups. The \
             answer has the plan of the query too.",
            &["table"],
            json!({
                "table": text("The name of the table"),
                "where": text("Only rows for which this condition is true: 'delay > 60 and carrier = \"UA\"'"),
                "select": text("The fields, with commas between them; all of them if this is left out"),
                "group_by": text("A row for each group of rows that agree in these: 'carrier, floor(time, 1 h) as hour'"),
                "aggregate": text("What to compute: 'count, mean(delay) as average'"),
                "order_by": text("What to sort by, with a minus for the greatest first: '-count, carrier'"),
                "distinct": { "type": "boolean", "description": "Each row once" },
                "limit": number("At most this many rows; 100 by default"),
            }),
        ),
        tool(
            "count",
            "Count the rows of a table for which a condition is true, or all of them.",
            &["table"],
            json!({ "table": text("The name of the table"), "where": text("The condition") }),
        ),
    ];
    if may_write {
        tools.extend(changing());
    }
    tools
}

fn changing() -> Vec<Tool> {
    let dry_run = json!({ "type": "boolean", "description": "Only say how many rows would change" });
    let filter = text("The condition; 'true' for all rows");
    let tools = [
        tool(
            "load",
            "Add rows to a table, all of them or none.",
            &["table", "rows"],
            json!({
                "table": text("The name of the table"),
                "rows": {
                    "type": "array",
                    "items": { "type": "object" },
                    "description": "The rows, as objects whose members are fields. Dates and timestamps are texts, and \
                                    so are whole numbers of more than 64 bits. A field that is left out gets its default",
                },
                "on_duplicate": {
                    "type": "string",
                    "enum": ["error", "first", "last"],
                    "description": "What to do with a second row of the same key: nothing is loaded (the default), the \
                                    first one stays, or the last one",
                },
            }),
        ),
        tool(
            "set",
            "Set fields of all rows for which a condition is true. Fields of the key cannot be set.",
            &["table", "where", "values"],
            json!({
                "table": text("The name of the table"),
                "where": filter,
                "values": { "type": "object", "description": "The fields and their new values" },
                "dry_run": dry_run,
            }),
        ),
        tool(
            "remove",
            "Remove all rows for which a condition is true.",
            &["table", "where"],
            json!({ "table": text("The name of the table"), "where": filter, "dry_run": dry_run }),
        ),
    ];
    tools
        .into_iter()
        .map(|mut tool| {
            let adds_only = tool.name == "load";
            tool.annotations =
                Some(ToolAnnotations::from_raw(None, Some(false), Some(!adds_only), None, Some(false)));
            tool
        })
        .collect()
}

/// A tool that reads.
fn tool(name: &'static str, description: &'static str, required: &[&str], properties: Json) -> Tool {
    let schema = json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    });
    let schema = match schema {
        Json::Object(schema) => schema,
        _ => JsonObject::new(),
    };
    let mut tool = Tool::new(name, description, Arc::new(schema));
    tool.annotations = Some(ToolAnnotations::from_raw(None, Some(true), None, None, Some(false)));
    tool
}

fn text(description: &str) -> Json {
    json!({ "type": "string", "description": description })
}

fn number(description: &str) -> Json {
    json!({ "type": "integer", "minimum": 0, "description": description })
}

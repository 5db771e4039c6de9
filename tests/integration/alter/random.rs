//! Random changes of schemas and rows, and the same in a `Vec` of rows.

use std::cmp::Ordering;

use drystone::{Dyn, FieldDef, Result, RowBuf, Schema, Type, Value, WriteTransaction};

use crate::random::Random;
use crate::temp::{TempDb, assert_sound};

/// What the table is to be.
#[derive(Clone)]
struct Model {
    schema: Schema,
    rows: Vec<RowBuf>,
    /// Names of indexes, and of their fields.
    indexes: Vec<(String, Vec<String>)>,
    made: usize,
}

impl Model {
    fn field(&self, random: &mut Random) -> FieldDef {
        self.schema.fields()[random.below(self.schema.fields().len())].clone()
    }

    fn is_indexed(&self, field: &str) -> bool {
        self.indexes.iter().any(|(_, fields)| fields.iter().any(|there| there == field))
    }

    /// Gives rows another schema; `value` tells what becomes of the value of a field of the new
    /// one.
    fn remake(&mut self, schema: Schema, value: impl Fn(&RowBuf, &FieldDef) -> Option<Value<'static>>) {
        for row in &mut self.rows {
            let mut new = RowBuf::new(&schema);
            for field in schema.fields() {
                if let Some(value) = value(row, field) {
                    new.set(field.name(), value).unwrap();
                }
            }
            *row = new;
        }
        self.schema = schema;
        self.sort();
    }

    fn sort(&mut self) {
        let keys: Vec<String> = self.schema.key_fields().iter().map(|field| field.name().into()).collect();
        let schema = self.schema.clone();
        self.rows.sort_by(|one, other| {
            let orders = keys.iter().map(|key| {
                let field = schema.field(key).unwrap();
                compare(field, &one.get(&**key).unwrap(), &other.get(&**key).unwrap())
            });
            orders.fold(Ordering::Equal, Ordering::then)
        });
    }

    fn same_names(row: &RowBuf, field: &FieldDef) -> Option<Value<'static>> {
        row.schema().position(field.name()).map(|at| row.get(at).unwrap().into_owned())
    }
}

fn compare(field: &FieldDef, one: &Value<'_>, other: &Value<'_>) -> Ordering {
    let position = |value: &Value<'_>| field.names().unwrap().position(value.as_str().unwrap());
    match (one, other) {
        (Value::Text(_), Value::Text(_)) if field.names().is_some() => position(one).cmp(&position(other)),
        (Value::Text(one), Value::Text(other)) => one.as_bytes().cmp(other.as_bytes()),
        _ => one.as_f64().unwrap().total_cmp(&other.as_f64().unwrap()),
    }
}

/// The value that a field of this type would have, if it is the same one.
fn kept(value: &Value<'_>, field: &FieldDef) -> Option<Value<'static>> {
    let schema = Schema::new(vec![field.clone()]).unwrap();
    let mut row = RowBuf::new(&schema);
    let is_text = matches!(field.ty(), Type::Str(_) | Type::Enum(_));
    match value {
        Value::Text(text) if !is_text => row.set_text(0, text).ok()?,
        Value::Text(_) | Value::Null => row.set(0, value.clone()).ok()?,
        other if is_text => row.set(0, other.to_string()).ok()?,
        other => row.set(0, other.clone()).ok()?,
    }
    let new = row.get(0).unwrap().into_owned();
    let is_same = new == *value || (!value.is_null() && new.to_string() == value.to_string());
    is_same.then_some(new)
}

const TYPES: [&str; 10] =
    ["i8", "i16", "i32", "i64", "u8", "u16", "f64", "str[2]", "str[6]", "enum[0, 1, 2, a, b, c]"];

/// Makes a random change in both, and returns which one. What the model cannot do the table must
/// refuse.
fn change(write: &WriteTransaction, model: &mut Model, random: &mut Random) -> usize {
    model.made += 1;
    let new_name = format!("f{}", model.made);
    let field = model.field(random);
    let name = field.name().to_owned();
    let rows = model.rows.len() as u64;
    let kind = random.below(10);
    match kind {
        0 => {
            let text = random.of(&["i16 = 3", "str[4]? = a", "u8?", "enum[a, b]", "f64 = 0.5", "i16"]);
            let field = format!("{new_name}: {}", text.replace("= a", "= \"a\""));
            let field = field.parse::<Schema>().unwrap().fields()[0].clone();
            let appended = write.append_field("t", field.clone());
            if model.rows.is_empty() || field.default().or(field.null()).is_some() {
                assert_eq!(appended.unwrap(), rows);
                model.remake(model.schema.append(field).unwrap(), Model::same_names);
            } else {
                appended.unwrap_err();
            }
        }
        1 => {
            assert_eq!(write.rename_field("t", &name, &new_name).unwrap(), 0);
            let fields = model.schema.fields().iter().map(|there| match *there == field {
                true => there.clone().renamed(&new_name).unwrap(),
                false => there.clone(),
            });
            let schema = Schema::new(fields.collect()).unwrap();
            let (old, new) = (model.schema.clone(), schema.clone());
            model.remake(schema, |row, field| {
                let at = new.position(field.name()).unwrap();
                Some(row.get(old.fields()[at].name()).unwrap().into_owned())
            });
            let names = model.indexes.iter_mut().flat_map(|(_, names)| names);
            names.filter(|there| **there == name).for_each(|there| *there = new_name.clone());
        }
        2 => {
            let dropped = write.drop_field("t", &name);
            if field.is_key() || model.is_indexed(&name) || model.schema.fields().len() == 1 {
                dropped.unwrap_err();
            } else {
                assert_eq!(dropped.unwrap(), rows);
                let left = model.schema.fields().iter().filter(|there| **there != field).cloned();
                model.remake(Schema::new(left.collect()).unwrap(), Model::same_names);
            }
        }
        3 => {
            let mut fields = model.schema.fields().to_vec();
            for at in 1..fields.len() {
                fields.swap(at, random.below(at + 1));
            }
            fields.sort_by_key(|field| !field.is_key());
            let names: Vec<&str> = fields.iter().map(FieldDef::name).collect();
            write.reorder("t", &names).unwrap();
            model.remake(Schema::new(fields.clone()).unwrap(), Model::same_names);
        }
        4 | 5 => {
            let ty: Type = random.of(&TYPES).parse().unwrap();
            let mut new = FieldDef::new(&name, &ty).unwrap();
            if field.is_nullable() {
                new = new.nullable().unwrap();
            }
            if field.is_key() {
                new = new.key().unwrap();
            }
            let kept_in = |field: &FieldDef, row: &RowBuf| kept(&row.get(&*name).unwrap(), field);
            let default = field.default().map(|stored| kept(&field.load(stored).unwrap(), &new));
            let changed = write.change_type("t", &name, &ty);
            let all_kept = model.rows.iter().all(|row| kept_in(&new, row).is_some());
            if !all_kept || default == Some(None) {
                assert!(changed.is_err(), "{field} to {ty}");
                return kind;
            }
            changed.unwrap();
            if let Some(Some(default)) = default {
                let mut stored = vec![0; new.width()];
                new.store(&default, &mut stored).unwrap();
                new = new.default_bytes(&stored).unwrap();
            }
            let fields =
                model.schema.fields().iter().map(|there| if *there == field { &new } else { there }.clone());
            let schema = Schema::new(fields.collect()).unwrap();
            model.remake(schema, |row, field| kept(&row.get(field.name()).unwrap(), field));
        }
        6 => {
            let nullable = !field.is_nullable();
            let changed = write.set_nullable("t", &name, nullable);
            let has_null = model.rows.iter().any(|row| row.is_null(&*name).unwrap());
            if field.is_key() || (!nullable && has_null) {
                changed.unwrap_err();
            } else if changed.is_ok() {
                let of = |there: &FieldDef| {
                    let mut new = FieldDef::new(&name, there.ty()).unwrap();
                    if nullable {
                        new = new.nullable().unwrap();
                    }
                    match there.default() {
                        Some(stored) if !there.is_null(stored) => new.default_bytes(stored).unwrap(),
                        _ => new,
                    }
                };
                let fields = model.schema.fields().iter();
                let fields = fields.map(|there| if *there == field { of(there) } else { there.clone() });
                model.remake(Schema::new(fields.collect()).unwrap(), Model::same_names);
            }
        }
        7 => {
            let more: Vec<String> =
                (0..[1, 300][random.below(2)]).map(|at| format!("{new_name}_{at}")).collect();
            let longer = model.schema.append_names(&name, &more);
            let added = write.add_names("t", &name, &more);
            let Ok(schema) = longer else {
                added.unwrap_err();
                return kind;
            };
            let widens = schema.width() != model.schema.width();
            assert_eq!(added.unwrap(), if widens { rows } else { 0 });
            model.remake(schema, Model::same_names);
        }
        8 => {
            let schema = model.schema.clone();
            let last = schema.fields().last().unwrap();
            write
                .rewrite_dyn_table("t", &schema, |row| {
                    let mut row = row.to_buf();
                    if !last.is_key() {
                        row.set(last.name(), RowBuf::new(&schema).get(last.name())?)?;
                    }
                    Ok(row)
                })
                .unwrap();
            let initial = RowBuf::new(&schema);
            model.remake(schema.clone(), |row, field| match field == last && !last.is_key() {
                true => Some(initial.get(field.name()).unwrap().into_owned()),
                false => Model::same_names(row, field),
            });
        }
        _ => match model.indexes.pop().filter(|_| random.below(2) == 0) {
            Some((index, _)) => write.drop_index("t", &index).unwrap(),
            None => {
                let index = format!("by {name} {}", model.made);
                write.create_index("t", &index, &[&name]).unwrap();
                model.indexes = write
                    .indexes("t")
                    .unwrap()
                    .into_iter()
                    .map(|index| (index.name.clone(), index.fields.clone()))
                    .collect();
            }
        },
    }
    kind
}

/// Puts in a row, or takes one out.
fn edit(write: &WriteTransaction, model: &mut Model, random: &mut Random) -> Result<()> {
    let mut table = write.table::<Dyn>("t")?;
    let is_keyed = model.schema.is_keyed();
    if random.below(4) == 0 && !model.rows.is_empty() {
        let at = random.below(model.rows.len());
        let row = model.rows.remove(at);
        if is_keyed {
            let key: Vec<Value<'_>> =
                model.schema.key_fields().iter().map(|field| row.get(field.name()).unwrap()).collect();
            assert!(table.remove(&key)?.is_some());
        } else {
            table.truncate(at as u64)?;
            table.extend(model.rows[at..].iter().cloned())?;
        }
        return Ok(());
    }
    let mut row = RowBuf::new(&model.schema);
    for field in model.schema.fields() {
        let text = random.below(100).to_string();
        // What does not fit stays what it was.
        let _ = row.set_text(field.name(), &text);
        if matches!(field.ty(), Type::Enum(_)) {
            let names = field.names().unwrap();
            row.set(field.name(), names.get(random.below(names.len().min(200))).unwrap())?;
        }
    }
    if !is_keyed {
        table.push(&row)?;
        model.rows.push(row);
    } else if table.insert(&row).is_ok() {
        model.rows.push(row);
        model.sort();
    }
    Ok(())
}

fn compare_all(write: &WriteTransaction, model: &Model) {
    let table = write.table::<Dyn>("t").unwrap();
    assert_eq!(table.schema().to_string(), model.schema.to_string());
    let found: Vec<String> = table.iter().map(|row| row.unwrap().to_string()).collect();
    let expected: Vec<String> = model.rows.iter().map(RowBuf::to_string).collect();
    assert_eq!(found, expected);
    for (name, fields) in &model.indexes {
        let index = table.index(name).unwrap();
        assert!(index.fields().iter().map(FieldDef::name).eq(fields), "{name}");
        let mut found: Vec<String> = index.iter().map(|row| row.unwrap().to_string()).collect();
        let mut expected = expected.clone();
        found.sort();
        expected.sort();
        assert_eq!(found, expected);
    }
}

#[test]
fn random_changes_give_what_a_list_of_rows_gives() {
    // How often each kind of change changed the schema.
    let mut changed = [0; 10];
    for seed in 0..30 {
        let mut random = Random::new(seed);
        let temp = TempDb::in_memory_folder();
        let mut db = temp.open();
        let text = ["a: i16, b: str[4], c: enum[x, y]?", "a: i16 key, b: u8 key, c: str[4]?, d: f64"];
        let schema: Schema = text[seed as usize % 2].parse().unwrap();
        let mut model = Model { schema, rows: Vec::new(), indexes: Vec::new(), made: 0 };
        let write = db.write().unwrap();
        write.create_dyn_table("t", &model.schema).unwrap();
        write.commit().unwrap();
        for _ in 0..12 {
            let before = model.clone();
            let write = db.write().unwrap();
            for _ in 0..random.below(6) {
                for _ in 0..random.below(8) {
                    edit(&write, &mut model, &mut random).unwrap();
                }
                let schema = model.schema.to_string();
                let kind = change(&write, &mut model, &mut random);
                changed[kind] += usize::from(schema != model.schema.to_string());
                compare_all(&write, &model);
            }
            if random.below(4) == 0 {
                drop(write);
                model = Model { made: model.made, ..before };
            } else {
                write.commit().unwrap();
            }
            if random.below(3) == 0 {
                drop(db);
                db = temp.open();
            }
            assert_sound(&db);
        }
        compare_all(&db.write().unwrap(), &model);
    }
    assert!(changed[..8].iter().all(|times| *times > 5), "{changed:?}");
}

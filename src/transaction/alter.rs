//! Changing the schema of a table: its fields, their names, types and order, or all of it. The
//! methods are public; rows are rewritten by `table`, and the catalog by `catalog`.

use super::WriteTransaction;
use crate::catalog::Definition;
use crate::error::{Error, Result, bail};
use crate::load::LoadOptions;
use crate::record::{Record, Row, RowBuf};
use crate::schema::{FieldDef, Schema, Type};
use crate::table::{Convert, Dyn, Entries, RowKind, TableSource, TableWriter, WriteHandle};

/// # Changes of a schema
///
/// Each of these calls changes one table within the transaction. Indexes, defaults, nullability and
/// a chosen leaf size are kept (the leaf size as far as the new rows allow it). Snapshots that were
/// taken before keep the old rows. After an error the table is as it was, and the transaction can
/// go on. Each call returns how many rows it rewrote; 0 means that only the catalog changed.
impl WriteTransaction {
    /// Appends a field to a table. Existing rows get its default, or null. Rewrites all rows: O(n).
    /// Returns how many.
    ///
    /// ```
    /// # use drystone::{Database, Dyn, FieldDef, Record, Type};
    /// # #[derive(Clone, Copy, Record)] #[repr(C)] struct Point { x: i32, y: i32 }
    /// # let db = Database::in_memory()?;
    /// let write = db.write()?;
    /// write.create_table::<Point>("points")?.push(&Point { x: 1, y: 2 })?;
    /// write.append_field("points", FieldDef::new("z", Type::I32)?.default_text("7")?)?;
    /// let points = write.table::<Dyn>("points")?;
    /// assert_eq!(points.get(&[0.into()])?.unwrap().to_string(), "x: 1, y: 2, z: 7");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Schema` if the field cannot be appended, or if it has neither a default nor null and the
    /// table has rows; `TableNotFound` if there is no such table; `Usage` while a handle has it;
    /// `Io` if the disk is full.
    pub fn append_field(&self, table: &str, field: FieldDef) -> Result<u64> {
        self.remake(table, |old| {
            let schema = old.definition.schema.append(field)?;
            match schema.fields().last() {
                Some(field) if field.default().or(field.null()).is_none() && old.rows() > 0 => bail!(
                    Schema,
                    "the table has rows, and field {:?} gives them no value; declare it with a default, or nullable",
                    field.name()
                ),
                _ => Ok(schema),
            }
        })
    }

    /// Renames a field. Its indexes stay, and it may be part of the key. O(1): no row is rewritten,
    /// and 0 is returned.
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Record)] #[repr(C)] struct Point { x: i32, y: i32 }
    /// # let db = Database::in_memory()?;
    /// let write = db.write()?;
    /// write.create_table::<Point>("points")?.push(&Point { x: 1, y: 2 })?;
    /// write.rename_field("points", "y", "height")?;
    /// write.commit()?;
    /// let read = db.read()?;
    /// let points = read.table::<drystone::Dyn>("points")?;
    /// assert_eq!(points.schema().to_string(), "x: i32, height: i32");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `TableNotFound` or `FieldNotFound` if there is none; `AlreadyExists` if the table has a
    /// field of the new name; `Schema` if the new name is invalid; `Usage` while a handle has the
    /// table.
    pub fn rename_field(&self, table: &str, field: &str, new_name: &str) -> Result<u64> {
        let mut writer = self.open_to_alter(table)?;
        self.within(table, || {
            let schema = &writer.table.definition.schema;
            schema.field(field)?;
            if field == new_name {
                return Ok(0);
            }
            if schema.position(new_name).is_some() {
                bail!(AlreadyExists, "there is a field {new_name:?} already; choose another name");
            }
            let schema = replace_field(schema, field, |field| field.clone().renamed(new_name))?;
            self.relabel(&mut writer, &schema, Some((field, new_name)))
        })
    }

    /// Drops a field with its values. Rewrites all rows: O(n). Returns how many.
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Record)] #[repr(C)] struct Point { x: i32, y: i32 }
    /// # let db = Database::in_memory()?;
    /// let write = db.write()?;
    /// write.create_table::<Point>("points")?.push(&Point { x: 1, y: 2 })?;
    /// assert_eq!(write.drop_field("points", "x")?, 1);
    /// write.commit()?;
    /// assert_eq!(db.read()?.table::<drystone::Dyn>("points")?.schema().to_string(), "y: i32");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `TableNotFound` or `FieldNotFound` if there is none; `Schema` if the field is part of the
    /// key, has an index on it, or is the only field; `Usage` while a handle has the table; `Io` if
    /// the disk is full.
    pub fn drop_field(&self, table: &str, field: &str) -> Result<u64> {
        self.remake(table, |old| {
            let schema = &old.definition.schema;
            if schema.field(field)?.is_key() {
                bail!(
                    Schema,
                    "field {field:?} is part of the key, and the key cannot lose a field; use rewrite_table to give \
                     the rows another key"
                );
            }
            let on_it =
                old.indexes().filter(|index| TableWriter::indexed(index).any(|indexed| indexed == field));
            let on_it: Vec<String> = on_it.map(|index| format!("{:?}", index.name)).collect();
            if !on_it.is_empty() {
                let indexes = if on_it.len() == 1 { "index" } else { "indexes" };
                bail!(
                    Schema,
                    "field {field:?} is in {indexes} {}; drop that first, with drop_index",
                    on_it.join(", ")
                );
            }
            if schema.fields().len() == 1 {
                bail!(
                    Schema,
                    "field {field:?} is the only one, and a table needs a field; drop the table instead"
                );
            }
            let left = schema.fields().iter().filter(|there| there.name() != field);
            Schema::new(left.cloned().collect())
        })
    }

    /// Gives a field another type, if every value is kept exactly: whole numbers and floats that
    /// the new type can hold, and longer or shorter texts and arrays of numbers. A text becomes an
    /// enumeration, a number, a date or another type that is written that way, and back.
    /// Nullability stays as it is (see [`set_nullable`](WriteTransaction::set_nullable)).
    ///
    /// Rewrites all rows: O(n). Returns how many. Indexes on the field are rebuilt. If the field is
    /// part of the key, rows are sorted by the new key, and all indexes are rebuilt: O(n log n).
    ///
    /// ```
    /// use drystone::{Database, ErrorKind, Record, Type};
    ///
    /// #[derive(Clone, Copy, Record)]
    /// #[repr(C)]
    /// struct Point {
    ///     x: i32,
    ///     y: i32,
    /// }
    ///
    /// let db = Database::in_memory()?;
    /// let write = db.write()?;
    /// let rows = [Point { x: 1, y: 2 }, Point { x: 300, y: 2 }];
    /// write.create_table::<Point>("points")?.extend(rows)?;
    /// write.change_type("points", "y", Type::U8)?;
    /// let error = write.change_type("points", "x", Type::U8).unwrap_err();
    /// assert_eq!(error.kind(), ErrorKind::Value);
    /// assert!(error.to_string().contains("row 1: field \"x\": 300 is not a valid u8"));
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Value` if a value or the default would not be kept exactly; the error names the first one.
    /// `Schema` if the type is not allowed for a key field or for an index on the field;
    /// `TableNotFound` or `FieldNotFound` if there is no such table or field; `Usage` while a
    /// handle has the table; `Corrupt` if rows cannot be read; `Io` if the disk is full.
    pub fn change_type(&self, table: &str, field: &str, new_type: impl Into<Type>) -> Result<u64> {
        let new_type = new_type.into();
        self.remake(table, |old| {
            replace_field(&old.definition.schema, field, |old| {
                let new = FieldDef::of(field, new_type, old.is_nullable(), old.is_key())?;
                let Some(stored) = old.default() else { return Ok(new) };
                let mut default = vec![0; new.width()];
                old.convert(stored, &new, &mut default).map_err(|error| error.within("the default"))?;
                new.with_default(Some(default))
            })
        })
    }

    /// Sets whether a field may be null. No row is rewritten, and 0 is returned, but all rows are
    /// checked: O(n). A default of null is dropped if the field can no longer be null.
    ///
    /// ```
    /// # use drystone::{Database, RowBuf, Schema, Value};
    /// let db = Database::in_memory()?;
    /// let write = db.write()?;
    /// let schema: Schema = "x: i32, delay: i16".parse()?;
    /// write.create_dyn_table("t", &schema)?.push(&RowBuf::from_values(&schema, [1, 2])?)?;
    /// write.set_nullable("t", "delay", true)?;
    /// let mut table = write.table::<drystone::Dyn>("t")?;
    /// table.update(&[0.into()], |row| row.set("delay", Value::Null))?;
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Value` if a row has null and the field is to have none, or has the value that would then
    /// mean null; the error names the first such row. `Schema` if the field is part of the key,
    /// which is never null; `TableNotFound` or `FieldNotFound` if there is none; `Usage` while a
    /// handle has the table; `Corrupt` if rows cannot be read.
    pub fn set_nullable(&self, table: &str, field: &str, nullable: bool) -> Result<u64> {
        self.check()?;
        let mut writer = self.open_to_alter(table)?;
        self.within(table, || {
            let old = &writer.table.definition.schema;
            let from = old.field(field)?.clone();
            if from.is_nullable() == nullable {
                return Ok(0);
            }
            let schema = replace_field(old, field, |old| {
                let new = FieldDef::of(field, old.ty(), nullable, old.is_key())?;
                match old.default() {
                    Some(stored) if old.is_null(stored) => Ok(new),
                    Some(stored) => {
                        let mut default = vec![0; new.width()];
                        old.convert(stored, &new, &mut default)
                            .map_err(|error| error.within("the default"))?;
                        new.with_default(Some(default))
                    }
                    None => Ok(new),
                }
            })?;
            let to = schema.field(field)?;
            let (stored, mut same) = (from.offset()..from.offset() + from.width(), vec![0; from.width()]);
            writer.table.each_row(&mut |row| {
                let stored = row.get(stored.clone()).unwrap_or_default();
                if from.is_null(stored) || to.is_null(stored) {
                    from.convert(stored, to, &mut same)?;
                }
                Ok(())
            })?;
            self.relabel(&mut writer, &schema, None)
        })
    }

    /// Reorders the fields of a table. `order` names all of them, those of the key first. Rewrites
    /// all rows: O(n), or O(n log n) if the order of the key changes. Returns how many.
    ///
    /// ```
    /// # use drystone::{Database, Record};
    /// # #[derive(Clone, Copy, Record)] #[repr(C)] struct Point { x: i32, y: i32 }
    /// # let db = Database::in_memory()?;
    /// let write = db.write()?;
    /// write.create_table::<Point>("points")?;
    /// write.reorder("points", &["y", "x"])?;
    /// write.commit()?;
    /// let read = db.read()?;
    /// let points = read.table::<drystone::Dyn>("points")?;
    /// assert_eq!(points.schema().to_string(), "y: i32, x: i32");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `TableNotFound` or `FieldNotFound` if there is none; `Schema` if a field is missing or named
    /// twice, or a key field comes after a field that is not part of the key; `Usage` while a
    /// handle has the table; `Io` if the disk is full.
    pub fn reorder<S: AsRef<str>>(&self, table: &str, names: &[S]) -> Result<u64> {
        self.remake(table, |old| {
            let schema = &old.definition.schema;
            let fields = names.iter().map(|name| schema.field(name.as_ref()));
            let fields = fields.collect::<Result<Vec<_>>>()?;
            for (at, field) in fields.iter().enumerate() {
                if fields[..at].iter().any(|other| other.name() == field.name()) {
                    bail!(Schema, "field {:?} is named twice in the new order", field.name());
                }
                if field.is_key() && at >= schema.key_fields().len() {
                    bail!(
                        Schema,
                        "field {:?} is part of the key, and the fields of the key come first: {}",
                        field.name(),
                        names_of(schema.key_fields().iter())
                    );
                }
            }
            let missing = schema.fields().iter().filter(|field| !fields.contains(field));
            let missing = names_of(missing);
            if !missing.is_empty() {
                bail!(Schema, "the new order lacks {missing}; it names all fields of the table");
            }
            Schema::new(fields.into_iter().cloned().collect())
        })
    }

    /// Adds names at the end of an enumeration. O(1) while its values keep their width: one byte up
    /// to 256 names, two bytes beyond. If they become wider, all rows are rewritten. Returns how
    /// many.
    ///
    /// ```
    /// # use drystone::{Database, Schema};
    /// let db = Database::in_memory()?;
    /// let write = db.write()?;
    /// write.create_dyn_table("orders", &"id: u64 key, side: enum[buy, sell]".parse()?)?;
    /// assert_eq!(write.add_names("orders", "side", &["hold"])?, 0);
    /// let orders = write.table::<drystone::Dyn>("orders")?;
    /// assert_eq!(orders.schema().to_string(), "id: u64 key, side: enum[buy, sell, hold]");
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `TableNotFound` or `FieldNotFound` if there is none; `Schema` if the field is not an
    /// enumeration, or a name is invalid or exists already; `Limit` if the names of all
    /// enumerations of the table are too long for the catalog; `Usage` while a handle has the
    /// table; `Io` if the disk is full.
    pub fn add_names<S: AsRef<str>>(&self, table: &str, field: &str, names: &[S]) -> Result<u64> {
        let mut writer = self.open_to_alter(table)?;
        self.within(table, || {
            let old = writer.table.definition.schema.clone();
            let schema = old.append_names(field, names)?;
            if old.field(field)?.has_same_bytes(schema.field(field)?) {
                return self.relabel(&mut writer, &schema, None);
            }
            self.rebuild(&mut writer, &schema, Entries::Follow, &mut mapping(&old, &schema))
        })
    }

    /// Replaces every row by another record: `convert` gets the old row and returns the new one.
    /// The table then has the schema of `New`, and is sorted by its key if it has one; without a
    /// key the rows keep their order. `Old` may be [`Dyn`], which fits any table.
    ///
    /// Rewrites all rows and rebuilds all indexes: O(n log n), or O(n) if neither key nor index has
    /// to be sorted. Returns how many rows. All fields of an index must exist in `New`; drop an
    /// index that cannot be kept before the call.
    ///
    /// ```
    /// use drystone::{Database, Record};
    ///
    /// #[derive(Clone, Copy, Record)]
    /// #[repr(C)]
    /// struct Seconds {
    ///     #[record(key)]
    ///     id: u32,
    ///     taken: u32,
    /// }
    ///
    /// #[derive(Clone, Copy, Record)]
    /// #[repr(C, packed)]
    /// struct Hours {
    ///     #[record(key)]
    ///     id: u32,
    ///     taken: f64,
    /// }
    ///
    /// let db = Database::in_memory()?;
    /// let write = db.write()?;
    /// write.create_table::<Seconds>("work")?.insert(&Seconds { id: 1, taken: 5400 })?;
    /// write.rewrite_table::<Seconds, Hours>("work", |old| Hours {
    ///     id: old.id,
    ///     taken: f64::from(old.taken) / 3600.0,
    /// })?;
    /// assert_eq!({ write.table::<Hours>("work")?.get(1)?.unwrap().taken }, 1.5);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Schema` if the rows of the table are not of type `Old`, or an index cannot be kept;
    /// `KeyExists` if two rows get the same key, or the same values in a unique index;
    /// `TableNotFound` if there is no such table; `Usage` while a handle has the table; `Corrupt`
    /// if rows cannot be read; `Io` if the disk is full.
    ///
    /// # Panics
    /// If `convert` panics. The table is then as it was, and the transaction can go on.
    pub fn rewrite_table<Old: RowKind, New: Record>(
        &self,
        table: &str,
        mut convert: impl FnMut(Old::Row<'_>) -> New,
    ) -> Result<u64> {
        self.rewrite_rows::<Old>(table, New::schema(), |old, new| {
            new.copy_from_slice(bytemuck::bytes_of(&convert(old)));
            Ok(())
        })
    }

    /// Like [`rewrite_table`](WriteTransaction::rewrite_table), with a conversion that can fail.
    /// Its first error ends the call. It is returned with the number of its row, and the table is
    /// as it was.
    ///
    /// ```
    /// use drystone::{Database, Dyn, Error, ErrorKind, Record};
    ///
    /// #[derive(Clone, Copy, Record)]
    /// #[repr(C)]
    /// struct Point {
    ///     x: i32,
    ///     y: i32,
    /// }
    ///
    /// let db = Database::in_memory()?;
    /// let write = db.write()?;
    /// write.create_dyn_table("points", &"x: str[4], y: str[4]".parse()?)?;
    /// write.try_rewrite_table::<Dyn, Point>("points", |old| {
    ///     let number = |name| {
    ///         let text = String::try_from(old.get(name)?)?;
    ///         text.trim().parse().map_err(|_| Error::new(ErrorKind::Value, "no number"))
    ///     };
    ///     Ok(Point { x: number("x")?, y: number("y")? })
    /// })?;
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// The first error of `convert`; otherwise as for
    /// [`rewrite_table`](WriteTransaction::rewrite_table).
    ///
    /// # Panics
    /// As for [`rewrite_table`](WriteTransaction::rewrite_table).
    pub fn try_rewrite_table<Old: RowKind, New: Record>(
        &self,
        table: &str,
        mut convert: impl FnMut(Old::Row<'_>) -> Result<New>,
    ) -> Result<u64> {
        self.rewrite_rows::<Old>(table, New::schema(), |old, new| {
            new.copy_from_slice(bytemuck::bytes_of(&convert(old)?));
            Ok(())
        })
    }

    /// Like [`try_rewrite_table`](WriteTransaction::try_rewrite_table), to a schema that is known
    /// only at run time.
    ///
    /// ```
    /// # use drystone::{Database, Dyn, RowBuf, Schema};
    /// let db = Database::in_memory()?;
    /// let write = db.write()?;
    /// let (old, new): (Schema, Schema) = ("x: i32, y: i32".parse()?, "sum: i64".parse()?);
    /// write.create_dyn_table("t", &old)?.push(&RowBuf::from_values(&old, [1, 2])?)?;
    /// write.rewrite_dyn_table("t", &new, |row| {
    ///     let sum = i64::try_from(row.get("x")?)? + i64::try_from(row.get("y")?)?;
    ///     RowBuf::from_values(&new, [sum])
    /// })?;
    /// assert_eq!(write.table::<Dyn>("t")?.get(&[0.into()])?.unwrap().get("sum")?, 3);
    /// # Ok::<(), drystone::Error>(())
    /// ```
    ///
    /// # Errors
    /// `Schema` if a row that `convert` returns has another schema; otherwise as for
    /// [`try_rewrite_table`](WriteTransaction::try_rewrite_table).
    ///
    /// # Panics
    /// As for [`rewrite_table`](WriteTransaction::rewrite_table).
    pub fn rewrite_dyn_table(
        &self,
        table: &str,
        schema: &Schema,
        mut convert: impl FnMut(Row<'_>) -> Result<RowBuf>,
    ) -> Result<u64> {
        self.rewrite_rows::<Dyn>(table, schema, |old, new| {
            new.copy_from_slice(Dyn::bytes(schema, &convert(old)?)?);
            Ok(())
        })
    }

    fn rewrite_rows<Old: RowKind>(
        &self,
        table: &str,
        schema: &Schema,
        mut convert: impl FnMut(Old::Row<'_>, &mut [u8]) -> Result<()>,
    ) -> Result<u64> {
        let mut writer = self.open_to_alter(table)?;
        self.within(table, || {
            let old = writer.table.definition.schema.clone();
            Old::check_schema(&old)?;
            let convert = &mut |row: &[u8], new: &mut [u8]| convert(Old::row(&old, row)?, new);
            self.rebuild(&mut writer, schema, Entries::Rebuild, convert)
        })
    }

    /// Gives a table another schema. Values come from the fields of the same name; new fields get
    /// their defaults.
    fn remake(&self, table: &str, schema: impl FnOnce(&TableWriter) -> Result<Schema>) -> Result<u64> {
        let mut writer = self.open_to_alter(table)?;
        self.within(table, || {
            let schema = schema(&writer.table)?;
            let old = writer.table.definition.schema.clone();
            let is_same = |(old, new): (&FieldDef, &FieldDef)| {
                old == new && old.default() == new.default() && old.offset() == new.offset()
            };
            let fields = old.fields().iter().zip(schema.fields());
            if old.fields().len() == schema.fields().len() && fields.clone().all(is_same) {
                return Ok(0);
            }
            self.rebuild(&mut writer, &schema, Entries::Follow, &mut mapping(&old, &schema))
        })
    }

    fn open_to_alter(&self, table: &str) -> Result<WriteHandle<'_>> {
        self.session()?.check_failed()?;
        self.open(table)
    }

    /// Runs a change, and puts the name of the table before the message of its error.
    fn within(&self, table: &str, change: impl FnOnce() -> Result<u64>) -> Result<u64> {
        change().map_err(|error: Error| error.within(format!("table {table:?}")))
    }

    /// Gives a table a schema under which its rows have the same bytes.
    fn relabel(
        &self,
        writer: &mut WriteHandle<'_>,
        schema: &Schema,
        renamed: Option<(&str, &str)>,
    ) -> Result<u64> {
        let shape = writer.table.shape(schema, Entries::Stay, renamed)?;
        writer.table.relabel(shape, &mut |old, new| self.enter(old, new))?;
        Ok(0)
    }

    /// Gives a table a schema, with the rows that `convert` makes of the old ones.
    fn rebuild(
        &self,
        writer: &mut WriteHandle<'_>,
        schema: &Schema,
        entries: Entries,
        convert: Convert<'_>,
    ) -> Result<u64> {
        let shape = writer.table.shape(schema, entries, None)?;
        let options = LoadOptions::new().memory_bytes(self.memory_bytes);
        let beside = (&*self.scratch_folder(), &options);
        let enter = &mut |old: &Definition, new: &Definition| self.enter(old, new);
        writer.table.rebuild(shape, convert, beside, enter)?;
        Ok(writer.table.rows())
    }

    /// Writes the definition of a table or an index into the catalog.
    fn enter(&self, old: &Definition, new: &Definition) -> Result<()> {
        self.check()?;
        let catalog = &mut self.state.lock().catalog;
        catalog.replace_fields(old, new)?;
        catalog.put(new)
    }
}

/// The schema with one field replaced.
fn replace_field(
    schema: &Schema,
    name: &str,
    change: impl FnOnce(&FieldDef) -> Result<FieldDef>,
) -> Result<Schema> {
    let changed = change(schema.field(name)?)?;
    let fields = schema.fields().iter();
    Schema::new(fields.map(|field| if field.name() == name { &changed } else { field }.clone()).collect())
}

fn names_of<'f>(fields: impl Iterator<Item = &'f FieldDef>) -> String {
    let names: Vec<String> = fields.map(|field| format!("{:?}", field.name())).collect();
    names.join(", ")
}

/// How a field of the new rows gets its bytes.
enum Step<'s> {
    /// Bytes that are copied from one offset to another.
    Copy { from: usize, to: usize, len: usize },
    /// A value that is converted.
    Convert { from: &'s FieldDef, to: &'s FieldDef },
}

/// Makes rows of one schema from rows of another, by the names of the fields.
fn mapping<'s>(old: &'s Schema, new: &'s Schema) -> impl FnMut(&[u8], &mut [u8]) -> Result<()> + use<'s> {
    let mut steps: Vec<Step<'_>> = Vec::new();
    for to in new.fields() {
        let Some(from) = old.position(to.name()).map(|at| &old.fields()[at]) else { continue };
        match steps.last_mut() {
            _ if !from.has_same_bytes(to) => steps.push(Step::Convert { from, to }),
            Some(Step::Copy { from: start, to: into, len })
                if *start + *len == from.offset() && *into + *len == to.offset() =>
            {
                *len += from.width();
            }
            _ => steps.push(Step::Copy { from: from.offset(), to: to.offset(), len: from.width() }),
        }
    }
    move |row, out| {
        out.copy_from_slice(new.default_bytes());
        for step in &steps {
            match *step {
                Step::Copy { from, to, len } => out[to..to + len].copy_from_slice(&row[from..from + len]),
                Step::Convert { from, to } => {
                    let stored = &row[from.offset()..from.offset() + from.width()];
                    from.convert(stored, to, &mut out[to.offset()..to.offset() + to.width()])?;
                }
            }
        }
        Ok(())
    }
}

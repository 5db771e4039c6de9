//! Conditions of SQL as predicates of the library. What is translated is exact: the predicate is
//! true for just the rows for which the condition is TRUE. Anything else is left to DataFusion.

use datafusion::common::ScalarValue;
use datafusion::logical_expr::expr::InList;
use datafusion::logical_expr::{BinaryExpr, Expr, Like, Operator};
use drystone::query::{Column, Operand, Predicate, col};
use drystone::{Date, EnumNames, FieldDef, Schema, Timestamp, Type, Uuid, Value};

/// The predicate of a condition, if it has one.
///
/// Only a bare column is compared, with a literal or a column of the type that it has in Arrow: a
/// cast or a function changes the values, so it is not looked through.
pub(crate) fn predicate(condition: &Expr, schema: &Schema) -> Option<Predicate> {
    let predicate = Translation { schema }.condition(condition)?;
    // Other nodes read it from its text, so this node does as well.
    let read: Predicate = predicate.to_string().parse().ok()?;
    read.check(schema).is_ok().then_some(read)
}

struct Translation<'s> {
    schema: &'s Schema,
}

impl<'s> Translation<'s> {
    fn condition(&self, condition: &Expr) -> Option<Predicate> {
        match condition {
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::And, right }) => {
                Some(self.condition(left)?.and(self.condition(right)?))
            }
            Expr::BinaryExpr(BinaryExpr { left, op: Operator::Or, right }) => {
                Some(self.condition(left)?.or(self.condition(right)?))
            }
            Expr::BinaryExpr(BinaryExpr { left, op, right }) => match (&**left, &**right) {
                (Expr::Column(_), Expr::Literal(value, _)) => self.comparison(left, *op, value),
                (Expr::Literal(value, _), Expr::Column(_)) => self.comparison(right, op.swap()?, value),
                (Expr::Column(_), Expr::Column(_)) => self.pair(left, *op, right),
                _ => None,
            },
            Expr::Not(inner) => Some(!self.condition(inner)?),
            Expr::IsNull(inner) => Some(self.column(inner)?.0.is_null()),
            Expr::IsNotNull(inner) => Some(self.column(inner)?.0.is_not_null()),
            // Null is neither, so that `NOT (h IS TRUE)` holds for it.
            Expr::IsTrue(inner) => Some(self.truth(inner, true)?.and(self.column(inner)?.0.is_not_null())),
            Expr::IsFalse(inner) => Some(self.truth(inner, false)?.and(self.column(inner)?.0.is_not_null())),
            Expr::Column(_) => self.truth(condition, true),
            Expr::Literal(ScalarValue::Boolean(truth), _) => self.constant(*truth),
            Expr::InList(InList { expr, list, negated }) => {
                let (column, field) = self.column(expr)?;
                let values = list.iter().map(|item| match item {
                    Expr::Literal(value, _) => Some(value),
                    _ => None,
                });
                let values = values.collect::<Option<Vec<&ScalarValue>>>()?;
                let known = values.iter().filter(|value| !is_unknown_name(field, value));
                let known = known.map(|value| literal(field, value)).collect::<Option<Vec<_>>>()?;
                let within = column.is_in(known);
                Some(if *negated { !within } else { within })
            }
            Expr::Like(like) => self.like(like),
            _ => None,
        }
    }

    fn column(&self, expr: &Expr) -> Option<(Column, &'s FieldDef)> {
        let Expr::Column(column) = expr else { return None };
        let field = self.schema.field(&column.name).ok()?;
        Some((col(field.name()), field))
    }

    /// A condition that is the same for all rows. The optimiser makes such ones of comparisons with
    /// null.
    fn constant(&self, truth: Option<bool>) -> Option<Predicate> {
        let any = col(self.schema.fields().first()?.name());
        Some(match truth {
            Some(true) => any.clone().is_null().or(any.is_not_null()),
            Some(false) => any.clone().is_null().and(any.is_not_null()),
            None => any.eq(Value::Null),
        })
    }

    /// A column of truth values alone.
    fn truth(&self, expr: &Expr, truth: bool) -> Option<Predicate> {
        let (column, field) = self.column(expr)?;
        (*field.ty() == Type::Bool).then(|| column.eq(truth))
    }

    fn comparison(&self, column: &Expr, op: Operator, value: &ScalarValue) -> Option<Predicate> {
        let (column, field) = self.column(column)?;
        if is_unknown_name(field, value) {
            let none = column.is_in::<Value<'_>>([]);
            return match op {
                Operator::Eq => Some(none),
                Operator::NotEq => Some(!none),
                _ => None,
            };
        }
        let value = literal(field, value)?;
        let is_equality = matches!(op, Operator::Eq | Operator::NotEq);
        if is_equality || is_ordered(field) { compared(column, op, value) } else { None }
    }

    /// Two columns of one type. Floats are left out, because of NaN.
    fn pair(&self, left: &Expr, op: Operator, right: &Expr) -> Option<Predicate> {
        let ((left, field), (right, other)) = (self.column(left)?, self.column(right)?);
        let is_exact = is_ordered(field) && !matches!(field.ty(), Type::F32 | Type::F64 | Type::Array(..));
        if field.ty() != other.ty() || !is_exact {
            return None;
        }
        compared(left, op, right)
    }

    /// `LIKE` with text and one `%` at its end.
    fn like(&self, like: &Like) -> Option<Predicate> {
        let (column, field) = self.column(&like.expr)?;
        let Expr::Literal(pattern, _) = &*like.pattern else { return None };
        let pattern = pattern.try_as_str()??;
        if like.case_insensitive || !matches!(field.ty(), Type::Str(_)) {
            return None;
        }
        let prefix = prefix_of(pattern, like.escape_char.unwrap_or('\\'))?;
        let begins = column.starts_with(prefix.as_str());
        Some(if like.negated { !begins } else { begins })
    }
}

fn compared(column: Column, op: Operator, with: impl Into<Operand>) -> Option<Predicate> {
    Some(match op {
        Operator::Eq => column.eq(with),
        Operator::NotEq => column.ne(with),
        Operator::Lt => column.lt(with),
        Operator::LtEq => column.le(with),
        Operator::Gt => column.gt(with),
        Operator::GtEq => column.ge(with),
        _ => return None,
    })
}

/// The text before the one `%` at the end of a pattern that has no other wildcard.
fn prefix_of(pattern: &str, escape: char) -> Option<String> {
    let (mut prefix, mut chars) = (String::new(), pattern.chars());
    while let Some(char) = chars.next() {
        match char {
            _ if char == escape => prefix.push(chars.next()?),
            '%' => return chars.next().is_none().then_some(prefix),
            '_' => return None,
            _ => prefix.push(char),
        }
    }
    None
}

/// Whether values compare in the library as they do in DataFusion. An enumeration is ordered by its
/// numbers here and by its names there; whole numbers of 128 bits are bytes there.
fn is_ordered(field: &FieldDef) -> bool {
    !matches!(field.ty(), Type::Enum(_) | Type::U128 | Type::I128)
}

/// A name that the enumeration does not have: no value is equal to it.
fn is_unknown_name(field: &FieldDef, value: &ScalarValue) -> bool {
    let has = |names: &EnumNames, name: &str| names.iter().any(|known| known == name);
    match (field.names(), text(value)) {
        (Some(names), Some(name)) => !has(names, name),
        _ => false,
    }
}

fn text(value: &ScalarValue) -> Option<&str> {
    match value {
        ScalarValue::Dictionary(_, value) => text(value),
        value => value.try_as_str().flatten(),
    }
}

/// A literal as a value of the library, if it has the type of the column and so needs no rounding.
fn literal<'v>(field: &FieldDef, value: &'v ScalarValue) -> Option<Value<'v>> {
    if value.is_null() {
        return Some(Value::Null);
    }
    Some(match (field.ty(), value) {
        (Type::Bool, ScalarValue::Boolean(Some(value))) => (*value).into(),
        (Type::U8, ScalarValue::UInt8(Some(value))) => (*value).into(),
        (Type::U16, ScalarValue::UInt16(Some(value))) => (*value).into(),
        (Type::U32, ScalarValue::UInt32(Some(value))) => (*value).into(),
        (Type::U64, ScalarValue::UInt64(Some(value))) => (*value).into(),
        (Type::I8, ScalarValue::Int8(Some(value))) => (*value).into(),
        (Type::I16, ScalarValue::Int16(Some(value))) => (*value).into(),
        (Type::I32, ScalarValue::Int32(Some(value))) => (*value).into(),
        (Type::I64, ScalarValue::Int64(Some(value))) => (*value).into(),
        (Type::F32, ScalarValue::Float32(Some(value))) => (*value).into(),
        (Type::F64, ScalarValue::Float64(Some(value))) => (*value).into(),
        (Type::Date, ScalarValue::Date32(Some(days))) => Date::from_days(*days).into(),
        (Type::Timestamp, ScalarValue::TimestampMicrosecond(Some(micros), Some(_))) => {
            Timestamp::from_micros(*micros).into()
        }
        (Type::Str(_) | Type::Enum(_), value) => text(value)?.into(),
        (Type::Bytes(length), ScalarValue::FixedSizeBinary(_, Some(bytes)))
            if bytes.len() == usize::from(*length) =>
        {
            bytes[..].into()
        }
        (Type::Uuid, ScalarValue::FixedSizeBinary(_, Some(bytes))) => {
            Uuid::from_bytes(bytes[..].try_into().ok()?).into()
        }
        _ => return None,
    })
}

//! Enumerations as dictionaries of Arrow and Parquet, and dictionaries and plain texts as
//! enumerations.

use std::sync::Arc;

use drystone::arrow::arrow_array::types::{Int8Type, UInt16Type};
use drystone::arrow::arrow_array::{
    Array, ArrayRef, DictionaryArray, LargeStringArray, RecordBatch, StringArray,
};
use drystone::arrow::{Batches, Format, Options, arrow_schema, record_batch, to_schema};
use drystone::{ErrorKind, Result, RowBuf, Schema, Value};

use super::drain;

fn batches(columns: Vec<(&str, ArrayRef)>) -> Batches {
    let batch = RecordBatch::try_from_iter(columns).unwrap();
    Batches::new(batch.schema(), std::iter::once(Ok(batch)))
}

fn read(schema: &str, columns: Vec<(&str, ArrayRef)>) -> Result<Vec<u8>> {
    let schema = schema.parse().unwrap();
    drain(&schema, &mut Options::new().batch_reader(&schema, batches(columns))?)
}

#[test]
fn dictionaries_and_texts_become_enumerations_by_their_names() {
    // In another order than the names of the field, and with one that no row has.
    let values = StringArray::from(vec!["sell", "hold", "buy"]);
    let keys = [Some(2), Some(0), None, Some(2)];
    let small = DictionaryArray::<Int8Type>::try_new(keys.into_iter().collect(), Arc::new(values.clone()));
    let keys = keys.map(|key| key.map(|key| key as u16));
    let wide = DictionaryArray::<UInt16Type>::try_new(keys.into_iter().collect(), Arc::new(values));
    let texts = [Some("buy"), Some("sell"), None, Some("buy")];
    let columns: [ArrayRef; 4] = [
        Arc::new(small.unwrap()),
        Arc::new(wide.unwrap()),
        Arc::new(StringArray::from(texts.to_vec())),
        Arc::new(LargeStringArray::from(texts.to_vec())),
    ];
    for column in columns {
        let got = read("x: enum[buy, sell]?", vec![("x", column.clone())]).unwrap();
        assert_eq!(got, [0, 1, 0xFF, 0], "{:?}", column.data_type());
        let error = read("x: enum[buy]?", vec![("x", column.clone())]).unwrap_err();
        assert!(
            error.to_string().contains("\"sell\" is not a valid enum[buy]?: the names are buy"),
            "{error}"
        );
        let error = read("x: enum[buy, sell]", vec![("x", column)]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Input, "{error}");
    }
}

#[test]
fn enumerations_go_out_as_dictionaries_with_all_their_names_in_order() {
    let schema: Schema = "x: enum[sell, buy, hold]?".parse().unwrap();
    let batch = record_batch(&schema, &[1, 0xFF, 0]).unwrap();
    let column = batch.column(0).as_any().downcast_ref::<DictionaryArray<_>>().unwrap();
    let column: &DictionaryArray<drystone::arrow::arrow_array::types::Int32Type> = column;
    let names = column.values().as_any().downcast_ref::<StringArray>().unwrap();
    assert_eq!(names.iter().flatten().collect::<Vec<_>>(), ["sell", "buy", "hold"]);
    assert_eq!((column.key(0), column.key(1), column.key(2)), (Some(1), None, Some(0)));
    let error = record_batch(&schema, &[3]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Corrupt, "{error}");
    assert!(matches!(to_schema(&schema).field(0).data_type(), arrow_schema::DataType::Dictionary(..)));
}

#[test]
fn an_enumeration_is_found_in_what_was_written_and_in_few_texts() {
    let schema: Schema = "id: u8 key, x: enum[b, a]?".parse().unwrap();
    let rows = |n: u8| {
        RowBuf::from_values(&schema, [Value::from(n), ["a", "b"][usize::from(n % 2)].into()]).unwrap()
    };
    let records: Vec<u8> = (0..12).flat_map(|n| rows(n).into_bytes()).collect();
    let mut arrow = Options::new().format(Format::Stream).writer(&schema, Vec::new()).unwrap();
    arrow.write_records(&records).unwrap();
    let arrow = arrow.finish().unwrap();
    let inferred = Options::new().infer_stream(std::io::Cursor::new(arrow.clone())).unwrap();
    assert_eq!(inferred.schema(), &schema);
    let again =
        drain(&schema, &mut Options::new().stream_reader(&schema, std::io::Cursor::new(arrow)).unwrap());
    assert_eq!(again.unwrap(), records);

    let texts: ArrayRef = Arc::new(StringArray::from_iter_values((0..12).map(|n| ["b", "a"][n % 2])));
    let plain = Options::new().infer_batches(batches(vec![("x", texts.clone())])).unwrap();
    assert_eq!(plain.schema().to_string(), "x: str[1]");
    let few = Options::new().enums(true).infer_batches(batches(vec![("x", texts)])).unwrap();
    assert_eq!(few.schema().to_string(), "x: enum[a, b]");
}

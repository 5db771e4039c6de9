//! A query gives the same answer on one thread and on several, to the last bit.

use drystone::query::{Query, col, count, count_distinct, first, floor, last, max, mean, min, sum};
use drystone::{Database, Record};

#[derive(Clone, Copy, Record)]
#[repr(C, packed)]
struct Tick {
    #[record(key)]
    id: u32,
    group: u16,
    text: drystone::Text<11>,
    price: f64,
    size: i32,
}

#[test]
fn threads_change_no_answer() {
    const ROWS: u32 = 700_000;
    let db = Database::in_memory().unwrap();
    let write = db.write().unwrap();
    let mut ticks = write.create_table::<Tick>("ticks").unwrap();
    let tick = |id: u32| {
        let random = id.wrapping_mul(0x9E37_79B1);
        Tick {
            id,
            group: (random >> 20) as u16 % 1000,
            text: drystone::Text::new(&format!("name {}", random % 50)).unwrap(),
            // Of very different sizes, so that the order of additions would show.
            price: f64::from(random) * 10_f64.powi((random % 40) as i32 - 20),
            size: random as i32,
        }
    };
    ticks.load((0..ROWS).map(tick)).unwrap();
    drop(ticks);
    write.commit().unwrap();
    let read = db.read().unwrap();
    let ticks = read.table::<Tick>("ticks").unwrap();

    let all = || [count(), sum("size"), sum("price"), mean("price"), min("price"), max("text"), mean("size")];
    let late = || "size > 0 and text != 'name 7'".parse().unwrap();
    let more = || {
        [
            first("id"),
            last("id"),
            first("text"),
            last("price"),
            count_distinct("group"),
            count_distinct("text"),
        ]
    };
    let queries: Vec<Query<'_>> = vec![
        ticks.query().aggregate(more()),
        ticks.query().aggregate([count_distinct("size"), count_distinct("price")]),
        ticks.query().filter(late()).group_by(["group"]).aggregate(more()),
        ticks.query().group_by([floor("size", 1 << 20), "text".into()]).aggregate(more()),
        ticks.query().group_by([floor("id", 1000)]).aggregate([first("size"), count_distinct("size")]),
        ticks.query().group_by([floor("price", 0.1)]).aggregate([count(), last("id")]).limit(1000),
        ticks.query().aggregate(all()),
        ticks.query().filter(late()).aggregate(all()),
        ticks.query().filter(late()).select(["id", "price"]),
        ticks.query().filter("id between 1000 and 500000".parse().unwrap()).select(["size"]),
        ticks.query().group_by(["group"]).aggregate(all()),
        ticks.query().group_by(["text", "group"]).aggregate(all()).order_by([count().desc()]).limit(100),
        ticks.query().group_by(["size"]).aggregate([count()]),
        ticks.query().filter(late()).top(100, [col("price").desc(), col("text").asc()]),
        ticks.query().order_by(["group"]).select(["id"]),
        // Many rows are equal in the first field: the first ones by number are wanted.
        ticks.query().top(50, [col("group").desc()]),
        ticks.query().top(3000, [col("text").asc(), col("price").desc()]),
        ticks.query().filter(late()).top(10, [col("size").asc()]),
        ticks.query().select(["text"]).distinct(),
    ];
    for query in queries {
        let one = query.clone().threads(1).run().unwrap();
        assert!(!one.is_empty());
        for threads in [2, 3] {
            let query = query.clone().threads(threads);
            assert!(query.explain().unwrap().contains(&format!("threads: {threads}")), "{query:?}");
            let many = query.run().unwrap();
            assert!(one == many, "{query:?} on {threads} threads");
        }
    }
    // Of equal rows the first ones, whichever thread reads them.
    let first = ticks.query().top(50, [col("group").asc()]).select(["id"]).threads(3).run().unwrap();
    let ids: Vec<u64> = first.iter().map(|row| row.get("id").unwrap().try_into().unwrap()).collect();
    let zeros = (0..ROWS).filter(|id| { tick(*id).group } == 0).map(u64::from);
    assert_eq!(ids, zeros.take(50).collect::<Vec<_>>());

    let by_hand: i64 =
        (0..ROWS).map(tick).filter(|tick| tick.size > 1 << 20).map(|tick| i64::from(tick.size)).sum();
    let summed = ticks.query().filter("size > 1048576".parse().unwrap()).value(sum("size")).unwrap();
    assert_eq!(summed, by_hand);
}

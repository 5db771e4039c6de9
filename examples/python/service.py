"""An asyncio service: look-ups in the event loop, transactions in a thread."""

import asyncio

import drystone as ds

Account = ds.make_record("Account", [("id", ds.u32, ds.key()), ("cents", ds.i64, 0)])


async def main() -> None:
    db = ds.memory()
    accounts = db.create("accounts", Account, load=[(i,) for i in range(100)])

    def pay(one: int, other: int, cents: int) -> None:
        with db.write() as tx:
            tx.accounts[one].cents -= cents
            tx.accounts[other].cents += cents

    await asyncio.gather(*(asyncio.to_thread(pay, i, i + 1, 10) for i in range(50)))
    print(accounts[0].cents, accounts[50].cents, accounts.cents.sum())


asyncio.run(main())

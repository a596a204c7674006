import { expect } from 'chai';
import { query, type TestDatabase } from '../support/database.js';
import { startProxy, type WireProxy } from '../support/wire-proxy.js';
import {
  Account,
  accountDatabase,
  type Engine,
  expectNothingHeld,
  ours,
  poolOf,
  type Session,
  stock,
} from './setup.js';

interface Row {
  readonly name: string;
  readonly work: (em: Session) => Promise<unknown>;
  readonly stock: number;
  readonly ours: number;
  readonly writes: boolean;
}

const rows: Row[] = [
  { name: 'sends nothing', work: async () => {}, stock: 2, ours: 0, writes: false },
  {
    name: 'one insert',
    work: async (em) => em.create(Account, { owner: 'Ada', balance: 0 }),
    stock: 3,
    ours: 2,
    writes: true,
  },
  { name: 'one read', work: (em) => em.find(Account, {}), stock: 3, ours: 2, writes: false },
  {
    name: 'read one row, change it',
    work: async (em) => {
      (await em.findOneOrFail(Account, 1)).balance += 1;
    },
    stock: 4,
    ours: 3,
    writes: true,
  },
  {
    name: 'two reads, two changes of one entity class',
    work: async (em) => {
      const [one, two] = [await em.findOneOrFail(Account, 1), await em.findOneOrFail(Account, 2)];
      one.balance += 1;
      two.balance += 1;
    },
    stock: 5,
    ours: 4,
    writes: true,
  },
  {
    name: '100 inserts of one entity class',
    work: async (em) => {
      for (let index = 0; index < 100; index += 1) {
        em.create(Account, { owner: `it's; number ${index}`, balance: 0 });
      }
    },
    stock: 3,
    ours: 2,
    writes: true,
  },
  {
    name: 'an inner unit that inserts, in an outer one that inserts',
    work: async (em) => {
      em.create(Account, { owner: 'outer', balance: 0 });
      await em.flush();
      await em.transactional(async (inner) => void inner.create(Account, { owner: 'inner', balance: 0 }));
    },
    stock: 6,
    ours: 3,
    writes: true,
  },
  {
    name: 'an inner unit that sends nothing, in an outer one that reads',
    work: async (em) => {
      await em.find(Account, {});
      await em.transactional(async () => {});
    },
    stock: 5,
    ours: 2,
    writes: false,
  },
  {
    name: 'a statement with parameters',
    work: (em) =>
      em
        .getKysely<{ account: { owner: string } }>()
        .selectFrom('account')
        .selectAll()
        .where('owner', '=', 'x')
        .execute(),
    stock: 3,
    ours: 2,
    writes: false,
  },
];

const session = {
  variables: { 'app.user': "o'Hara\\", statement_timeout: '5000', lock_timeout: '1000' },
  role: 'postgres',
};

describe('promise 20: round trips', () => {
  let database: TestDatabase;
  let proxy: WireProxy;
  let engines: { stock: Engine; ours: Engine };

  before(async () => {
    database = await accountDatabase();
    proxy = await startProxy(database.url);
    engines = { stock: stock(proxy.url), ours: ours(proxy.url) };
  });
  beforeEach(async () => {
    await query(database.url, 'truncate account restart identity');
    await query(database.url, `insert into account (owner) values ('one'), ('two')`);
    // Connecting counts as well, and a connection's first transaction also learns which server it talks to.
    await engines.stock.em.fork().transactional((em) => em.execute('select 1'));
    await engines.ours.em.fork().transactional((em) => em.execute('select 1'));
    proxy.reset();
  });
  after(async () => {
    await Promise.all([engines.stock.close(), engines.ours.close()]);
    await proxy.close();
    await database.drop();
  });

  const count = async (work: Promise<unknown>) => {
    await work;
    return proxy.roundTrips();
  };

  for (const row of rows) {
    describe(row.name, () => {
      it(`takes ${row.stock} with MikroORM's driver, ${row.ours} here`, async () => {
        expect(await count(engines.stock.em.fork().transactional(row.work))).to.equal(row.stock);
        proxy.reset();
        expect(await count(engines.ours.em.fork().transactional(row.work))).to.equal(row.ours);
        await expectNothingHeld(engines.ours);
      });

      it('takes as many with an isolation level', async () => {
        const options = { isolationLevel: 'repeatable read' as never };
        expect(await count(engines.ours.em.fork().transactional(row.work, options))).to.equal(row.ours);
        if (row.ours > 0) {
          expect(proxy.sql()[0]).to.equal('start transaction isolation level repeatable read');
        }
      });

      it('takes as many with session variables, timeouts and a role', async () => {
        const em = engines.ours.em.fork({ session } as never);
        expect(await count(em.transactional(row.work))).to.equal(row.ours);
        if (row.ours > 0) {
          expect(proxy.sql().slice(0, 3).join()).to.match(
            /^begin,select pg_catalog\.set_config\(.*,set local role "postgres"$/,
          );
        }
      });

      if (!row.writes) {
        it('takes as many when it is read only, and asks for no transaction id', async () => {
          expect(await count(engines.ours.em.fork().transactional(row.work, { readOnly: true }))).to.equal(row.ours);
          expect(proxy.sql().join()).not.to.include('xact_id');
        });
      }
    });
  }

  it('takes no connection from the pool when nothing is sent', async () => {
    const fresh = ours(proxy.url);
    await fresh.em.fork().transactional(async (em) => {
      await em.transactional(async () => {});
    });
    expect((await poolOf(fresh)).totalCount).to.equal(0);
    expect(proxy.connectionsMade).to.equal(2);
    await fresh.close();
  });

  it('holds a connection from the first statement to COMMIT only', async () => {
    const pool = await poolOf(engines.ours);
    const held = () => pool.totalCount - pool.idleCount;
    await engines.ours.em.fork().transactional(async (em) => {
      expect(held()).to.equal(0);
      await em.find(Account, {});
      expect(held()).to.equal(1);
    });
    expect(held()).to.equal(0);
  });

  it('applies what travels with the first statement', async () => {
    const [row] = await engines.ours.em.fork({ session } as never).transactional(
      (em) =>
        em.execute(`select current_setting('app.user') as name, current_setting('statement_timeout') as timeout,
          current_setting('transaction_isolation') as level, current_setting('transaction_read_only') as read_only`),
      { isolationLevel: 'serializable' as never, readOnly: true },
    );
    expect(row).to.deep.equal({ name: "o'Hara\\", timeout: '5s', level: 'serializable', read_only: 'on' });
  });

  it('asks for the transaction id until there is one', async () => {
    await engines.ours.em.fork().transactional(async (em) => {
      await em.insert(Account, { owner: 'Ada', balance: 0 });
      await em.insert(Account, { owner: 'Grace', balance: 0 });
    });
    expect(proxy.sql().map((sql) => sql.replace(/ into.*/, '').replace(/,.*/s, ''))).to.deep.equal([
      'begin',
      'insert',
      'select pg_catalog.pg_current_xact_id_if_assigned()',
      'insert',
      'commit',
    ]);
  });

  it('takes one more for what is pending when several statements come in one text', async () => {
    const work = (em: Session) =>
      em.execute(`insert into account (owner) values ('a'); insert into account (owner) values ('b')`);
    expect(await count(engines.ours.em.fork().transactional(work))).to.equal(3);
  });

  it('takes one more to roll back to a savepoint, which frees its locks', async () => {
    const work = async (em: Session) => {
      await em.find(Account, {});
      await em
        .transactional(async (inner) => {
          await inner.nativeUpdate(Account, 1, { balance: 5 });
          throw new Error('no');
        })
        .catch(() => {});
      await query(database.url, `set lock_timeout = '1s'; update account set balance = 7 where id = 1`);
    };
    expect(await count(engines.ours.em.fork().transactional(work))).to.equal(4);
  });
});

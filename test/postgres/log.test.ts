import { expect } from 'chai';
import { query, type TestDatabase } from '../support/database.js';
import { Account, accountDatabase, type Engine, ours, type Session, stock } from './setup.js';

const ignored = (promise: Promise<unknown>) => promise.catch(() => undefined);

/** What differs from run to run, or because ours are unique in a transaction: times, and the names of savepoints. */
const comparable = (line: string): string => line.replace(/took \d+ ms/, 'took some').replace(/"trx\d+"/, '"trx"');

const work: Record<string, (em: Session) => Promise<unknown>> = {
  'reads and writes': (em) =>
    em.transactional(async (trx) => {
      await trx.insert(Account, { owner: 'Ada', balance: 0 });
      await trx.find(Account, {});
    }),
  'an isolation level': (em) =>
    em.transactional((trx) => trx.find(Account, {}), { isolationLevel: 'serializable' as never }),
  'a read-only transaction': (em) => em.transactional((trx) => trx.find(Account, {}), { readOnly: true }),
  'a transaction that sends nothing': (em) => em.transactional(async () => {}),
  'a statement that fails': (em) => ignored(em.transactional((trx) => trx.execute('select nothing'))),
  'a rollback': (em) =>
    ignored(
      em.transactional(async (trx) => {
        await trx.execute('select 1');
        throw new Error('no');
      }),
    ),
  savepoints: (em) =>
    em.transactional(async (trx) => {
      await trx.find(Account, {});
      await trx.transactional((inner) => inner.execute('select 2'));
      await ignored(
        trx.transactional(async (inner) => {
          await inner.execute('select 3');
          throw new Error('no');
        }),
      );
    }),
  'a stream, Kysely and a query builder': (em) =>
    em.transactional(async (trx) => {
      for await (const _ of trx.stream(Account, {})) {
        // all of it
      }
      await trx.getKysely<{ account: object }>().selectFrom('account').selectAll().execute();
      await trx.createQueryBuilder(Account).getCount();
    }),
  'a transaction begun by hand': async (em) => {
    await em.begin();
    await em.execute('select 5');
    await em.commit();
  },
  'an aborted statement': (em) =>
    ignored(
      em.transactional((trx) => trx.execute('select pg_sleep(0.3)', [], { signal: AbortSignal.timeout(50) } as never)),
    ),
};

describe("promise 26: MikroORM's log shows what its own driver's would", () => {
  let database: TestDatabase;

  before(async () => {
    database = await accountDatabase();
  });
  after(() => database.drop());

  for (const [name, run] of Object.entries(work)) {
    it(`for ${name}`, async () => {
      const logged = async (engineOn: (url: string, more: object) => Engine) => {
        await query(database.url, 'truncate account restart identity');
        const lines: string[] = [];
        const engine = engineOn(database.url, {
          debug: ['query', 'query-params'],
          colors: false,
          logger: (line: string) => lines.push(comparable(line)),
        });
        await run(engine.em.fork());
        await engine.close();
        return lines;
      };
      expect(await logged(ours)).to.deep.equal(await logged(stock));
    });
  }
});

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { query, type TestDatabase } from '../support/database.js';
import { rejection } from '../support/rejection.js';
import { Account, accountDatabase, ours, owners, poolOf } from './setup.js';

interface Seen {
  unended: number;
  /** Statements of which this library's own instrumentation told as well. */
  twice: number;
  spans: { text: string; failed: boolean; took: boolean }[];
}

const fixture = fileURLToPath(new URL('../support/fixtures/watched.js', import.meta.url));
const control = /^(begin|start transaction|savepoint|release savepoint|rollback|commit)\b/i;

describe("promise 26: OpenTelemetry's instrumentation of pg", () => {
  let database: TestDatabase;

  beforeEach(async () => {
    database = await accountDatabase();
  });
  afterEach(() => database.drop());

  const seenOn = async (driver: 'stock' | 'ours', comments: boolean): Promise<Seen> => {
    await query(database.url, 'truncate account restart identity');
    const { stdout } = await promisify(execFile)(process.execPath, [fixture], {
      env: { ...process.env, WATCHED_URL: database.url, WATCHED_DRIVER: driver, WATCHED_COMMENTS: String(comments) },
      timeout: 60_000,
    });
    return JSON.parse(stdout) as Seen;
  };
  /** Each statement of a text that was sent as one, without comments and without the quotes of names. */
  const statementsOf = ({ spans }: Seen) =>
    spans.flatMap(({ text, failed }) =>
      text
        .replace(/\s*\/\*traceparent.*?\*\//g, '')
        .split('; ')
        .map((sql, index, all) => ({
          sql: sql.replaceAll('"', '').toLowerCase(),
          failed: failed && index === all.length - 1,
        })),
    );

  for (const comments of [false, true]) {
    it(`sees what it sees of MikroORM's driver, ${comments ? 'also' : ''} with${comments ? '' : 'out'} sqlcommenter`, async () => {
      const stock = await seenOn('stock', comments);
      const stored = await owners(database.url);
      const seen = await seenOn('ours', comments);
      expect(await owners(database.url)).to.deep.equal(stored);
      expect(stored).to.deep.equal(['Ada', 'b', 'c']);

      expect(seen.unended).to.equal(0);
      expect(seen.twice).to.equal(0);
      expect(seen.spans.every(({ took }) => took)).to.equal(true);
      const own = statementsOf(seen);
      const theirs = statementsOf(stock);
      const isMore = (sql: string) => /where a0\.owner|pg_terminate/.test(sql);
      const work = (all: typeof own) => all.filter(({ sql }) => !control.test(sql) && !isMore(sql));
      expect(work(own)).to.deep.equal(work(theirs));
      // what MikroORM's own driver doesn't show, or doesn't survive: a stream, and a connection that is lost
      expect(own.filter(({ sql }) => isMore(sql)).map(({ failed }) => failed)).to.deep.equal([false, true]);
      const controls = (all: typeof own) =>
        all.filter(({ sql }) => control.test(sql)).map(({ sql }) => sql.replace(/( savepoint)? trx\d+$/, ''));
      expect(controls(own)).to.include.members(controls(theirs));
    });
  }

  it('never makes the driver run a statement outside its transaction: who hands on another query is refused', async () => {
    const engine = ours(database.url);
    const pool = await poolOf(engine);
    pool.on('connect', (client) => {
      const plain = client.query as (...args: unknown[]) => unknown;
      Object.assign(client, {
        query: (config: object, ...rest: unknown[]) => plain.call(client, { ...config }, ...rest),
      });
    });
    const error = await rejection(
      engine.em.fork().transactional((em) => em.insert(Account, { owner: 'astray', balance: 0 })),
    );
    expect(error.message).to.include('did not hand on the query');
    expect(pool.totalCount).to.equal(0);
    await engine.close();
    expect(await owners(database.url)).to.deep.equal([]);
  });
});

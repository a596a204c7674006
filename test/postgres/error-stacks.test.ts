import { ConnectionException } from '@mikro-orm/core';
import { expect } from 'chai';
import type { TestDatabase } from '../support/database.js';
import { rejection } from '../support/rejection.js';
import { freePort } from '../support/server/free-port.js';
import { Account, accountDatabase, type Engine, ours, type Session, stock } from './setup.js';

/** The one that a reader of the stack looks for. */
async function theLineOfTheCaller(session: Session, work: (session: Session) => Promise<unknown>): Promise<void> {
  await work(session);
}

describe('promise 26: the error of a statement', () => {
  let database: TestDatabase;
  let engines: { stock: Engine; ours: Engine };

  before(async () => {
    database = await accountDatabase();
    engines = { stock: stock(database.url), ours: ours(database.url) };
  });
  after(async () => {
    await Promise.all([engines.stock.close(), engines.ours.close()]);
    await database.drop();
  });

  for (const [name, work] of [
    ['an insert', (session: Session) => session.insert(Account, { id: 'x' as never, owner: 'Ada', balance: 0 })],
    ['raw SQL', (session: Session) => session.execute('select nothing')],
    ['a find', (session: Session) => session.find(Account, { id: 'x' as never })],
    [
      'Kysely',
      (session: Session) =>
        session
          .getKysely<never>()
          .selectFrom('nothing' as never)
          .selectAll()
          .execute(),
    ],
    [
      'a query builder',
      (session: Session) =>
        session
          .createQueryBuilder(Account)
          .where({ id: 'x' as never })
          .getResult(),
    ],
    [
      'a stream',
      async (session: Session) => {
        for await (const _ of session.stream(Account, { where: { id: 'x' as never } })) {
          // nothing comes
        }
      },
    ],
  ] as const) {
    for (const place of ['in a transaction', 'alone'] as const) {
      it(`names the caller's line: ${name}, ${place}`, async () => {
        const fail = (engine: Engine) =>
          rejection(
            place === 'alone'
              ? theLineOfTheCaller(engine.em.fork(), work)
              : engine.em.fork().transactional((session) => theLineOfTheCaller(session, work)),
          );
        const error = await fail(engines.ours);
        expect(error.stack).to.include('theLineOfTheCaller');
        expect(error.stack).to.include('error-stacks.test');
        expect(error.message).to.equal((await fail(engines.stock)).message);
      });
    }
  }

  it('leaves the limit of stacks as it was', async () => {
    const limit = Error.stackTraceLimit;
    await rejection(engines.ours.em.fork().execute('select nothing'));
    expect(Error.stackTraceLimit).to.equal(limit);
  });

  for (const host of ['127.0.0.1', 'localhost']) {
    it(`tells in its cause why no connection could be made, with all addresses: ${host}`, async () => {
      const port = await freePort();
      const engine = ours(`postgres://${host}:${port}/nowhere`);
      for (const run of [
        () => engine.em.fork().execute('select 1'),
        () => engine.em.fork().transactional((em) => em.execute('select 1')),
      ]) {
        const error = await rejection(run());
        expect(error).to.be.instanceOf(ConnectionException);
        expect(error.code).to.equal('08001');
        expect((error.cause as { code?: string }).code).to.equal('ECONNREFUSED');
        expect(error.message).to.match(new RegExp(`Could not connect: .*ECONNREFUSED.*:${port}`));
      }
      await engine.close();
    });
  }
});

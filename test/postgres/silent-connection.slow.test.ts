import { expect } from 'chai';
import { engineOptions, MikroOrmEngineFactory } from '../../src/index.js';
import { BankUnitOfWork, entities } from '../support/bank.js';
import { createDatabase, type TestDatabase } from '../support/database.js';
import { waitAtMost } from '../support/impatience.js';
import { rejection } from '../support/rejection.js';
import { startProxy, type WireProxy } from '../support/wire-proxy.js';

// Nothing comes through a connection any more, and neither end is told: a unit on it could be ended by nobody, and
// dispose() waited for it for ever.
describe('a connection that goes silent', () => {
  let database: TestDatabase;
  let proxy: WireProxy;
  let engineFactory: MikroOrmEngineFactory;
  let uow: BankUnitOfWork;

  beforeEach(async () => {
    database = await createDatabase();
    proxy = await startProxy(database.url);
    engineFactory = new MikroOrmEngineFactory(engineOptions({ dsn: proxy.url, poolSize: 1 }, { entities }));
    const engine = await engineFactory.create();
    await engine.schema.create();
    // for how long an answer is waited for follows from how long a connection is
    await waitAtMost(1_000, engine);
    uow = new BankUnitOfWork(engineFactory);
  });
  afterEach(async () => {
    proxy.dropAll();
    await engineFactory.dispose({ timeout: 0 });
    await proxy.close();
    await database.drop();
  });

  const stillWorks = async () => {
    await waitAtMost(60_000, await engineFactory.create());
    expect(await uow.run((u) => u.accounts.count())).to.equal(0);
  };

  it('promise 12: in a statement does not keep an aborted unit from ending', async () => {
    const controller = new AbortController();
    const reason = new Error('no longer wanted');
    const silence = proxy.silenceAt(/count/);
    const run = rejection(uow.run((u) => u.accounts.count(), { signal: controller.signal }));
    await silence.struck;
    controller.abort(reason);
    expect(await run).to.equal(reason);
    await stillWorks();
  });

  it('promise 4: at ROLLBACK does not keep the error of work from arriving', async () => {
    const reason = new Error('no');
    proxy.silenceAt(/^rollback/);
    const run = uow.run(async (u) => {
      await u.accounts.create({ owner: 'Ada' });
      await u.flush();
      throw reason;
    });
    expect(await rejection(run)).to.equal(reason);
    await stillWorks();
  });

  it('promise 10: at ROLLBACK TO SAVEPOINT makes the outer unit reject', async () => {
    proxy.silenceAt(/^rollback to/);
    const run = uow.run(async (u) => {
      await u.accounts.create({ owner: 'Ada' });
      await u
        .run(async (inner) => {
          await inner.accounts.count();
          throw new Error('no');
        })
        .catch(() => undefined);
    });
    expect(await rejection(run)).to.be.instanceOf(Error);
    await stillWorks();
  });

  for (const [where, pattern] of [
    ['in a statement', /insert/],
    ['at COMMIT', /^commit/],
  ] as const) {
    it(`promise 15: ${where} does not keep the engine from being disposed of`, async () => {
      const silence = proxy.silenceAt(pattern);
      const run = rejection(uow.run((u) => u.accounts.create({ owner: 'Ada' })));
      await silence.struck;
      const started = performance.now();
      await engineFactory.dispose({ timeout: 200 });
      expect(performance.now() - started).to.be.lessThan(10_000);
      expect(await run).to.be.instanceOf(Error);
    });
  }

  // Kysely closes once: to close by force what was already being closed did nothing.
  it('promise 15: in a statement of nobody does not keep the engine from being disposed of', async () => {
    const { em } = await engineFactory.create();
    const silence = proxy.silenceAt(/count/);
    const count = rejection(em.fork().count(entities[0] as never));
    await silence.struck;
    const started = performance.now();
    await engineFactory.dispose({ timeout: 200 });
    expect(performance.now() - started).to.be.lessThan(5_000);
    expect(await count).to.be.instanceOf(Error);
  });
});

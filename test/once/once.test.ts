import { expect } from 'chai';
import {
  ConfigurationError,
  MikroOrmEngineFactory as Factory,
  type MikroOrmEngineFactory,
  type UnitOfWorkOptions,
} from '../../src/index.js';
import { CompletedUnit, deleteCompletedUnits } from '../../src/once/index.js';
import { RollbackEngineFactory } from '../../src/testing/index.js';
import { BankUnitOfWork, entities } from '../support/bank.js';
import { type Bank, forEachBank } from '../support/bank-database.js';
import { rejection } from '../support/rejection.js';

/** An engine that knows the table, which is made on the way. */
function useOnce(bank: Bank): { engine(): MikroOrmEngineFactory; uow(options?: UnitOfWorkOptions): BankUnitOfWork } {
  let engineFactory: MikroOrmEngineFactory;
  beforeEach(async () => {
    engineFactory = new Factory(bank.options({ entities: [...entities, CompletedUnit] }));
    const orm = await engineFactory.create();
    await orm.schema.update();
    await orm.em.fork().nativeDelete(CompletedUnit, {});
    bank.forget();
  });
  afterEach(() => engineFactory.dispose({ timeout: 0 }));
  after(() => bank.rows('drop table if exists completed_unit'));
  return { engine: () => engineFactory, uow: (options) => new BankUnitOfWork(engineFactory, options) };
}

describe('promise 27: exactly once', () => {
  forEachBank((bank, engine) => {
    const given = useOnce(bank);
    const owners = async (): Promise<unknown[]> =>
      (await bank.rows<{ owner: string }>('select owner from account order by id')).map(({ owner }) => owner);

    it('promise 27: stores the work and its result together, and does not run it again', async () => {
      let runs = 0;
      const open = () =>
        given.uow().run(
          async (u) => {
            runs += 1;
            const account = await u.accounts.create({ owner: 'Ada', balance: 10 });
            await u.flush();
            return { id: account.id, tags: ['new', null], deep: { text: 'ä"\\', yes: true, none: 1.5e-7 } };
          },
          { once: 'open-1' },
        );
      const first = await open();
      expect(await open()).to.deep.equal(first);
      expect(runs).to.equal(1);
      expect(await owners()).to.deep.equal(['Ada']);
      expect(await bank.rows('select key, name, result from completed_unit')).to.deep.equal([
        { key: 'open-1', name: 'BankUnitOfWork', result: first },
      ]);
    });

    it('promise 27: gives back every kind of result as it was', async () => {
      const results = [
        '',
        'text',
        '5',
        '"quoted"',
        'null',
        'true',
        '{"a":1}',
        '[1]',
        0,
        -1.5,
        1e300,
        true,
        false,
        [],
        {},
        [[], {}],
        { a: null },
      ];
      for (const [index, result] of results.entries()) {
        const run = () => given.uow().run(() => result, { once: `kind-${index}` });
        expect(await run()).to.deep.equal(result);
        expect(await run(), JSON.stringify(result)).to.deep.equal(result);
      }
    });

    it('promise 27: refuses what JSON can not hold, and stores nothing', async () => {
      const circle: Record<string, unknown> = {};
      circle.self = circle;
      const results = [
        undefined,
        null,
        Number.NaN,
        Number.POSITIVE_INFINITY,
        1n,
        () => 1,
        Symbol('s'),
        new Date(),
        new Map(),
        circle,
        { a: undefined },
        [undefined],
        'a\0b',
        '\ud800',
        { 'a\0b': 1 },
        new Array(2),
      ];
      for (const result of results) {
        const refused = await rejection(
          given.uow().run(
            async (u) => {
              await u.accounts.create({ owner: 'Ada' });
              return result;
            },
            { once: 'bad' },
          ),
        );
        expect(refused).to.be.instanceOf(ConfigurationError);
      }
      expect(await owners()).to.deep.equal([]);
      expect(await bank.rows('select key from completed_unit')).to.deep.equal([]);
    });

    it('promise 27: two at once: the second waits, and takes the result', async () => {
      let runs = 0;
      const call = () =>
        given.uow().run(
          async (u) => {
            runs += 1;
            await u.accounts.create({ owner: `Ada ${runs}` });
            await u.flush();
            return runs;
          },
          { once: 'twins' },
        );
      expect(await Promise.all([call(), call(), call()])).to.deep.equal([1, 1, 1]);
      expect(await owners()).to.deep.equal(['Ada 1']);
    });

    for (const isolationLevel of ['repeatable read', 'serializable'] as const) {
      it(`promise 27: the same at ${isolationLevel}, without retry`, async () => {
        let runs = 0;
        const call = () =>
          given.uow().run(
            async (u) => {
              runs += 1;
              await u.accounts.create({ owner: `Ada ${runs}` });
              await u.flush();
              return runs;
            },
            { once: 'twins', isolationLevel },
          );
        expect(await Promise.all([call(), call()])).to.deep.equal([1, 1]);
        expect(await owners()).to.deep.equal(['Ada 1']);
      });
    }

    it('promise 27: the second takes the place of a first that was rolled back', async () => {
      let runs = 0;
      const call = () =>
        given.uow().run(
          async (u) => {
            runs += 1;
            await u.accounts.create({ owner: `Ada ${runs}` });
            await u.flush();
            if (runs === 1) {
              throw new Error('on purpose');
            }
            return runs;
          },
          { once: 'place' },
        );
      const [first, second] = await Promise.allSettled([call(), call()]);
      expect([first.status, second.status]).to.deep.equal(['rejected', 'fulfilled']);
      expect(await owners()).to.deep.equal(['Ada 2']);
    });

    it('promise 27: stores nothing, the key included, where the unit is rolled back by hand', async () => {
      const run = await given.uow().run(
        async (u) => {
          await u.accounts.create({ owner: 'Ada' });
          await u.rollback();
          return 'undone';
        },
        { once: 'undone' },
      );
      expect(run).to.equal('undone');
      expect(await bank.rows('select key from completed_unit')).to.deep.equal([]);
      expect(await given.uow().run(() => 'again', { once: 'undone' })).to.equal('again');
    });

    it('promise 27: a key of another unit’s name is refused, and its result stays', async () => {
      await given.uow({ name: 'first' }).run(() => 1, { once: 'mine' });
      const refused = await rejection(given.uow({ name: 'second' }).run(() => 2, { once: 'mine' }));
      expect(refused).to.be.instanceOf(ConfigurationError).with.property('message').that.includes('"first"');
      expect(await given.uow({ name: 'first' }).run(() => 3, { once: 'mine' })).to.equal(1);
    });

    it('promise 27: inside an outer unit, the row belongs to the outer transaction', async () => {
      const failed = await rejection(
        given.uow().run(async (u) => {
          expect(await u.run(() => 1, { once: 'inner' })).to.equal(1);
          expect(await u.run(() => 2, { once: 'inner' })).to.equal(1);
          throw new Error('on purpose');
        }),
      );
      expect(failed).to.have.property('message', 'on purpose');
      expect(await bank.rows('select key from completed_unit')).to.deep.equal([]);
      await given.uow().run(async (u) => {
        await u.run(() => 3, { once: 'inner', propagation: 'required' });
      });
      expect(await given.uow().run(() => 4, { once: 'inner' })).to.equal(3);
    });

    it('promise 27: holds in a test that is rolled back', async () => {
      const rollback = new RollbackEngineFactory(given.engine());
      await rollback.start();
      const uow = new BankUnitOfWork(rollback);
      expect(await uow.run(() => 1, { once: 'test' })).to.equal(1);
      expect(await uow.run(() => 2, { once: 'test' })).to.equal(1);
      await rollback.rollback();
      expect(await bank.rows('select key from completed_unit')).to.deep.equal([]);
    });

    it('promise 27: afterCommit runs once, with the run that stored it', async () => {
      const told: number[] = [];
      for (const call of [1, 2]) {
        await given.uow().run(
          (u) => {
            u.afterCommit(() => void told.push(call));
            return call;
          },
          { once: 'told' },
        );
      }
      expect(told).to.deep.equal([1]);
    });

    it('promise 18: is refused where it can not be kept, before anything is sent', async () => {
      const uow = given.uow();
      const without = bank.uow;
      bank.forget();
      const calls = [
        () => without.run(() => 1, { once: 'a' }),
        () => uow.begin({ once: 'a' }),
        () => uow.run(() => 1, { once: 'a', readOnly: true }),
        ...['', 'a\0b', 'x'.repeat(256), 5 as never, '\ud800'].map((once) => () => uow.run(() => 1, { once })),
      ];
      for (const call of calls) {
        expect(await rejection(call())).to.be.instanceOf(ConfigurationError);
      }
      expect(bank.sent()).to.deep.equal([]);
      const unitless = await rejection(uow.run(() => 1, { once: 'a', propagation: 'supports' }));
      expect(unitless).to.be.instanceOf(ConfigurationError);
      expect(await rejection(uow.run((u) => u.commit(), { once: 'a' }))).to.be.instanceOf(ConfigurationError);
      expect(await bank.rows('select key from completed_unit')).to.deep.equal([]);
    });

    it('deletes what is older', async () => {
      await given.uow().run(() => 1, { once: 'old' });
      expect(await deleteCompletedUnits(given.engine(), { olderThan: new Date(Date.now() - 60_000) })).to.equal(0);
      expect(await deleteCompletedUnits(given.engine(), { olderThan: new Date(Date.now() + 60_000) })).to.equal(1);
      expect(await given.uow().run(() => 2, { once: 'old' })).to.equal(2);
      const bad = await rejection(deleteCompletedUnits(given.engine(), { olderThan: 'x' as never }));
      expect(bad).to.be.instanceOf(ConfigurationError);
    });

    if (engine === 'postgresql') {
      it('promise 20: costs one round trip before the work, and none where it is not used', async () => {
        await given.uow().run((u) => u.accounts.count());
        bank.forget();
        await given.uow().run((u) => u.accounts.count(), { once: 'trip' });
        const trips = bank.sent();
        expect(trips).to.deep.equal([
          'begin',
          'insert completed_unit',
          'select account',
          'update completed_unit',
          'commit',
        ]);
        expect(bank.proxy.roundTrips(), 'the result travels with COMMIT').to.equal(3);
        bank.proxy.reset();
        await given.uow().run((u) => u.accounts.count(), { once: 'trip' });
        expect(bank.proxy.roundTrips(), 'the key, the result, COMMIT').to.equal(3);
        bank.proxy.reset();
        await given.uow().run((u) => u.accounts.count());
        expect(bank.proxy.roundTrips(), 'without a key').to.equal(2);
      });

      it('promise 20: the result travels with the last flush, where there is one', async () => {
        const open = async (once?: string): Promise<number> => {
          bank.proxy.reset();
          const work = async (u: { accounts: { create(data: object): Promise<unknown> } }) => {
            await u.accounts.create({ owner: once ?? 'without' });
            return `it's "done"? $1 \\ ; commit`;
          };
          const told = await given.uow().run(work as never, once === undefined ? {} : { once });
          expect(told).to.equal(`it's "done"? $1 \\ ; commit`);
          return bank.proxy.roundTrips();
        };
        const plain = await open();
        expect(await open('keyed')).to.equal(plain + 1);
        expect(await given.uow().run(() => 'not run', { once: 'keyed' })).to.equal(`it's "done"? $1 \\ ; commit`);
      });
    }
  });
});

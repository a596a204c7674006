import { expect } from 'chai';
import { MikroOrmEngineFactory, type OpenUnitState, PoolTimeoutError } from '../../src/index.js';
import { BankUnitOfWork } from '../support/bank.js';
import { forEachBank, useBank } from '../support/bank-database.js';
import { rejection } from '../support/rejection.js';
import { waitFor } from '../support/wait-for.js';

const plain = (units: readonly OpenUnitState[]) =>
  units.map(({ name, attempt, statements }) => ({ name, attempt, statements }));

/** The warnings of the library while `work` runs. */
async function warningsDuring(work: (warnings: readonly Error[]) => Promise<void>): Promise<Error[]> {
  const warnings: Error[] = [];
  const listener = (warning: Error): void => {
    if (warning.name === 'UnitOfWorkWarning') {
      warnings.push(warning);
    }
  };
  process.on('warning', listener);
  try {
    await work(warnings);
  } finally {
    process.off('warning', listener);
  }
  return warnings;
}

forEachBank((bank, engine) => {
  describe('state()', () => {
    it('counts nothing before the first statement', () => {
      expect(bank.engineFactory.state()).to.deep.equal({ size: 0, held: 0, idle: 0, waiting: 0, openUnits: [] });
    });

    it('tells how the connections are used, and by which units', async () => {
      const size = engine === 'pglite' ? 1 : 4;
      const before = new Date();
      await bank.uow.run(
        async (u) => {
          await u.accounts.count();
          await u.accounts.count();
          const state = bank.engineFactory.state();
          expect(state).to.include({ size, held: 1, waiting: 0 });
          expect(plain(state.openUnits)).to.deep.equal([{ name: 'Audit', attempt: 1, statements: 2 }]);
          expect(state.openUnits[0]?.since).to.be.within(before, new Date());
        },
        { name: 'Audit' },
      );
      expect(bank.engineFactory.state()).to.deep.equal({ size, held: 0, idle: 1, waiting: 0, openUnits: [] });
    });

    it('shows a unit that has sent nothing, which holds no connection', async () => {
      await bank.uow.run(async () => {
        expect(bank.engineFactory.state()).to.include({ held: 0 });
        expect(plain(bank.engineFactory.state().openUnits)).to.deep.equal([
          { name: 'BankUnitOfWork', attempt: 1, statements: 0 },
        ]);
      });
    });

    it('shows inner units as a part of the outer one', async () => {
      await bank.uow.run(async (u) => {
        await u.run(async (inner) => {
          await inner.accounts.count();
          expect(plain(bank.engineFactory.state().openUnits)).to.deep.equal([
            { name: 'BankUnitOfWork', attempt: 1, statements: 1 },
          ]);
        });
      });
    });

    it('shows the attempt of a unit that runs again', async () => {
      const attempts: unknown[] = [];
      await bank.uow.run(
        async (u) => {
          attempts.push(plain(bank.engineFactory.state().openUnits));
          if (u.attempt === 1) {
            throw Object.assign(new Error('again'), { code: '40001' });
          }
        },
        { retry: { attempts: 2, minDelay: 0 } },
      );
      expect(attempts).to.deep.equal([
        [{ name: 'BankUnitOfWork', attempt: 1, statements: 0 }],
        [{ name: 'BankUnitOfWork', attempt: 2, statements: 0 }],
      ]);
    });

    it('counts nothing after dispose()', async () => {
      await bank.uow.run((u) => u.accounts.count());
      await bank.engineFactory.dispose();
      expect(bank.engineFactory.state()).to.deep.equal({ size: 0, held: 0, idle: 0, waiting: 0, openUnits: [] });
    });
  });

  describe('openTooLong', () => {
    it('refuses what is no number of milliseconds', async () => {
      for (const openTooLong of [0, -1, Number.NaN, '5' as never]) {
        const engineFactory = new MikroOrmEngineFactory(bank.options({ openTooLong }));
        const error = await rejection(engineFactory.create());
        expect(error.message).to.match(/openTooLong/);
      }
    });

    it('warns once for each place, with the stack that opened the unit', async () => {
      const engineFactory = new MikroOrmEngineFactory(bank.options({ openTooLong: 5 }));
      const uow = new BankUnitOfWork(engineFactory);
      const warnings = await warningsDuring(async (seen) => {
        const open = () => uow.run(() => waitFor(() => seen.length === 2));
        await Promise.all([open(), open(), uow.run(() => waitFor(() => seen.length === 2))]);
      });
      await engineFactory.dispose();
      expect(warnings).to.have.lengthOf(2);
      expect(warnings[0]?.message).to.match(
        /^BankUnitOfWork has been open for more than 5 ms, and has sent 0 statements/,
      );
      expect(warnings[0]?.message)
        .to.match(/state\.test/)
        .and.not.match(/conduct/);
    });

    it('keeps quiet about units that end in time, and where it is not set', async () => {
      const engineFactory = new MikroOrmEngineFactory(bank.options({ openTooLong: 60_000 }));
      const warnings = await warningsDuring(async () => {
        await new BankUnitOfWork(engineFactory).run((u) => u.accounts.count());
        await bank.uow.run((u) => u.accounts.count());
      });
      await engineFactory.dispose();
      expect(warnings).to.deep.equal([]);
    });
  });

  describe('a unit that was begun and never ended', () => {
    const collect = async (until: () => boolean): Promise<void> => {
      await waitFor(() => {
        globalThis.gc?.();
        return until();
      });
    };

    before(async () => {
      const { setFlagsFromString } = await import('node:v8');
      const { runInNewContext } = await import('node:vm');
      setFlagsFromString('--expose-gc');
      globalThis.gc ??= runInNewContext('gc');
    });

    it('is rolled back when nobody holds it any more, gives its connection back, and is told of', async () => {
      const lose = async (): Promise<void> => {
        const u = await bank.uow.begin();
        await u.accounts.create({ owner: 'Ada', balance: 1 });
        await u.flush();
      };
      const warnings = await warningsDuring(async (seen) => {
        await lose();
        expect(bank.engineFactory.state().held).to.equal(1);
        await collect(() => seen.length > 0 && bank.engineFactory.state().held === 0);
      });
      expect(warnings[0]?.message).to.match(
        /^BankUnitOfWork was opened by begin\(\), neither committed nor rolled back/,
      );
      expect(bank.engineFactory.state().openUnits).to.deep.equal([]);
      expect(await bank.rows('select owner from account')).to.deep.equal([]);
    });

    it('is left alone while somebody has one of its repositories', async () => {
      const { accounts } = await bank.uow.begin();
      const lost = new WeakRef({});
      await collect(() => lost.deref() === undefined);
      expect(await accounts.count()).to.equal(0);
      expect(bank.engineFactory.state().openUnits).to.have.lengthOf(1);
      expect(accounts).to.have.property('connectionProxy');
    });

    it('is left alone while somebody holds it', async () => {
      const u = await bank.uow.begin();
      await u.accounts.create({ owner: 'Ada', balance: 1 });
      const lost = new WeakRef({});
      await collect(() => lost.deref() === undefined);
      await u.commit();
      expect(await bank.rows('select owner from account')).to.deep.equal([{ owner: 'Ada' }]);
    });
  });
});

describe('promise 16: PoolTimeoutError', () => {
  const bank = useBank('postgresql');

  it('names the units that hold the connections, and shows no values', async () => {
    const driverOptions = { connectionTimeoutMillis: 200 };
    const options = await bank.options({}, 2);
    const own = options.driverOptions as () => object;
    const engineFactory = new MikroOrmEngineFactory({
      ...options,
      driverOptions: () => ({ ...(typeof own === 'function' ? own() : own), ...driverOptions }),
    });
    const uow = new BankUnitOfWork(engineFactory);
    await using one = await uow.begin({ name: 'Report' });
    await one.accounts.count({ owner: 'secret' });
    await using two = await uow.begin();
    await two.accounts.count({ owner: 'secret' });
    const error = await rejection(uow.run((u) => u.accounts.count()));
    expect(error).to.be.instanceOf(PoolTimeoutError);
    expect(error.message).to.match(
      /the pool has 2, and 2 of them are held\. Units of work hold them: Report for \d+\.\d s, BankUnitOfWork for \d+\.\d s$/,
    );
    expect(error.message).not.to.contain('secret');
    expect((error as PoolTimeoutError).units.map(({ name }) => name)).to.deep.equal(['Report', 'BankUnitOfWork']);
    expect(engineFactory.state()).to.include({ size: 2, held: 2, waiting: 0 });
    await one.rollback();
    await two.rollback();
    await engineFactory.dispose();
  });
});

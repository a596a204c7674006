import { PostgreSqlDriver } from '@mikro-orm/postgresql';
import { expect } from 'chai';
import { ConfigurationError, MikroOrmEngineFactory } from '../../src/index.js';
import { countStatements } from '../../src/testing/index.js';
import { Account, AccountRepository, BankUnitOfWork } from '../support/bank.js';
import { forEachBank, useBank } from '../support/bank-database.js';
import { rejection } from '../support/rejection.js';
import { shorten } from '../support/shorten.js';
import { useEnclosed } from './enclosed.js';

describe('countStatements', () => {
  forEachBank((bank, engine) => {
    /** What a unit does, with how many statements of its own, and how many round trips to a server. */
    const works: Record<string, [statements: number, roundTrips: number, work: () => Promise<unknown>]> = {
      'a unit that sends nothing': [0, 0, () => bank.uow.run(async () => 1)],
      'a read': [1, 2, () => bank.uow.run((u) => u.accounts.list())],
      'a write and a read': [
        2,
        3,
        () =>
          bank.uow.run(async (u) => {
            await u.accounts.create({ owner: 'Ada' });
            await u.accounts.list();
          }),
      ],
      'a unit with settings': [
        1,
        2,
        () =>
          bank.uow.run((u) => u.accounts.count(), {
            isolationLevel: 'serializable',
            session: { variables: { 'app.tenant': 'one' } },
            timeouts: { statement: 5_000 },
          }),
      ],
      'an inner unit that is undone': [
        2,
        4,
        () =>
          bank.uow.run(async (u) => {
            await u.accounts.count();
            await rejection(
              u.run(async (inner) => {
                await inner.accounts.count();
                throw new Error('no');
              }),
            );
          }),
      ],
      'a rollback': [
        1,
        2,
        () =>
          bank.uow.run(async (u) => {
            await u.accounts.count();
            await u.rollback();
          }),
      ],
      'a standalone read': [1, 1, () => new AccountRepository(proxyOf()).list()],
    };
    const proxyOf = () => ({
      connect: async () => (await bank.engineFactory.create()).em.fork(),
      disconnect: async () => {},
    });

    for (const [kind, [statements, roundTrips, work]] of Object.entries(works)) {
      it(`counts ${kind} as it was sent`, async () => {
        await bank.uow.run((u) => u.accounts.count());
        bank.forget();
        const counted = await countStatements(bank.engineFactory, work);
        expect(counted, counted.list.join('\n')).to.include({ statements, roundTrips });
        if (engine === 'postgresql') {
          expect(bank.proxy.roundTrips()).to.equal(roundTrips);
          const sent = counted.list.flatMap((line) => line.split(';'));
          expect(shorten(sent)).to.deep.equal(bank.sent());
        }
      });
    }

    it('resolves to what work did, and lists what was sent in order', async () => {
      const { result, list } = await countStatements(bank.engineFactory, () =>
        bank.uow.run(async (u) => {
          await u.accounts.create({ owner: 'Ada', balance: 3 });
          return u.accounts.count();
        }),
      );
      expect(result).to.equal(1);
      expect(list).to.have.lengthOf(3);
      expect(list[0]).to.match(/^begin; insert into "account" .*'Ada'/);
      expect(list[1]).to.match(/^select count\(\*\)/);
      expect(list[2]).to.equal('commit');
    });

    it('hears nothing of another engine, nor of what comes after', async () => {
      await using other = new MikroOrmEngineFactory(bank.options());
      const { list } = await countStatements(other, () => bank.uow.run((u) => u.accounts.count()));
      expect(list).to.deep.equal([]);
      await new BankUnitOfWork(other).run((u) => u.accounts.count());
      expect(list).to.deep.equal([]);
    });

    it('stops listening where work throws, which arrives as it is', async () => {
      const reason = new Error('no');
      const failed = countStatements(bank.engineFactory, () => Promise.reject(reason));
      expect(await rejection(failed)).to.equal(reason);
    });

    it('refuses what is no function, and no engine factory', async () => {
      expect(await rejection(countStatements(bank.engineFactory, 1 as never))).to.be.instanceOf(ConfigurationError);
      expect(await rejection(countStatements({} as never, () => 1))).to.be.instanceOf(ConfigurationError);
    });

    describe('in a test that is rolled back', () => {
      const test = useEnclosed(bank);

      it('counts the statements of the work, as it does on the engine itself', async () => {
        const work = (uow: BankUnitOfWork) => () =>
          uow.run(
            async (u) => {
              await u.accounts.create({ owner: 'Ada' });
              await u.run((inner) => inner.accounts.count());
            },
            { session: { variables: { 'app.tenant': 'one' } } },
          );
        const enclosed = await countStatements(test.rollback, work(test.uow));
        await test.rollback.rollback();
        const free = await countStatements(bank.engineFactory, work(bank.uow));
        expect(enclosed.statements, enclosed.list.join('\n')).to.equal(2);
        expect(free.statements).to.equal(2);
      });
    });
  });

  describe('on the wire', () => {
    const bank = useBank('postgresql');
    const fill = () =>
      bank.uow.run((u) => u.accounts.insertMany(Array.from({ length: 25 }, (_, n) => ({ owner: `owner ${n}` }))));

    for (const [kind, take] of [
      ['all rows', 25],
      ['some rows', 11],
      ['one row', 1],
    ] as const) {
      it(`counts each page of a stream that is read for ${kind}`, async () => {
        await fill();
        bank.forget();
        const { roundTrips, statements } = await countStatements(bank.engineFactory, () =>
          bank.uow.run(async (u) => {
            let read = 0;
            for await (const _ of u.session.stream(Account, { chunkSize: 10 })) {
              read += 1;
              if (read === take) {
                break;
              }
            }
          }),
        );
        expect(roundTrips).to.equal(bank.proxy.roundTrips());
        expect(statements).to.equal(1);
      });
    }

    it('counts several statements in one text as one, which no control statement can travel with', async () => {
      const { list, statements, roundTrips } = await countStatements(bank.engineFactory, () =>
        bank.uow.run((u) => u.session.execute('select 1; select 2')),
      );
      expect(list.slice(0, 2)).to.deep.equal(['begin', 'select 1; select 2']);
      expect(statements).to.equal(1);
      expect(roundTrips).to.equal(bank.proxy.roundTrips());
    });

    it('promise 20: listAndCount() sends its two statements at once', async () => {
      await bank.uow.run((u) => u.accounts.count());
      bank.forget();
      const { roundTrips, statements } = await countStatements(bank.engineFactory, () =>
        bank.uow.run((u) => u.accounts.listAndCount({ balance: { $gte: 0 } }, { limit: 1, orderBy: { id: 'asc' } })),
      );
      expect(statements).to.equal(2);
      expect(roundTrips).to.equal(2).and.to.equal(bank.proxy.roundTrips());
    });

    it('counts what is handed over side by side as one round trip', async () => {
      await bank.uow.run((u) => u.accounts.count());
      bank.forget();
      const { roundTrips, statements, list } = await countStatements(bank.engineFactory, () =>
        bank.uow.run(async (u) => {
          await Promise.all([u.accounts.count(), u.transfers.count(), u.rates.count()]);
        }),
      );
      expect(statements).to.equal(3);
      expect(roundTrips, list.join('\n')).to.equal(2).and.to.equal(bank.proxy.roundTrips());
    });
  });

  it('is refused on another driver before anything is sent', async () => {
    const engineFactory = new MikroOrmEngineFactory({
      driver: PostgreSqlDriver,
      clientUrl: 'postgresql://nobody@127.0.0.1:1/nothing',
      entities: [Account],
    });
    let ran = false;
    const counted = countStatements(engineFactory, () => {
      ran = true;
    });
    expect(await rejection(counted))
      .to.be.instanceOf(ConfigurationError)
      .with.property('message')
      .that.matches(/driver/);
    expect(ran).to.equal(false);
    await engineFactory.dispose();
  });
});

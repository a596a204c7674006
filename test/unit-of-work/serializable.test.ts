import { LockMode } from '@mikro-orm/core';
import { expect } from 'chai';
import { MikroOrmEngineFactory, type UnitOfWorkOptions } from '../../src/index.js';
import { type Account, BankUnitOfWork } from '../support/bank.js';
import { useBank } from '../support/bank-database.js';
import { rejection } from '../support/rejection.js';
import { deferred } from '../support/wait-for.js';

describe('promise 11: serializable units with retry', () => {
  const bank = useBank('postgresql');

  it('promise 11: 16 workers, transfers between 5 accounts: each is booked exactly once', async () => {
    const [workers, transfers, accounts, start] = [16, 6, 5, 100];
    await bank.rows(
      `insert into account (owner, balance) select 'owner ' || n, ${start} from generate_series(1, ${accounts}) n`,
    );
    await using engineFactory = new MikroOrmEngineFactory(bank.options({}, workers));
    const uow = new BankUnitOfWork(engineFactory, {
      isolationLevel: 'serializable',
      retry: { attempts: 500, maxDelay: 200 },
    });
    let conflicts = 0;
    const work = async (worker: number) => {
      for (let n = 0; n < transfers; n++) {
        const fromId = 1 + ((worker + n) % accounts);
        const toId = 1 + ((fromId + (n % (accounts - 1))) % accounts);
        const attempt = await uow.run(async (u) => {
          const from = (await u.accounts.retrieve(fromId)) as Account;
          const to = (await u.accounts.retrieve(toId)) as Account;
          from.balance -= 1 + n;
          to.balance += 1 + n;
          await u.transfers.create({ from, to, amount: 1 + n, note: `${worker}/${n}` });
          return u.attempt;
        });
        conflicts += attempt - 1;
      }
    };
    await Promise.all(Array.from({ length: workers }, (_, worker) => work(worker)));

    const booked = await bank.rows<{ note: string }>('select note from transfer');
    expect(booked).to.have.length(workers * transfers);
    expect(new Set(booked.map(({ note }) => note))).to.have.length(workers * transfers);
    const wrong = await bank.rows(`select id from account where balance <> ${start}
      + (select coalesce(sum(amount), 0) from transfer where to_id = account.id)
      - (select coalesce(sum(amount), 0) from transfer where from_id = account.id)`);
    expect(wrong).to.deep.equal([]);
    const [total] = await bank.rows<{ sum: number }>('select sum(balance)::int as sum from account');
    expect(total?.sum).to.equal(accounts * start);
    expect(conflicts).to.be.greaterThan(0);
    console.log(`        ${booked.length} transfers, each booked once; ${conflicts} conflicts were met`);
  });

  /** Two doctors are on call; each goes home if the other one stays. Both have looked before either has left. */
  const bothLeave = async (options: UnitOfWorkOptions) => {
    await bank.rows("insert into account (owner, balance) values ('Ada', 1), ('Grace', 1)");
    const both = deferred();
    let looked = 0;
    const leave = (owner: string) =>
      bank.uow.run(async (u) => {
        const onCall = await u.accounts.count({ balance: 1 });
        looked += 1;
        if (looked === 2) {
          both.resolve();
        }
        await both.promise;
        if (onCall < 2) {
          throw new Error('nobody else is on call');
        }
        const own = (await u.accounts.retrieve({ owner })) as Account;
        own.balance = 0;
      }, options);
    const outcomes = await Promise.allSettled([leave('Ada'), leave('Grace')]);
    const onCall = await bank.rows('select owner from account where balance = 1');
    return { outcomes, onCall: onCall.length };
  };

  it('promise 11: the last doctor on call cannot leave', async () => {
    const { outcomes, onCall } = await bothLeave({ isolationLevel: 'serializable', retry: 5 });
    expect(outcomes.map(({ status }) => status).sort()).to.deep.equal(['fulfilled', 'rejected']);
    const refused = outcomes.find(({ status }) => status === 'rejected') as PromiseRejectedResult;
    expect(refused.reason).to.have.property('message', 'nobody else is on call');
    expect(onCall).to.equal(1);
  });

  it('promise 11: without retry, the conflict arrives', async () => {
    const { outcomes, onCall } = await bothLeave({ isolationLevel: 'serializable' });
    const refused = outcomes.find(({ status }) => status === 'rejected') as PromiseRejectedResult;
    expect(refused.reason).to.have.property('code', '40001');
    expect(onCall).to.equal(1);
  });

  for (const isolationLevel of ['read committed', 'repeatable read'] as const) {
    it(`what it is good for: at ${isolationLevel} both leave`, async () => {
      const { outcomes, onCall } = await bothLeave({ isolationLevel, retry: 5 });
      expect(outcomes.map(({ status }) => status)).to.deep.equal(['fulfilled', 'fulfilled']);
      expect(onCall).to.equal(0);
    });
  }

  it('promise 11: two units that lock in turn: the one that the server picks runs again', async () => {
    await bank.rows("insert into account (owner, balance) values ('Ada', 0), ('Grace', 0)");
    const both = deferred();
    let locked = 0;
    let attempts = 0;
    const add = (first: number, second: number) =>
      bank.uow.run(
        async (u) => {
          attempts += 1;
          const change = async (id: number) => {
            const account = (await u.accounts.retrieve(id, { lockMode: LockMode.PESSIMISTIC_WRITE })) as Account;
            account.balance += 1;
            await u.flush();
          };
          await change(first);
          locked += 1;
          if (locked === 2) {
            both.resolve();
          }
          await both.promise;
          await change(second);
        },
        { retry: 5 },
      );
    await Promise.all([add(1, 2), add(2, 1)]);
    expect(attempts).to.equal(3);
    expect(await bank.rows('select balance from account')).to.deep.equal([{ balance: 2 }, { balance: 2 }]);
  });

  it('promise 11: without retry, a deadlock arrives', async () => {
    await bank.rows("insert into account (owner) values ('Ada'), ('Grace')");
    const both = deferred();
    let locked = 0;
    const add = (ids: number[]) =>
      bank.uow.run(async (u) => {
        for (const id of ids) {
          await u.accounts.retrieve(id, { lockMode: LockMode.PESSIMISTIC_WRITE });
          locked += 1;
          if (locked === 2) {
            both.resolve();
          }
          await both.promise;
        }
      });
    const error = await rejection(Promise.all([add([1, 2]), add([2, 1])]));
    expect(error).to.have.property('code', '40P01');
  });
});

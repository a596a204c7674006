import { inspect } from 'node:util';
import { type EntityManager, wrap } from '@mikro-orm/core';
import type { SqlEntityManager } from '@mikro-orm/sql';
import { expect } from 'chai';
import { UnitOfWorkClosedError } from '../../src/index.js';
import { Account, type BankUnitOfWork, type Transfer } from '../support/bank.js';
import { type Bank, forEachBank } from '../support/bank-database.js';
import { execute } from '../support/execute.js';
import { rejection } from '../support/rejection.js';

type Unit = Awaited<ReturnType<BankUnitOfWork['begin']>>;

/** Everything of an ended unit that somebody may have kept. */
interface Kept {
  readonly u: Unit;
  readonly session: EntityManager;
  readonly account: Account;
  readonly transfer: Transfer;
}

const kyselyOf = (session: EntityManager) => (session as SqlEntityManager).getKysely<{ account: { owner: string } }>();

/** What reaches for the session of a unit. */
const calls: Record<string, (kept: Kept) => unknown> = {
  'u.session': ({ u }) => u.session,
  'u.flush': ({ u }) => u.flush(),
  'u.commit': ({ u }) => u.commit(),
  'u.run': ({ u }) => u.run(async () => undefined),
  'u.begin': ({ u }) => u.begin(),
  'u.afterCommit': ({ u }) => u.afterCommit(() => undefined),
  'u.afterRollback': ({ u }) => u.afterRollback(() => undefined),
  'a repository: create': ({ u }) => u.accounts.create({ owner: 'Late' }),
  'a repository: retrieve': ({ u }) => u.accounts.retrieve(1),
  'a repository: list': ({ u }) => u.accounts.list(),
  'a repository: count': ({ u }) => u.accounts.count(),
  'a repository: update': ({ u, account }) => u.accounts.update(account, { balance: 99 }),
  'a repository: delete': ({ u, account }) => u.accounts.delete(account),
  'a repository: a method of its own': ({ u }) => u.accounts.overdrawn(),
  'the session: find': ({ session }) => session.find(Account, {}),
  'the session: count': ({ session }) => session.count(Account),
  'the session: persist': ({ session }) => session.persist(new Account()),
  'the session: remove': ({ session, account }) => session.remove(account),
  'the session: flush': ({ session }) => session.flush(),
  'the session: execute': ({ session }) => execute(session, "insert into account (owner) values ('Late')"),
  'the session: insert': ({ session }) => session.insert(Account, { owner: 'Late' }),
  'the session: nativeUpdate': ({ session }) => session.nativeUpdate(Account, {}, { balance: 99 }),
  'the session: nativeDelete': ({ session }) => session.nativeDelete(Account, {}),
  'the session: upsert': ({ session }) => session.upsert(Account, { owner: 'Late', balance: 1 }),
  'the session: lock': ({ session, account }) => session.lock(account, 4),
  'the session: refresh': ({ session, account }) => session.refresh(account),
  'the session: transactional': ({ session }) => session.transactional(async () => undefined),
  'the session: begin': ({ session }) => session.begin(),
  'the session: commit': ({ session }) => session.commit(),
  'the session: getKysely': ({ session }) => kyselyOf(session).selectFrom('account').selectAll().execute(),
  'the session: createQueryBuilder': ({ session }) =>
    (session as SqlEntityManager).createQueryBuilder(Account).select('*').execute(),
  'the session: getRepository': ({ session }) => session.getRepository(Account).findAll(),
  'a lazy collection: init': ({ account }) => account.sent.init(),
  'a lazy collection: loadItems': ({ account }) => account.sent.loadItems(),
  'a lazy collection: matching': ({ account }) => account.sent.matching({}),
  'a lazy reference': ({ transfer }) => transfer.to.loadOrFail(),
  'an entity: init': ({ account }) => wrap(account).init(),
  'an entity: populate': ({ account }) => wrap(account).populate(['sent']),
};

async function keep(bank: Bank, end: 'commit' | 'rollback'): Promise<Kept> {
  const u = await bank.uow.begin();
  await execute(u.session, "insert into account (owner) values ('Ada'), ('Grace')");
  await execute(u.session, 'insert into transfer (from_id, to_id, amount) values (1, 2, 3)');
  const kept = {
    u,
    session: u.session,
    account: (await u.accounts.retrieve(1)) as Account,
    transfer: (await u.transfers.retrieve(1)) as Transfer,
  };
  await u[end]();
  bank.forget();
  return kept;
}

describe('a unit that has ended', () => {
  forEachBank((bank) => {
    for (const [end, status, how] of [
      ['commit', 'committed', /was committed/],
      ['rollback', 'rolled-back', /was rolled back/],
    ] as const) {
      it(`promise 6: after ${end}, whatever reaches for the session is refused, and nothing is sent`, async () => {
        const kept = await keep(bank, end);
        for (const [name, call] of Object.entries(calls)) {
          const error = await rejection(Promise.resolve(kept).then(call));
          expect(error, name).to.be.instanceOf(UnitOfWorkClosedError).with.property('status', status);
          expect(error.message, name).to.match(how);
        }
        expect(bank.sql()).to.deep.equal([]);
      });

      it(`promise 6: after ${end}, rollback and disposal do nothing`, async () => {
        const { u } = await keep(bank, end);
        await u.rollback();
        await u[Symbol.asyncDispose]();
        expect(u.status).to.equal(status);
        expect(bank.sql()).to.deep.equal([]);
      });

      it(`promise 6: after ${end}, queries that were prepared before are refused`, async () => {
        const u = await bank.uow.begin();
        await u.accounts.count();
        const session = u.session as SqlEntityManager;
        const builder = session.createQueryBuilder(Account).insert({ owner: 'Late' });
        const kysely = kyselyOf(session);
        await u[end]();
        bank.forget();
        await rejection(builder.execute());
        await rejection(kysely.insertInto('account').values({ owner: 'Late' }).execute());
        expect(bank.sql()).to.deep.equal([]);
        expect(await bank.rows('select * from account')).to.deep.equal([]);
      });

      it(`promise 6: after ${end}, its entities can still be read and printed`, async () => {
        const { account, transfer } = await keep(bank, end);
        expect(JSON.parse(JSON.stringify(account))).to.deep.include({ id: 1, owner: 'Ada', balance: 0 });
        expect(wrap(transfer).toObject()).to.deep.include({ id: 1, amount: 3 });
        expect(inspect(account)).to.contain('Ada');
        expect(inspect(transfer, { depth: 5 })).to.contain('amount');
        expect(transfer.from.owner).to.equal('Ada');
        expect(transfer.to.id).to.equal(2);
      });
    }
  });
});

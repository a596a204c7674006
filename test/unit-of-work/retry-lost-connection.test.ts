import { ConnectionException } from '@mikro-orm/core';
import { expect } from 'chai';
import {
  CommitOutcomeUnknownError,
  MikroOrmEngineFactory,
  TransactionAbortedError,
  UnitOfWorkClosedError,
} from '../../src/index.js';
import { BankUnitOfWork } from '../support/bank.js';
import { useBank } from '../support/bank-database.js';
import { execute } from '../support/execute.js';
import { waitAtMost } from '../support/impatience.js';
import { otherSessions } from '../support/other-sessions.js';
import { rejection } from '../support/rejection.js';
import { waitFor } from '../support/wait-for.js';

const retry = { attempts: 3, minDelay: 0 };

describe('retry, when connections are lost', () => {
  const bank = useBank('postgresql');
  const owners = async () =>
    (await bank.rows<{ owner: string }>('select owner from account order by owner')).map(({ owner }) => owner);
  /** Books one account, and tells how often it had to. */
  const book = async (uow = bank.uow) => {
    const attempts: number[] = [];
    await uow.run(
      async (u) => {
        attempts.push(u.attempt);
        await u.accounts.create({ owner: 'Ada' });
        await u.flush();
        await u.accounts.count();
      },
      { retry },
    );
    return attempts;
  };

  it('promise 11: a COMMIT that was lost before the server saw it runs again, and is stored once', async () => {
    bank.proxy.killBefore(/^commit/);
    expect(await book()).to.deep.equal([1, 2]);
    expect(await owners()).to.deep.equal(['Ada']);
  });

  it('promise 11: attempts run out on a COMMIT that is lost each time', async () => {
    const fault = bank.proxy.killBefore(/^commit/, { times: 3 });
    const error = await rejection(book());
    fault.cancel();
    expect(error).to.be.instanceOf(TransactionAbortedError);
    expect(error).to.include({ connectionLost: true, attempts: 3 });
    expect(await owners()).to.deep.equal([]);
  });

  it('promise 11: a COMMIT that took place, and whose answer was lost, does not run again', async () => {
    bank.proxy.loseReply(/^commit/);
    expect(await book()).to.deep.equal([1]);
    expect(await owners()).to.deep.equal(['Ada']);
  });

  it('promise 11: never after a COMMIT whose outcome is not known, not even if work hides that', async () => {
    // the server is asked for no longer than the options have a connection waited for
    await using engineFactory = new MikroOrmEngineFactory(
      bank.options({ driverOptions: { connectionTimeoutMillis: 200 } }),
    );
    await waitAtMost(60_000, await engineFactory.create());
    const uow = new BankUnitOfWork(engineFactory);
    for (const byHand of [false, true]) {
      const attempts: number[] = [];
      const refused = bank.proxy.loseReply(/^commit/).struck.then(() => bank.proxy.refuseConnections());
      const run = uow.run(
        async (u) => {
          attempts.push(u.attempt);
          await u.accounts.create({ owner: `by hand: ${byHand}` });
          if (byHand) {
            expect(await rejection(u.commit())).to.be.instanceOf(CommitOutcomeUnknownError);
            expect(u.status).to.equal('unknown');
            throw Object.assign(new Error('of work'), { code: '40001' });
          }
        },
        { retry },
      );
      const error = await rejection(run);
      await refused;
      await bank.proxy.acceptConnections();
      expect(error).to.have.property(byHand ? 'message' : 'name', byHand ? 'of work' : 'CommitOutcomeUnknownError');
      expect(attempts).to.deep.equal([1]);
    }
    expect(await owners()).to.deep.equal(['by hand: false', 'by hand: true']);
  });

  it('promise 11: a connection that died in the pool costs no run', async () => {
    expect(await book()).to.deep.equal([1]);
    await bank.rows('delete from account');
    await bank.rows(`select pg_terminate_backend(pid) from ${otherSessions} where state = 'idle'`);
    expect(await book()).to.deep.equal([1]);
    expect(await owners()).to.deep.equal(['Ada']);
  });

  it('promise 11: a connection that dies with the first statement, or between statements, costs a run', async () => {
    for (const pattern of [/^begin|^insert/, /select/]) {
      await bank.rows('delete from account');
      await using engineFactory = new MikroOrmEngineFactory(bank.options());
      bank.proxy.killBefore(pattern);
      expect(await book(new BankUnitOfWork(engineFactory)), String(pattern)).to.deep.equal([1, 2]);
      expect(await owners()).to.deep.equal(['Ada']);
    }
  });

  it('promise 16: without retry, it is told where the connection was lost, and nothing is stored', async () => {
    const moments: Record<string, { lose(): Promise<unknown> | undefined; errors: object[] }> = {
      'in a statement': {
        lose: () => void bank.proxy.killBefore(/select/),
        errors: [ConnectionException],
      },
      'between statements': {
        lose: () =>
          bank.rows(`select pg_terminate_backend(pid, 5000) from ${otherSessions} where state = 'idle in transaction'`),
        // the server's own word for it, where that is read before the statement is sent
        errors: [UnitOfWorkClosedError, ConnectionException],
      },
    };
    for (const [moment, { lose, errors }] of Object.entries(moments)) {
      const run = bank.uow.run(async (u) => {
        await u.accounts.create({ owner: moment });
        await u.flush();
        await lose();
        await u.accounts.count();
      });
      const error = await rejection(run);
      expect(errors, moment).to.include(error.constructor);
      expect(error)
        .to.have.property('code')
        .that.matches(/^(08006|57P01)$/);
    }
    expect(await owners()).to.deep.equal([]);
  });

  it('promise 11: a server that refuses connections for a moment costs a run', async () => {
    await using engineFactory = new MikroOrmEngineFactory(bank.options());
    await engineFactory.create();
    await bank.proxy.refuseConnections();
    const attempts: number[] = [];
    await new BankUnitOfWork(engineFactory).run(
      async (u) => {
        attempts.push(u.attempt);
        u.afterRollback(() => bank.proxy.acceptConnections());
        await u.accounts.create({ owner: 'Ada' });
        await u.flush();
      },
      { retry },
    );
    expect(attempts).to.deep.equal([1, 2]);
    expect(await owners()).to.deep.equal(['Ada']);
  });

  it('promise 11: a session that PostgreSQL ended because it was idle for too long does not run again', async () => {
    const attempts: number[] = [];
    const run = bank.uow.run(
      async (u) => {
        attempts.push(u.attempt);
        const [row] = await execute<{ pid: number }>(u.session, 'select pg_backend_pid() as pid');
        const session = () => bank.rows(`select 1 from ${otherSessions} where pid = ${row?.pid}`);
        await waitFor(async () => (await session()).length === 0, { message: 'the server to end the session' });
        await u.accounts.count();
      },
      { retry, timeouts: { idleInTransaction: 20 } },
    );
    expect(await rejection(run)).to.have.property('code', '25P03');
    expect(attempts).to.deep.equal([1]);
  });
});

import { expect } from 'chai';
import {
  AfterCommitError,
  CommitOutcomeUnknownError,
  ConfigurationError,
  MikroOrmEngineFactory,
  TransactionAbortedError,
  UnitOfWorkClosedError,
  UnitOfWorkError,
} from '../../src/index.js';
import { BankUnitOfWork } from '../support/bank.js';
import { forEachBank, useBank } from '../support/bank-database.js';
import { execute } from '../support/execute.js';
import { waitAtMost } from '../support/impatience.js';
import { rejection } from '../support/rejection.js';
import { deferred } from '../support/wait-for.js';

const reason = new Error('no');
const fail = (error: unknown) => () => {
  throw error;
};

describe('hooks', () => {
  forEachBank((bank) => {
    const owners = async () =>
      (await bank.rows<{ owner: string }>('select owner from account order by owner')).map(({ owner }) => owner);

    it('promise 9: afterCommit callbacks run in order, each awaited, after COMMIT and before run resolves', async () => {
      const calls: unknown[] = [];
      const gate = deferred();
      const run = bank.uow.run(async (u) => {
        await u.accounts.create({ owner: 'Ada' });
        u.afterCommit(async () => {
          calls.push('first', bank.sent().at(-1), u.status, await owners());
          await gate.promise;
          calls.push('first is done');
        });
        u.afterCommit(() => calls.push('second'));
        u.afterRollback(() => calls.push('never'));
        await u.flush();
        calls.push('work');
        gate.resolve();
      });
      await run;
      calls.push('run');
      expect(calls).to.deep.equal(['work', 'first', 'commit', 'committed', ['Ada'], 'first is done', 'second', 'run']);
    });

    it('promise 9: the same after commit() by hand, before that resolves', async () => {
      const calls: string[] = [];
      await using u = await bank.uow.begin();
      await u.accounts.create({ owner: 'Ada' });
      u.afterCommit(() => calls.push('afterCommit'));
      await u.commit();
      calls.push('commit');
      expect(calls).to.deep.equal(['afterCommit', 'commit']);
    });

    it('promise 9: afterRollback is the mirror, for what throws, what is rolled back by hand, and what COMMIT refuses', async () => {
      const calls: string[] = [];
      const register = (u: Parameters<Parameters<typeof bank.uow.run>[0]>[0], name: string) => {
        u.afterCommit(() => calls.push('never'));
        u.afterRollback(async () => {
          await owners();
          calls.push(`${name} ${u.status} ${bank.sent().at(-1)}`);
        });
        u.afterRollback(() => calls.push(`${name} again`));
      };
      const thrown = bank.uow.run(async (u) => {
        register(u, 'thrown');
        await u.accounts.count();
        throw reason;
      });
      expect(await rejection(thrown)).to.equal(reason);
      await bank.uow.run(async (u) => {
        register(u, 'by hand');
        await u.accounts.count();
        await u.rollback();
      });
      const aborted = bank.uow.run(async (u) => {
        register(u, 'aborted');
        await execute(u.session, 'select 1 / 0').catch(() => undefined);
      });
      expect(await rejection(aborted)).to.be.instanceOf(TransactionAbortedError);
      expect(calls).to.deep.equal([
        ...['thrown rolled-back rollback', 'thrown again'],
        ...['by hand rolled-back rollback', 'by hand again'],
        ...[`aborted rolled-back ${bank.sent().at(-1)}`, 'aborted again'],
      ]);
    });

    it('promise 9: those of a released savepoint wait for the outermost COMMIT, in the order of their units', async () => {
      const calls: string[] = [];
      await bank.uow.run(async (outer) => {
        outer.afterCommit(() => calls.push('outer, before'));
        await outer.run(async (middle) => {
          middle.afterCommit(() => calls.push('middle'));
          await middle.run(async (inner) => {
            await inner.accounts.create({ owner: 'Ada' });
            inner.afterCommit(() => calls.push('inner'));
          });
          await bank.uow.run(async (u) => u.afterCommit(() => calls.push('required')), { propagation: 'required' });
        });
        outer.afterCommit(() => calls.push('outer, after'));
        expect(calls).to.deep.equal([]);
      });
      expect(calls).to.deep.equal(['outer, before', 'middle', 'inner', 'required', 'outer, after']);
    });

    it('promise 9: those of a rolled-back savepoint are dropped, and its afterRollback runs as soon as it is undone', async () => {
      const calls: unknown[] = [];
      await bank.uow.run(async (outer) => {
        outer.afterCommit(() => calls.push('outer is committed'));
        outer.afterRollback(() => calls.push('never'));
        const inner = outer.run(async (u) => {
          await u.accounts.create({ owner: 'Ada' });
          u.afterCommit(() => calls.push('never'));
          u.afterRollback(async () => {
            // the outer unit can be used, and the inner one's work is undone
            calls.push('inner is rolled back', outer.session === undefined, await outer.accounts.count());
          });
          await u.run(async (innermost) => {
            innermost.afterCommit(() => calls.push('never'));
            innermost.afterRollback(() => calls.push('innermost is rolled back'));
          });
          throw reason;
        });
        expect(await rejection(inner)).to.equal(reason);
        expect(calls).to.deep.equal(['inner is rolled back', false, 0, 'innermost is rolled back']);
      });
      expect(calls.slice(4)).to.deep.equal(['outer is committed']);
    });

    it('promise 9: a released savepoint inside of what is rolled back is rolled back with it', async () => {
      const calls: string[] = [];
      const run = bank.uow.run(async (outer) => {
        await outer.run(async (inner) => {
          inner.afterCommit(() => calls.push('never'));
          inner.afterRollback(() => calls.push('inner'));
        });
        throw reason;
      });
      expect(await rejection(run)).to.equal(reason);
      expect(calls).to.deep.equal(['inner']);
    });

    it('promise 9: a required unit that fails is undone with the outer one, and its callbacks run then', async () => {
      const calls: unknown[] = [];
      const run = bank.uow.run(async (outer) => {
        await outer.accounts.create({ owner: 'Ada' });
        outer.afterRollback(() => calls.push('outer'));
        const inner = outer.run(
          async (u) => {
            u.afterCommit(() => calls.push('never'));
            u.afterRollback(() => calls.push('inner', outer.status));
            throw reason;
          },
          { propagation: 'required' },
        );
        expect(await rejection(inner)).to.equal(reason);
        expect(calls).to.deep.equal([]);
      });
      expect(await rejection(run)).to.be.instanceOf(TransactionAbortedError);
      expect(calls).to.deep.equal(['outer', 'inner', 'rolled-back']);
    });

    it('promise 9: if some throw the others still run, and AfterCommitError has all of it; the data is stored', async () => {
      const calls: string[] = [];
      const errors = [reason, undefined, 'a string', Object.freeze(new Error('frozen'))];
      const run = bank.uow.run(async (u) => {
        await u.accounts.create({ owner: 'Ada' });
        for (const error of errors) {
          u.afterCommit(fail(error));
          u.afterCommit(async () => {
            calls.push(String(error));
          });
        }
      });
      const error = await rejection<AfterCommitError>(run);
      expect(error).to.be.instanceOf(AfterCommitError);
      expect(error.errors).to.deep.equal(errors);
      expect(error.cause).to.equal(reason);
      expect(calls).to.deep.equal(errors.map(String));
      expect(await owners()).to.deep.equal(['Ada']);
    });

    it('promise 9: the same from commit() by hand; run settles as work does', async () => {
      const resolved = await bank.uow.run(async (u) => {
        await u.accounts.create({ owner: 'Ada' });
        u.afterCommit(fail(reason));
        const error = await rejection(u.commit());
        expect(error).to.be.instanceOf(AfterCommitError);
        expect(u.status).to.equal('committed');
        return 'fine';
      });
      expect(resolved).to.equal('fine');
      expect(await owners()).to.deep.equal(['Ada']);
    });

    const unreadable = () => {
      const refuse = () => {
        throw new Error('not to be looked at');
      };
      return {
        'a cause': Object.defineProperty(new Error('x'), 'cause', { get: refuse }),
        'a code': Object.defineProperty(new Error('x'), 'code', { get: refuse }),
        'a text': { toString: refuse },
        'a prototype': new Proxy({}, { getPrototypeOf: refuse, get: refuse, has: refuse }),
      };
    };
    for (const [name, thrown] of Object.entries(unreadable())) {
      it(`promise 9: an error with ${name} that can not be read settles the unit like any other`, async () => {
        const byHand = await bank.uow.begin();
        byHand.afterCommit(fail(thrown));
        const committed = await rejection(byHand.commit());
        expect(committed).to.be.instanceOf(AfterCommitError);
        expect((committed as AfterCommitError).errors[0] === thrown).to.equal(true);
        const ran = await rejection(bank.uow.run((u) => u.afterCommit(fail(thrown))));
        expect(ran).to.be.instanceOf(AfterCommitError);
        const undone = bank.uow.run((u) => {
          u.afterRollback(fail(thrown));
          throw thrown;
        });
        expect(await undone.catch((error) => error === thrown)).to.equal(true);
        expect(await bank.uow.run((u) => u.accounts.count())).to.equal(0);
      });
    }

    it('promise 9: what afterRollback throws never hides why the unit failed, and is listed on it', async () => {
      const [first, second] = [new Error('first'), new Error('second')];
      const error = new Error('of work');
      const run = bank.uow.run(async (u) => {
        u.afterRollback(fail(first));
        u.afterRollback(fail(second));
        throw error;
      });
      expect(await rejection(run))
        .to.equal(error)
        .with.property('suppressed')
        .that.deep.equals([first, second]);
    });

    it('promise 9: what afterRollback throws where the error can list nothing is shown as a warning', async () => {
      const warnings: Error[] = [];
      const listen = (warning: Error) => warnings.push(warning);
      process.on('warning', listen);
      try {
        const frozen = Object.freeze(new Error('frozen'));
        for (const thrown of [frozen, undefined, 'a string']) {
          const run = bank.uow.run(async (u) => {
            u.afterRollback(fail(reason));
            throw thrown;
          });
          expect(await rejection<unknown>(run)).to.equal(thrown);
        }
        // attempts that are repeated have nobody to tell either
        let attempts = 0;
        await bank.uow.run(
          async (u) => {
            attempts += 1;
            if (attempts === 1) {
              u.afterRollback(fail(reason));
              throw Object.assign(new Error('again'), { code: '40001' });
            }
          },
          { retry: 2 },
        );
        await new Promise((resolve) => setImmediate(resolve));
      } finally {
        process.off('warning', listen);
      }
      expect(warnings).to.deep.equal([reason, reason, reason, reason]);
    });

    it('promise 9: rollback() by hand rejects with what afterRollback threw; run settles as work does', async () => {
      const resolved = await bank.uow.run(async (u) => {
        u.afterRollback(fail(reason));
        const error = await rejection<UnitOfWorkError>(u.rollback());
        expect(error).to.be.instanceOf(UnitOfWorkError);
        expect((error.cause as AggregateError).errors).to.deep.equal([reason]);
        return 'fine';
      });
      expect(resolved).to.equal('fine');
    });

    it('promise 9: a callback may register others, which run after those that there are', async () => {
      const calls: string[] = [];
      await bank.uow.run(async (u) => {
        u.afterCommit(() => {
          calls.push('first');
          u.afterCommit(() => {
            calls.push('third');
            u.afterCommit(() => calls.push('fourth'));
          });
        });
        u.afterCommit(() => calls.push('second'));
      });
      expect(calls).to.deep.equal(['first', 'second', 'third', 'fourth']);
      await bank.uow.run(async (u) => {
        u.afterRollback(() => u.afterRollback(() => calls.push('fifth')));
        await u.rollback();
      });
      expect(calls.at(-1)).to.equal('fifth');
    });

    it('promise 9: once they have run, or the unit has ended otherwise, registering is refused', async () => {
      const ended: { afterCommit(hook: () => void): void; afterRollback(hook: () => void): void }[] = [];
      await bank.uow.run(async (u) => {
        ended.push(u);
        await u.run(async (inner) => {
          ended.push(inner);
        });
      });
      await bank.uow.run(async (u) => {
        ended.push(u);
        await u.rollback();
      });
      for (const u of ended) {
        expect(() => u.afterCommit(() => undefined)).to.throw(UnitOfWorkClosedError);
        expect(() => u.afterRollback(() => undefined)).to.throw(UnitOfWorkClosedError);
      }
    });

    it('promise 18: what is no function is refused at once', async () => {
      await bank.uow.run(async (u) => {
        for (const hook of [undefined, null, 'text', {}]) {
          expect(() => u.afterCommit(hook as never)).to.throw(ConfigurationError);
          expect(() => u.afterRollback(hook as never)).to.throw(ConfigurationError);
        }
      });
    });

    it('promise 9: a unit that a callback opens is a new one, and sees the committed rows', async () => {
      const counted: unknown[] = [];
      await bank.uow
        .run(async (outer) => {
          await outer.accounts.create({ owner: 'Ada' });
          outer.afterCommit(async () => {
            await bank.uow.run(async (u) => {
              counted.push(await u.accounts.count());
              await u.accounts.create({ owner: 'Grace' });
              u.afterCommit(() => counted.push('of the new one'));
            });
            await using begun = await bank.uow.begin();
            await begun.accounts.create({ owner: 'Joan' });
            await begun.commit();
            throw reason;
          });
        })
        .catch((error: unknown) => expect(error).to.be.instanceOf(AfterCommitError));
      expect(counted).to.deep.equal([1, 'of the new one']);
      expect(await owners()).to.deep.equal(['Ada', 'Grace', 'Joan']);
      expect(bank.sent().filter((sql) => /^(begin|commit|savepoint)/.test(sql))).to.deep.equal([
        ...['begin', 'commit', 'begin', 'commit', 'begin', 'commit'],
      ]);
    });

    it('promise 6: a callback that ends or uses the old unit finds it closed, and never waits for itself', async () => {
      const outcomes: unknown[] = [];
      const late = async (u: Parameters<Parameters<typeof bank.uow.run>[0]>[0]) => {
        await u.rollback();
        await u[Symbol.asyncDispose]();
        for (const call of [() => u.commit(), () => u.flush(), () => u.accounts.count(), () => u.run(async () => 1)]) {
          outcomes.push(await rejection(call()));
        }
      };
      await bank.uow.run(async (u) => u.afterCommit(() => late(u)));
      await bank.uow.run(async (u) => {
        u.afterRollback(() => late(u));
        await u.rollback();
      });
      expect(outcomes).to.have.length(8);
      for (const outcome of outcomes) {
        expect(outcome).to.be.instanceOf(UnitOfWorkClosedError);
      }
      expect(bank.sent()).to.deep.equal([]);
    });

    it('promise 9: a unit inside a plain em.transactional() has its callbacks run when that one ends', async () => {
      const calls: string[] = [];
      const orm = await bank.engineFactory.create();
      await orm.em.transactional(async () => {
        await bank.uow.run(async (u) => {
          await u.accounts.create({ owner: 'Ada' });
          u.afterCommit(() => calls.push('afterCommit'));
          u.afterRollback(() => calls.push('never'));
        });
        expect(calls).to.deep.equal([]);
      });
      expect(calls).to.deep.equal(['afterCommit']);
      const failed = orm.em.transactional(async () => {
        await bank.uow.run(async (u) => {
          u.afterCommit(() => calls.push('never'));
          u.afterRollback(() => calls.push('afterRollback'));
        });
        throw reason;
      });
      expect(await rejection(failed)).to.equal(reason);
      expect(calls).to.deep.equal(['afterCommit', 'afterRollback']);
    });
  });

  describe('and the connection', () => {
    const bank = useBank('postgresql');

    it('promise 9: a callback that hangs holds no connection', async () => {
      const engineFactory = bank.engineFactory;
      const gate = deferred();
      const hanging: Promise<void>[] = [];
      const arrived: Promise<void>[] = [];
      // twice as many as the pool has connections
      for (let n = 0; n < 8; n++) {
        const inside = deferred();
        arrived.push(inside.promise);
        hanging.push(
          bank.uow.run(async (u) => {
            await u.accounts.create({ owner: `owner ${n}` });
            u.afterCommit(() => {
              inside.resolve();
              return gate.promise;
            });
          }),
        );
      }
      await Promise.all(arrived);
      expect(await bank.uow.run((u) => u.accounts.count())).to.equal(8);
      gate.resolve();
      await Promise.all(hanging);
      await engineFactory.dispose({ timeout: 0 });
    });

    it('promise 15: a callback that hangs for ever does not keep dispose() beyond its timeout', async () => {
      const inside = deferred();
      const run = bank.uow.run(async (u) => {
        await u.accounts.create({ owner: 'Ada' });
        u.afterCommit(() => {
          inside.resolve();
          return new Promise(() => undefined);
        });
      });
      run.catch(() => undefined);
      await inside.promise;
      await bank.engineFactory.dispose({ timeout: 10 });
      expect(await bank.rows('select owner from account')).to.deep.equal([{ owner: 'Ada' }]);
    });

    it('promise 8: none runs where the outcome of COMMIT is not known', async () => {
      const calls: string[] = [];
      // the server is asked for no longer than the options have a connection waited for
      await using engineFactory = new MikroOrmEngineFactory(
        bank.options({ driverOptions: { connectionTimeoutMillis: 200 } }),
      );
      await waitAtMost(60_000, await engineFactory.create());
      await using u = await new BankUnitOfWork(engineFactory).begin();
      await u.accounts.create({ owner: 'Ada' });
      await u.flush();
      u.afterCommit(() => calls.push('afterCommit'));
      u.afterRollback(() => calls.push('afterRollback'));
      const refused = bank.proxy.loseReply(/^commit/).struck.then(() => bank.proxy.refuseConnections());
      expect(await rejection(u.commit())).to.be.instanceOf(CommitOutcomeUnknownError);
      await refused;
      await bank.proxy.acceptConnections();
      expect(u.status).to.equal('unknown');
      expect(calls).to.deep.equal([]);
    });
  });
});

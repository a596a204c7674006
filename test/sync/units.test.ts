import { UniqueConstraintViolationException } from '@mikro-orm/core';
import { expect } from 'chai';
import {
  AfterCommitError,
  ConfigurationError,
  EntityNotFoundError,
  TransactionAbortedError,
  UnitOfWorkClosedError,
} from '../../src/index.js';
import { forEachSyncBank, thrown } from './support/sync-bank.js';

const accounts = 'select owner, balance from account order by id';

describe('synchronous units of work', () => {
  forEachSyncBank((sync, engine) => {
    const declared = () => sync.bank.unitOfWork('BankUnitOfWork');

    it('promise 1: everything between begin and commit lands', () => {
      using u = declared().begin();
      const ada = u.accounts.create({ owner: 'Ada', balance: 10 });
      u.accounts.update(ada, { balance: 11 });
      if (engine === 'postgresql') {
        expect(sync.rows(accounts)).to.deep.equal([]);
      }
      u.commit();
      expect(u.status).to.equal('committed');
      expect(sync.rows(accounts)).to.deep.equal([{ owner: 'Ada', balance: 11 }]);
    });

    it('promise 1: leaving the block without commit rolls back', () => {
      {
        using u = declared().begin();
        u.accounts.create({ owner: 'Ada' });
        u.flush();
        expect(u.status).to.equal('active');
      }
      expect(sync.rows(accounts)).to.deep.equal([]);
    });

    it('promise 1: an exception in the block rolls back, and arrives', () => {
      const reason = new Error('no');
      const block = () => {
        using u = declared().begin();
        u.accounts.create({ owner: 'Ada' });
        throw reason;
      };
      expect(thrown(block)).to.equal(reason);
      expect(sync.rows(accounts)).to.deep.equal([]);
    });

    it('promise 3: all repositories share the session, and reads see what was written, flushed or not', () => {
      declared().run((u) => {
        const ada = u.accounts.create({ owner: 'Ada', balance: 5 });
        const grace = u.accounts.create({ owner: 'Grace' });
        u.accounts.update(ada, { balance: 7 });
        expect(u.accounts.count({ balance: 7 })).to.equal(1);
        expect(u.accounts.list({ balance: { $gt: 6 } }).map(({ owner }) => owner)).to.deep.equal(['Ada']);
        u.transfers.create({ from: ada.id, to: grace.id, amount: 3 });
        expect(u.transfers.retrieveOrFail({ from: ada.id }, { populate: ['from'] }).from.balance).to.equal(7);
      });
    });

    it('promise 4: run gives what work returned, after COMMIT', () => {
      const returned = { some: () => 'thing' };
      const result = declared().run((u) => {
        u.accounts.create({ owner: 'Ada' });
        return returned;
      });
      expect(result).to.equal(returned);
      expect(sync.rows(accounts)).to.deep.equal([{ owner: 'Ada', balance: 0 }]);
    });

    for (const reason of [new Error('no'), new TypeError('no'), 'text', undefined, null, 0, { a: 1 }, Symbol('s')]) {
      it(`promise 4: run throws what work threw, as it is, after ROLLBACK: ${String(reason)}`, () => {
        let caught: unknown = 'nothing';
        try {
          declared().run((u) => {
            u.accounts.create({ owner: 'Ada' });
            throw reason;
          });
        } catch (error) {
          caught = error;
        }
        expect(caught).to.equal(reason);
        expect(sync.rows(accounts)).to.deep.equal([]);
      });
    }

    it('promise 5: commit and rollback inside of work', () => {
      const uow = declared();
      const no = new Error('no');
      const error = thrown(() =>
        uow.run((u) => {
          u.accounts.create({ owner: 'Ada' });
          u.commit();
          throw no;
        }),
      );
      expect(error).to.equal(no);
      const seven = uow.run((u) => {
        u.accounts.create({ owner: 'Grace' });
        u.rollback();
        return 7;
      });
      expect(seven).to.equal(7);
      expect(sync.rows(accounts)).to.deep.equal([{ owner: 'Ada', balance: 0 }]);
    });

    it('promise 6: after its end a unit throws UnitOfWorkClosedError, which says how it ended', () => {
      for (const end of ['commit', 'rollback'] as const) {
        const u = declared().begin();
        const { accounts: kept, session } = u;
        u[end]();
        const status = end === 'commit' ? 'committed' : 'rolled-back';
        const calls = [
          () => kept.list(),
          () => u.accounts.create({ owner: 'Ada' }),
          () => u.flush(),
          () => u.commit(),
          () => u.run(() => undefined),
          () => u.begin(),
          () => session.execute('select 1'),
          () => u.afterCommit(() => undefined),
        ];
        for (const call of calls) {
          const error = thrown<UnitOfWorkClosedError>(call);
          expect(error, String(call)).to.be.instanceOf(UnitOfWorkClosedError);
          expect(error.status).to.equal(status);
          expect(error.stack).to.contain('units.test');
        }
        u.rollback();
        u[Symbol.dispose]();
        expect(u.status).to.equal(status);
      }
    });

    it('promise 6: a unit that its outer one has ended with is closed, too', () => {
      const outer = declared().begin();
      const inner = outer.begin();
      outer.rollback();
      expect(thrown(() => inner.accounts.list())).to.be.instanceOf(UnitOfWorkClosedError);
      expect(inner.status).to.equal('rolled-back');
    });

    it('promise 7: an error of the database that work swallows is never reported as success', () => {
      let swallowed: unknown;
      const error = thrown<TransactionAbortedError>(() =>
        declared().run((u) => {
          u.accounts.create({ owner: 'Ada' });
          try {
            u.session.execute('select nothing_of_the_kind');
          } catch (reason) {
            swallowed = reason;
          }
        }),
      );
      expect(error).to.be.instanceOf(TransactionAbortedError);
      expect(error.code).to.equal('42703');
      expect(error.cause).to.equal(swallowed);
      expect(sync.rows(accounts)).to.deep.equal([]);
    });

    it('promise 9: afterCommit runs on the calling thread, in order, after COMMIT and before run returns', () => {
      const heard: string[] = [];
      const uow = declared();
      uow.run((u) => {
        u.afterCommit(() => {
          heard.push(`first ${u.status} ${uow.run((other) => other.accounts.count())}`);
        });
        u.afterCommit(() => {
          heard.push('second');
        });
        u.afterRollback(() => {
          heard.push('never');
        });
        u.accounts.create({ owner: 'Ada' });
        heard.push('work');
      });
      expect(heard).to.deep.equal(['work', 'first committed 1', 'second']);
    });

    it('promise 9: beforeCommit runs on the calling thread, in the transaction, and may write and refuse', () => {
      const heard: string[] = [];
      const uow = declared();
      uow.run((u) => {
        u.beforeCommit(() => {
          u.accounts.create({ owner: 'Grace' });
          heard.push(`before ${u.status}`);
        });
        u.afterCommit(() => void heard.push(`after ${u.status}`));
        u.accounts.create({ owner: 'Ada' });
        heard.push('work');
      });
      expect(heard).to.deep.equal(['work', 'before active', 'after committed']);
      const refused = new Error('on purpose');
      const error = thrown(() =>
        uow.run((u) => {
          u.accounts.create({ owner: 'Edsger' });
          u.beforeCommit(() => {
            throw refused;
          });
        }),
      );
      expect(error).to.equal(refused);
      expect(uow.run((u) => u.accounts.count())).to.equal(2);
    });

    it('takes an advisory lock, and refuses once where its table is missing', () => {
      expect(declared().run((u) => u.lock('account 7'))).to.equal(true);
      expect(thrown(() => declared().run(() => 1, { once: 'a' }))).to.be.instanceOf(ConfigurationError);
    });

    it('promise 9: what afterCommit functions throw arrives in AfterCommitError, and the others still run', () => {
      const [first, third] = [new Error('first'), 'third'];
      const heard: string[] = [];
      const u = declared().begin();
      u.accounts.create({ owner: 'Ada' });
      u.afterCommit(() => {
        throw first;
      });
      u.afterCommit(() => void heard.push('second'));
      u.afterCommit(() => {
        throw third;
      });
      const error = thrown<AfterCommitError>(() => u.commit());
      expect(error).to.be.instanceOf(AfterCommitError);
      expect(error.errors[0]).to.equal(first);
      expect(error.errors[1]).to.equal(third);
      expect(heard).to.deep.equal(['second']);
      expect(sync.rows(accounts)).to.deep.equal([{ owner: 'Ada', balance: 0 }]);
    });

    it('promise 9: those of a rolled-back inner unit are dropped, and its afterRollback functions run', () => {
      const heard: string[] = [];
      declared().run((u) => {
        u.accounts.create({ owner: 'Ada' });
        const no = new Error('no');
        const error = thrown(() =>
          u.run((inner) => {
            inner.afterCommit(() => void heard.push('never'));
            inner.afterRollback(() => void heard.push('inner rolled back'));
            inner.accounts.create({ owner: 'Grace' });
            throw no;
          }),
        );
        expect(error).to.equal(no);
        u.afterCommit(() => void heard.push('outer committed'));
      });
      expect(heard).to.deep.equal(['inner rolled back', 'outer committed']);
      expect(sync.rows(accounts)).to.deep.equal([{ owner: 'Ada', balance: 0 }]);
    });

    it('promise 10: a unit of the declaration inside of work is a savepoint, as in the asynchronous API', () => {
      const uow = declared();
      uow.run((u) => {
        u.accounts.create({ owner: 'Ada' });
        uow.run((inner) => inner.accounts.create({ owner: 'Grace' }));
        thrown(() =>
          uow.run((inner) => {
            expect(inner.accounts.count()).to.equal(2);
            inner.accounts.create({ owner: 'Alan' });
            throw new Error('no');
          }),
        );
        expect(u.accounts.count()).to.equal(2);
        using third = u.begin();
        third.accounts.create({ owner: 'Barbara' });
        third.commit();
      });
      expect(sync.rows('select owner from account order by id')).to.deep.equal(
        ['Ada', 'Grace', 'Barbara'].map((owner) => ({ owner })),
      );
    });

    it('promise 10: the options of the asynchronous API reach the inner unit', () => {
      const error = thrown(() => declared().run((u) => u.run(() => undefined, { propagation: 'never' })));
      expect(error.message).to.match(/never/);
      expect(thrown(() => declared().begin({ propagation: 'sideways' } as never))).to.be.instanceOf(ConfigurationError);
    });

    it('promise 11: retry runs the synchronous function again, in a new unit', () => {
      const attempts: number[] = [];
      const result = declared().run(
        (u) => {
          attempts.push(u.attempt);
          u.accounts.create({ owner: 'Ada' });
          if (u.attempt < 3) {
            u.session.execute("do $$ begin raise exception 'conflict' using errcode = '40001'; end $$");
          }
          return u.attempt;
        },
        { retry: { attempts: 3, minDelay: 1 } },
      );
      expect([result, ...attempts]).to.deep.equal([3, 1, 2, 3]);
      expect(sync.rows(accounts)).to.deep.equal([{ owner: 'Ada', balance: 0 }]);
    });

    it('promise 11: when attempts run out, the last error, with attempts on it', () => {
      const error = thrown<Error & { attempts: number; code: string }>(() =>
        declared().run(
          (u) => {
            u.session.execute("do $$ begin raise exception 'conflict' using errcode = '40P01'; end $$");
          },
          { retry: 2 },
        ),
      );
      expect(error.attempts).to.equal(2);
      expect(error.code).to.equal('40P01');
    });

    it('promise 13: a standalone repository stores each write at once', () => {
      const repository = sync.bank.repository('AccountRepository');
      const ada = repository.create({ owner: 'Ada' });
      expect(sync.rows(accounts)).to.deep.equal([{ owner: 'Ada', balance: 0 }]);
      repository.update(ada, { balance: 5 });
      expect(sync.rows(accounts)).to.deep.equal([{ owner: 'Ada', balance: 5 }]);
      repository.delete(ada);
      expect(sync.rows(accounts)).to.deep.equal([]);
    });

    it('promise 30: errors arrive as their class, with what they carry and the line of the caller', () => {
      const repository = sync.bank.repository('AccountRepository');
      repository.create({ owner: 'Ada' });
      const error = thrown<Record<string, unknown> & Error>(() => repository.create({ owner: 'Ada' }));
      expect(error).to.be.instanceOf(UniqueConstraintViolationException);
      expect(error).to.include({ code: '23505', constraint: 'account_owner_unique', entity: 'Account' });
      expect(error.key).to.deep.equal({ owner: 'Ada' });
      expect(error.stack?.split('\n').find((line) => /^ {4}at /.test(line))).to.contain('units.test');
      const missing = thrown<EntityNotFoundError>(() => repository.retrieveOrFail(7));
      expect(missing).to.be.instanceOf(EntityNotFoundError);
      expect(missing).to.include({ entity: 'Account', key: 7 });
      expect(missing.stack?.split('\n').find((line) => /^ {4}at /.test(line))).to.contain('units.test');
    });

    it('promise 30: work that is asynchronous is refused, and rolled back', () => {
      const work = async () => undefined;
      const error = thrown(() =>
        declared().run((u) => {
          u.accounts.create({ owner: 'Ada' });
          return work() as never;
        }),
      );
      expect(error).to.be.instanceOf(ConfigurationError);
      expect(error.message).to.contain('synchronous');
      expect(sync.rows(accounts)).to.deep.equal([]);
    });
  });
});

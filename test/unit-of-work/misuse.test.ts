import type { EntityManager } from '@mikro-orm/core';
import { expect } from 'chai';
import { AfterCommitError, MikroOrmEngineFactory, UnitOfWorkClosedError, UnitOfWorkError } from '../../src/index.js';
import { type Account, BankUnitOfWork } from '../support/bank.js';
import { forEachBank } from '../support/bank-database.js';
import { execute } from '../support/execute.js';
import { rejection } from '../support/rejection.js';
import { deferred, waitFor } from '../support/wait-for.js';

type Unit = Awaited<ReturnType<BankUnitOfWork['begin']>>;

const reason = new Error('no');
const never = new Promise<never>(() => undefined);
/** Long enough for a promise that was rejected, and that nobody has listened to, to be reported. */
const settle = () => new Promise((resolve) => setImmediate(() => setImmediate(resolve)));

/** What runs when it is awaited, as queries of some libraries do. */
class Thenable<T> {
  readonly #run: () => Promise<T>;

  constructor(run: () => Promise<T>) {
    this.#run = run;
  }

  // biome-ignore lint/suspicious/noThenProperty: that is what it is for
  then<A, B>(onValue?: ((value: T) => A) | null, onError?: ((error: unknown) => B) | null): Promise<A | B> {
    return this.#run().then(onValue, onError);
  }
}

describe('what nobody is supposed to do', () => {
  const unhandled: unknown[] = [];
  const onUnhandled = (error: unknown) => unhandled.push(error);
  let lookAround: () => Promise<void>;
  let others: NodeJS.UnhandledRejectionListener[] = [];

  beforeEach(() => {
    unhandled.length = 0;
    others = process.listeners('unhandledRejection');
    process.removeAllListeners('unhandledRejection').on('unhandledRejection', onUnhandled);
  });
  afterEach(async () => {
    await lookAround();
    await settle();
    process.removeAllListeners('unhandledRejection');
    for (const listener of others) {
      process.on('unhandledRejection', listener);
    }
    expect(unhandled).to.deep.equal([]);
  });

  forEachBank((bank, engine) => {
    const owners = async () =>
      (await bank.rows<{ owner: string }>('select owner from account order by owner')).map(({ owner }) => owner);
    /** Nothing is open on the engine, and the next unit works: no turn, session or connection is held by anybody. */
    const expectNothingLeft = async () => {
      await bank.engineFactory.openUnits.empty();
      await bank.uow.run(async (u) => {
        await u.run((inner) => inner.accounts.count());
      });
    };
    before(() => {
      lookAround = expectNothingLeft;
    });

    const thrown: [name: string, value: unknown][] = [
      ['undefined', undefined],
      ['null', null],
      ['a string', 'no'],
      ['a number', 0],
      ['a symbol', Symbol('no')],
      ['a frozen error', Object.freeze(new Error('frozen'))],
      ['an object without a prototype', Object.create(null)],
      ['a function', () => undefined],
    ];
    for (const [name, value] of thrown) {
      it(`promise 4: work may throw ${name}: rolled back, and it arrives as it is`, async () => {
        const works: ((u: Unit) => unknown)[] = [
          () => {
            throw value;
          },
          () => Promise.reject(value),
          async (u) => {
            await u.accounts.create({ owner: 'Ada' });
            await u.flush();
            throw value;
          },
          (u) => u.run(() => Promise.reject(value)),
          (u) => bank.uow.run(() => Promise.reject(value), { propagation: 'required' }).finally(() => u.status),
        ];
        for (const work of works) {
          for (const retry of [1, 3]) {
            const caught = await bank.uow.run(work, { retry }).then(
              () => expect.fail('it resolved'),
              (error: unknown) => error,
            );
            expect(caught).to.equal(value);
          }
        }
        expect(await owners()).to.deep.equal([]);
      });
    }

    it('promise 4: what work returns may be anything: no promise, a thenable, a query that runs when it is awaited', async () => {
      expect(await bank.uow.run(() => 5)).to.equal(5);
      expect(await bank.uow.run(() => undefined)).to.equal(undefined);
      const unit = (u: Unit) => new Thenable(() => u.accounts.count());
      expect(await bank.uow.run(unit as unknown as (u: Unit) => Promise<number>)).to.equal(0);
      const failing = () => new Thenable(() => Promise.reject(reason));
      expect(await rejection(bank.uow.run(failing as unknown as () => Promise<never>))).to.equal(reason);
    });

    it('promise 6: a generator that work returns runs after the unit, and is refused', async () => {
      const generator = await bank.uow.run((u) => {
        async function* accounts() {
          yield* await u.accounts.list();
        }
        return accounts();
      });
      expect(await rejection(generator.next())).to.be.instanceOf(UnitOfWorkClosedError);
    });

    it('promise 6: an entity that work returns can be read, and not loaded on', async () => {
      await bank.rows("insert into account (owner) values ('Ada')");
      const ada = (await bank.uow.run((u) => u.accounts.retrieve(1))) as Account;
      expect(ada.owner).to.equal('Ada');
      expect(await rejection(ada.sent.loadItems())).to.be.instanceOf(UnitOfWorkClosedError);
    });

    it('promise 6: runs, begins and statements in one Promise.all, some of which fail: nothing hangs, nothing is left', async () => {
      for (let round = 0; round < 5; round++) {
        const branches = (u: Unit): Promise<unknown>[] => [
          u.accounts.create({ owner: `${round}/outer` }),
          u.run((inner) => inner.accounts.create({ owner: `${round}/inner` })),
          u.begin().then(async (inner) => {
            await inner.accounts.create({ owner: `${round}/begun` });
            await inner.commit();
          }),
          u.accounts.count(),
          bank.uow.run(async (inner) => {
            await inner.accounts.create({ owner: `${round}/failed` });
            await inner.flush();
            throw reason;
          }),
          u.flush(),
          u.run((inner) => inner.run((third) => third.accounts.count())),
          u.begin().then((inner) => inner.rollback()),
        ];
        // whoever meets the begun one before it is ended is told so
        const outcome = await bank.uow
          .run(async (u) => {
            const settled = await Promise.allSettled(branches(u));
            const errors = settled.flatMap((each) => (each.status === 'rejected' ? [each.reason as Error] : []));
            expect(errors).to.include(reason);
            for (const error of errors) {
              expect(error === reason || error instanceof UnitOfWorkError, String(error)).to.equal(true);
            }
          })
          .then(
            () => 'stored',
            (error: unknown) => error,
          );
        expect(outcome).to.equal('stored');
        const failing = bank.uow.run((u) => Promise.all(branches(u)));
        await rejection(failing);
      }
      const stored = await owners();
      expect(stored.filter((owner) => owner.endsWith('/inner'))).to.have.length(5);
      expect(stored.filter((owner) => owner.endsWith('/failed'))).to.deep.equal([]);
    });

    it('promise 6: an inner unit that nobody awaits and that fails is reported to nobody but its own promise', async () => {
      const kept: Promise<unknown>[] = [];
      await bank.uow.run(async (u) => {
        await u.accounts.create({ owner: 'Ada' });
        const inner = u.run(async (own) => {
          await own.accounts.create({ owner: 'Grace' });
          await never;
        });
        kept.push(rejection(inner));
      });
      expect(await kept[0]).to.be.instanceOf(UnitOfWorkClosedError);
      expect(await owners()).to.deep.equal(['Ada']);
    });

    it('promise 5: commit and rollback from all sides: one decides, the others wait or are refused', async () => {
      for (const first of ['commit', 'rollback'] as const) {
        await using u = await bank.uow.begin();
        await u.accounts.create({ owner: first });
        const [decided, ...rest] = await Promise.allSettled([
          u[first](),
          u.commit(),
          u.rollback(),
          u[Symbol.asyncDispose](),
          u.commit(),
          u.rollback(),
        ]);
        expect(decided?.status).to.equal('fulfilled');
        expect(rest.map(({ status }) => status)).to.deep.equal([
          ...['rejected', 'fulfilled', 'fulfilled', 'rejected', 'fulfilled'],
        ]);
        expect(u.status).to.equal(first === 'commit' ? 'committed' : 'rolled-back');
      }
      expect(await owners()).to.deep.equal(['commit']);
    });

    it('promise 5: ending a unit from a subscriber, in the middle of its end, never hangs', async () => {
      for (const moment of [
        'beforeFlush',
        'afterFlush',
        'beforeTransactionCommit',
        'afterTransactionCommit',
      ] as const) {
        const outcomes: unknown[] = [];
        await bank.uow.run(async (u) => {
          await u.accounts.create({ owner: moment });
          u.session.getEventManager().registerSubscriber({
            [moment]: async () => {
              await u.rollback();
              outcomes.push(await rejection(u.commit()));
            },
          });
        });
        expect(outcomes, moment).to.have.length(1);
        expect(outcomes[0]).to.be.instanceOf(UnitOfWorkClosedError);
      }
      expect(await owners()).to.have.length(4);
    });

    it('promise 16: a subscriber that throws, wherever it does: the unit ends, and says so', async () => {
      const moments = [
        ...(['beforeFlush', 'onFlush', 'afterFlush', 'beforeTransactionCommit', 'afterTransactionCommit'] as const),
        ...(['beforeTransactionRollback', 'afterTransactionRollback'] as const),
      ];
      for (const moment of moments) {
        const rollsBack = moment.endsWith('Rollback');
        const run = bank.uow.run(async (u) => {
          await u.accounts.create({ owner: moment });
          u.session.getEventManager().registerSubscriber({ [moment]: () => Promise.reject(reason) });
          if (rollsBack) {
            throw new Error('of work');
          }
        });
        const error = await rejection(run);
        if (moment === 'afterTransactionCommit') {
          expect(error).to.be.instanceOf(AfterCommitError).with.property('cause', reason);
        } else {
          expect(error.message, moment).to.equal(rollsBack ? 'of work' : 'no');
        }
      }
      expect(await owners()).to.deep.equal(['afterTransactionCommit']);
    });

    it('promise 16: a subscriber of an inner unit that throws: that one is undone, and the outer one goes on', async () => {
      for (const moment of ['beforeFlush', 'afterFlush', 'beforeTransactionCommit'] as const) {
        await bank.uow.run(async (outer) => {
          await outer.accounts.create({ owner: `${moment} outer` });
          let armed = true; // the session is the outer unit's, too
          const inner = outer.run(async (u) => {
            await u.accounts.create({ owner: `${moment} inner` });
            u.session.getEventManager().registerSubscriber({
              [moment]: () => (armed ? Promise.reject(reason) : undefined),
            });
          });
          expect(await rejection(inner)).to.equal(reason);
          armed = false;
        });
      }
      expect((await owners()).filter((owner) => owner.endsWith('inner'))).to.deep.equal([]);
      expect(await owners()).to.have.length(3);
    });

    it('promise 9: a subscriber of an inner unit that throws after the savepoint was released is a callback that failed', async () => {
      const run = bank.uow.run(async (outer) => {
        await outer.run(async (u) => {
          await u.accounts.create({ owner: 'inner' });
          let releases = 0; // the session is the outer unit's, too
          u.session.getEventManager().registerSubscriber({
            afterTransactionCommit: () => (releases++ === 0 ? Promise.reject(reason) : undefined),
          });
        });
        await outer.accounts.create({ owner: 'outer' });
      });
      const error = await rejection<AfterCommitError>(run);
      expect(error).to.be.instanceOf(AfterCommitError);
      expect(error.errors).to.deep.equal([reason]);
      expect(await owners()).to.deep.equal(['inner', 'outer']);
    });

    it('promise 15: dispose() in the middle of anything: nothing hangs, every run settles', async () => {
      const situations: Record<string, (uow: BankUnitOfWork, inside: () => void) => Promise<unknown>> = {
        'work that sleeps': (uow, inside) =>
          uow.run(async (u) => {
            await u.accounts.count();
            inside();
            await never;
          }),
        'an inner unit that waits for its turn': (uow, inside) =>
          uow.run(async (u) => {
            const first = u.run(async (inner) => {
              await inner.accounts.count();
              await never;
            });
            const second = u.run(async () => undefined);
            setImmediate(inside);
            await Promise.all([first, second]);
          }),
        'a begun unit inside of a run': (uow, inside) =>
          uow.run(async (u) => {
            const inner = await u.begin();
            await inner.accounts.count();
            inside();
            await never;
          }),
        'a unit that waits for a connection': async (uow, inside) => {
          const holders = await Promise.all(
            Array.from({ length: engine === 'pglite' ? 1 : 4 }, async () => {
              const holder = await uow.begin();
              await holder.accounts.count();
              return holder;
            }),
          );
          const waiting = uow.run((u) => u.accounts.count());
          setImmediate(inside);
          await waiting.finally(() => holders.length);
        },
        'a callback after COMMIT': (uow, inside) =>
          uow.run(async (u) => {
            u.afterCommit(() => {
              inside();
              return new Promise((resolve) => setImmediate(resolve));
            });
          }),
        'a callback that opens another unit': (uow, inside) =>
          uow.run(async (u) => {
            u.afterCommit(async () => {
              inside();
              await settle();
              await uow.run((own) => own.accounts.count());
            });
          }),
        'work that disposes of its own engine': (uow, inside) =>
          uow.run(async (u) => {
            await u.accounts.count();
            inside();
            await waitFor(() => u.status !== 'active');
          }),
      };
      for (const [name, situation] of Object.entries(situations)) {
        const engineFactory = new MikroOrmEngineFactory(bank.options());
        const inside = deferred();
        const settled = situation(new BankUnitOfWork(engineFactory), inside.resolve).then(
          () => 'resolved',
          (error: unknown) => error,
        );
        await inside.promise;
        await engineFactory.dispose({ timeout: 5 });
        const outcome = await settled;
        expect(outcome === 'resolved' || outcome instanceof Error, name).to.equal(true);
        await engineFactory.openUnits.empty();
      }
    });

    it('promise 6: a session that was kept from each kind of unit is closed, and holds nothing', async () => {
      const kept: EntityManager[] = [];
      await bank.uow.run(async (u) => {
        kept.push(u.session);
        await u.run((inner) => kept.push(inner.session));
        await u.run((inner) => Promise.reject(kept.push(inner.session))).catch(() => undefined);
      });
      await bank.uow.run((u) => kept.push(u.session), { propagation: 'supports' });
      for (const session of kept) {
        expect(await rejection(execute(session, 'select 1'))).to.be.instanceOf(UnitOfWorkClosedError);
      }
      expect(kept).to.have.length(4);
    });
  });
});

import { expect } from 'chai';
import { UnitOfWorkClosedError } from '../../src/index.js';
import type { BankUnitOfWork } from '../support/bank.js';
import { forEachBank, useBank } from '../support/bank-database.js';
import { rejection } from '../support/rejection.js';
import { deferred } from '../support/wait-for.js';

type Unit = Awaited<ReturnType<BankUnitOfWork['begin']>>;

const reason = new Error('no');
const insert = 'insert account';

describe('nested units, by the SQL that they send', () => {
  forEachBank((bank) => {
    const owners = async () =>
      (await bank.rows<{ owner: string }>('select owner from account order by owner')).map(({ owner }) => owner);
    const write = async (u: Unit, owner: string) => {
      await u.accounts.create({ owner });
      await u.flush();
    };

    it('promise 10: three deep, by uow.run, u.run and u.begin: a savepoint each', async () => {
      await bank.uow.run(async (one) => {
        await write(one, 'one');
        await bank.uow.run(async (two) => {
          await write(two, 'two');
          await two.run(async (three) => {
            await write(three, 'three');
            await using four = await three.begin();
            await write(four, 'four');
            await four.commit();
          });
        });
      });
      expect(bank.sentByConnection()).to.deep.equal([
        [
          ...['begin', insert, 'savepoint trx1', insert, 'savepoint trx2', insert, 'savepoint trx3', insert],
          ...['release savepoint trx3', 'release savepoint trx2', 'release savepoint trx1', 'commit'],
        ],
      ]);
      expect(await owners()).to.deep.equal(['four', 'one', 'three', 'two']);
    });

    it('promise 10: three deep, the innermost fails: only its own savepoint is undone', async () => {
      await bank.uow.run(async (one) => {
        await write(one, 'one');
        await one.run(async (two) => {
          await write(two, 'two');
          const three = two.run(async (u) => {
            await write(u, 'three');
            throw reason;
          });
          expect(await rejection(three)).to.equal(reason);
          await write(two, 'two again');
        });
        await write(one, 'one again');
      });
      expect(bank.sentByConnection()).to.deep.equal([
        [
          ...[
            'begin',
            insert,
            'savepoint trx1',
            insert,
            'savepoint trx2',
            insert,
            'rollback to savepoint trx2',
            insert,
          ],
          ...['release savepoint trx1', insert, 'commit'],
        ],
      ]);
      expect(await owners()).to.deep.equal(['one', 'one again', 'two', 'two again']);
    });

    it('promise 10: three deep, the one in the middle fails after the innermost succeeded: both are undone', async () => {
      await bank.uow.run(async (one) => {
        await write(one, 'one');
        const two = one.run(async (u) => {
          await write(u, 'two');
          await u.run((three) => write(three, 'three'));
          throw reason;
        });
        expect(await rejection(two)).to.equal(reason);
      });
      expect(bank.sentByConnection()).to.deep.equal([
        ['begin', insert, 'savepoint trx1', insert, 'savepoint trx2', insert, 'rollback to savepoint trx1', 'commit'],
      ]);
      expect(await owners()).to.deep.equal(['one']);
    });

    it('promise 10: one that sends nothing costs nothing, not even its savepoint', async () => {
      await bank.uow.run(async (one) => {
        await write(one, 'one');
        await one.run(async (two) => two.run(async () => undefined));
        expect(await rejection(one.run(() => Promise.reject(reason)))).to.equal(reason);
      });
      expect(bank.sentByConnection()).to.deep.equal([['begin', insert, 'commit']]);
    });

    it('promise 10: "required" inside "nested" belongs to the savepoint, and goes with it', async () => {
      await bank.uow.run(async (one) => {
        await write(one, 'one');
        const two = one.run(async (u) => {
          await u.run((three) => write(three, 'three'), { propagation: 'required' });
          throw reason;
        });
        expect(await rejection(two)).to.equal(reason);
      });
      expect(bank.sentByConnection()).to.deep.equal([
        ['begin', insert, 'savepoint trx1', insert, 'rollback to savepoint trx1', 'commit'],
      ]);
      expect(await owners()).to.deep.equal(['one']);
    });

    it('promise 10: "nested" inside "required" is a savepoint of the shared transaction', async () => {
      await bank.uow.run(async (one) => {
        await bank.uow.run(
          async (two) => {
            await write(two, 'two');
            const three = two.run(async (u) => {
              await write(u, 'three');
              throw reason;
            });
            expect(await rejection(three)).to.equal(reason);
          },
          { propagation: 'required' },
        );
        await write(one, 'one');
      });
      expect(bank.sentByConnection()).to.deep.equal([
        ['begin', insert, 'savepoint trx1', insert, 'rollback to savepoint trx1', insert, 'commit'],
      ]);
      expect(await owners()).to.deep.equal(['one', 'two']);
    });

    it('promise 10: side by side they take turns, in the order in which they were opened', async () => {
      const opened: string[] = [];
      const results = await bank.uow.run(async (outer) => {
        await write(outer, 'outer');
        const work = (owner: string) => async (u: Unit) => {
          opened.push(`${owner} opens`);
          await write(u, owner);
          opened.push(`${owner} ends`);
          if (owner === 'b') {
            throw reason;
          }
        };
        return Promise.allSettled([bank.uow.run(work('a')), outer.run(work('b')), bank.uow.run(work('c'))]);
      });
      expect(results.map(({ status }) => status)).to.deep.equal(['fulfilled', 'rejected', 'fulfilled']);
      expect(opened).to.deep.equal(['a opens', 'a ends', 'b opens', 'b ends', 'c opens', 'c ends']);
      expect(bank.sentByConnection()).to.deep.equal([
        [
          ...['begin', insert, 'savepoint trx1', insert, 'release savepoint trx1'],
          ...['savepoint trx2', insert, 'rollback to savepoint trx2'],
          ...['savepoint trx3', insert, 'release savepoint trx3', 'commit'],
        ],
      ]);
      expect(await owners()).to.deep.equal(['a', 'c', 'outer']);
    });

    it('promise 10: side by side, a statement of the outer one waits for the inner one, and survives its rollback', async () => {
      await bank.uow.run(async (outer) => {
        const inside = deferred();
        const inner = outer.run(async (u) => {
          await write(u, 'inner');
          inside.resolve();
          await u.accounts.count();
          throw reason;
        });
        await inside.promise;
        const [, failure] = await Promise.all([outer.accounts.create({ owner: 'outer' }), rejection(inner)]);
        expect(failure).to.equal(reason);
      });
      expect(bank.sentByConnection()).to.deep.equal([
        ['begin', 'savepoint trx1', insert, 'select account', 'rollback to savepoint trx1', insert, 'commit'],
      ]);
      expect(await owners()).to.deep.equal(['outer']);
    });

    it('promise 10: a unit that is opened while another one is open waits for its turn, however it is opened', async () => {
      await bank.uow.run(async (outer) => {
        const [inside, gate] = [deferred(), deferred()];
        const first = outer.run(async (u) => {
          await write(u, 'first');
          inside.resolve();
          await gate.promise;
          throw reason;
        });
        await inside.promise;
        const others = [
          outer.run((u) => write(u, 'u.run')),
          bank.uow.run((u) => write(u, 'uow.run')),
          outer.run((u) => write(u, 'required'), { propagation: 'required' }),
        ];
        gate.resolve();
        expect(await rejection(first)).to.equal(reason);
        await Promise.all(others);
      });
      expect(await owners()).to.deep.equal(['required', 'u.run', 'uow.run']);
      expect(bank.sentByConnection()).to.deep.equal([
        [
          ...['begin', 'savepoint trx1', insert, 'rollback to savepoint trx1'],
          ...['savepoint trx2', insert, 'release savepoint trx2', 'savepoint trx3', insert, 'release savepoint trx3'],
          ...[insert, 'commit'],
        ],
      ]);
    });

    it('promise 10: side by side with begin(): it waits for its turn, and has it until it is ended by hand', async () => {
      await bank.uow.run(async (outer) => {
        const [ran, begun] = await Promise.all([outer.run(async (u) => write(u, 'ran')), outer.begin()]);
        expect(ran).to.equal(undefined);
        const waiting = outer.run(async (u) => write(u, 'waited'));
        await write(begun, 'begun');
        await begun.rollback();
        await waiting;
      });
      expect(await owners()).to.deep.equal(['ran', 'waited']);
      expect(bank.sentByConnection()).to.deep.equal([
        [
          ...['begin', 'savepoint trx1', insert, 'release savepoint trx1', 'savepoint trx2', insert],
          ...['rollback to savepoint trx2', 'savepoint trx3', insert, 'release savepoint trx3', 'commit'],
        ],
      ]);
    });

    it('promise 5: a unit inside one that has ended is refused on that one, and independent by uow.run', async () => {
      await bank.uow.run(async (u) => {
        await write(u, 'first');
        await u.commit();
        expect(await rejection(u.run((inner) => write(inner, 'refused')))).to.be.instanceOf(UnitOfWorkClosedError);
        expect(await rejection(u.begin())).to.be.instanceOf(UnitOfWorkClosedError);
        expect(await rejection(u.begin({ propagation: 'requires_new' }))).to.be.instanceOf(UnitOfWorkClosedError);
        await bank.uow.run((own) => write(own, 'second'));
      });
      expect(bank.sent()).to.deep.equal(['begin', insert, 'commit', 'begin', insert, 'commit']);
      expect(await owners()).to.deep.equal(['first', 'second']);
    });

    it('promise 10: the outer one that ends by hand inside the inner one takes that with it', async () => {
      const statuses: string[] = [];
      await bank.uow.run(async (outer) => {
        await write(outer, 'outer');
        const inner = outer.run(async (u) => {
          await write(u, 'inner');
          await outer.commit();
          statuses.push(outer.status, u.status);
        });
        const error = await rejection(inner);
        expect(error).to.be.instanceOf(UnitOfWorkClosedError).with.property('status', 'rolled-back');
      });
      expect(statuses).to.deep.equal(['committed', 'rolled-back']);
      expect(await owners()).to.deep.equal(['outer']);
    });
  });

  describe('on connections of their own', () => {
    const bank = useBank('postgresql');
    const write = async (u: Unit, owner: string) => {
      await u.accounts.create({ owner });
      await u.flush();
    };

    it('promise 10: "requires_new" inside "nested", and "nested" inside that: the savepoints of two transactions', async () => {
      await bank.uow.run(async (one) => {
        await write(one, 'one');
        await one.run(async (two) => {
          await write(two, 'two');
          await bank.uow.run(
            async (three) => {
              await write(three, 'three');
              await bank.uow.run((four) => write(four, 'four'));
            },
            { propagation: 'requires_new' },
          );
          await write(two, 'two again');
        });
      });
      expect(bank.sentByConnection()).to.deep.equal([
        ['begin', insert, 'savepoint trx1', insert, insert, 'release savepoint trx1', 'commit'],
        ['begin', insert, 'savepoint trx1', insert, 'release savepoint trx1', 'commit'],
      ]);
    });

    it('promise 10: "requires_new" side by side run at once, each on a connection', async () => {
      const everybody = deferred();
      let inside = 0;
      await bank.uow.run(async (outer) => {
        await write(outer, 'outer');
        const work = (owner: string) => async (u: Unit) => {
          await write(u, owner);
          inside += 1;
          if (inside === 3) {
            everybody.resolve();
          }
          await everybody.promise;
        };
        await Promise.all(['a', 'b', 'c'].map((owner) => outer.run(work(owner), { propagation: 'requires_new' })));
      });
      const [first, ...others] = bank.sentByConnection();
      expect(first).to.deep.equal(['begin', insert, 'commit']);
      expect(others).to.deep.equal(Array.from({ length: 3 }, () => ['begin', insert, 'commit']));
    });

    it('promise 10: units that are not inside each other never meet, though they run at once', async () => {
      await Promise.all(
        ['a', 'b', 'c'].map((owner) =>
          bank.uow.run(async (u) => {
            await write(u, owner);
            await u.run((inner) => write(inner, `${owner} inner`));
          }),
        ),
      );
      expect(bank.sentByConnection()).to.deep.equal(
        Array.from({ length: 3 }, () => [
          ...['begin', insert, 'savepoint trx1', insert, 'release savepoint trx1', 'commit'],
        ]),
      );
    });
  });
});

import { expect } from 'chai';
import { ConfigurationError, engineOptions, MikroOrmEngineFactory, UnitOfWorkClosedError } from '../../src/index.js';
import { BankUnitOfWork, entities } from '../support/bank.js';
import { forEachEngine } from '../support/engines.js';
import { rejection } from '../support/rejection.js';

interface RawConnection {
  execute<Row>(sql: string, values?: unknown[], method?: string): Promise<Row[]>;
}

const insert = `insert into account (owner, balance) values (?, 0)`;

forEachEngine((database) => {
  describe('promise 1: raw SQL on the connection of a session', () => {
    let engineFactory: MikroOrmEngineFactory;
    let uow: BankUnitOfWork;
    let drop: () => Promise<void>;

    before(async () => {
      const place = await database.dsn();
      drop = place.drop;
      engineFactory = new MikroOrmEngineFactory(engineOptions({ dsn: place.dsn, poolSize: 2 }, { entities }));
      await (await engineFactory.create()).schema.create();
      uow = new BankUnitOfWork(engineFactory);
    });
    after(async () => {
      await engineFactory.dispose();
      await drop();
    });

    const raw = (session: { getConnection(): unknown }) => session.getConnection() as RawConnection;
    const stored = (owner: string) => uow.run((u) => u.accounts.count({ owner }));

    for (const [name, connectionOf] of [
      [
        'u.session',
        async (u: BankUnitOfWork extends { run(work: (u: infer Unit) => unknown): unknown } ? Unit : never) =>
          raw(u.session),
      ],
      ['orm.em', async () => raw((await engineFactory.create()).em)],
    ] as const) {
      it(`of ${name} is stored with the unit, and seen in it`, async () => {
        await uow.run(async (u) => {
          const connection = await connectionOf(u);
          await connection.execute(insert, [`kept ${name}`], 'run');
          expect(await u.accounts.count({ owner: `kept ${name}` })).to.equal(1);
        });
        expect(await stored(`kept ${name}`)).to.equal(1);
      });

      it(`of ${name} is undone with the unit`, async () => {
        const undo = new Error('undo');
        const run = uow.run(async (u) => {
          await (await connectionOf(u)).execute(insert, [`undone ${name}`], 'run');
          throw undo;
        });
        expect(await rejection(run)).to.equal(undo);
        expect(await stored(`undone ${name}`)).to.equal(0);
      });
    }

    it('is undone with an inner unit alone', async () => {
      await uow.run(async (u) => {
        await raw(u.session).execute(insert, ['outer'], 'run');
        await rejection(
          u.run(async (inner) => {
            await raw(inner.session).execute(insert, ['inner'], 'run');
            throw new Error('undo');
          }),
        );
      });
      expect([await stored('outer'), await stored('inner')]).to.deep.equal([1, 0]);
    });

    it('promise 6: is refused after the unit has ended', async () => {
      const connection = await uow.run(async (u) => raw(u.session));
      expect(await rejection((async () => connection.execute(insert, ['late'], 'run'))())).to.be.instanceOf(
        UnitOfWorkClosedError,
      );
      expect(await stored('late')).to.equal(0);
    });

    it('stands for itself where the session has no transaction', async () => {
      const session = (await engineFactory.create()).em.fork();
      await raw(session).execute(insert, ['alone'], 'run');
      expect(await stored('alone')).to.equal(1);
    });
  });

  if (database.name === 'postgresql') {
    describe('promise 22: a statement in the loop that reads a stream of the session', () => {
      let engineFactory: MikroOrmEngineFactory;
      let uow: BankUnitOfWork;
      let drop: () => Promise<void>;

      before(async () => {
        const place = await database.dsn();
        drop = place.drop;
        engineFactory = new MikroOrmEngineFactory(engineOptions({ dsn: place.dsn, poolSize: 2 }, { entities }));
        await (await engineFactory.create()).schema.create();
        uow = new BankUnitOfWork(engineFactory);
        await uow.run(async (u) => {
          for (const owner of ['Ada', 'Grace', 'Alan']) {
            await u.accounts.create({ owner });
          }
        });
      });
      after(async () => {
        await engineFactory.dispose();
        await drop();
      });

      type Unit = Parameters<Parameters<BankUnitOfWork['run']>[0]>[0];
      for (const [name, statement] of [
        ['a count', (u: Unit) => u.accounts.count()],
        ['raw SQL', (u: Unit) => raw(u).execute('select 1')],
        [
          'Kysely',
          (u: Unit) =>
            (u.session as never as { getKysely(): Kyselyish }).getKysely().selectFrom('account').selectAll().execute(),
        ],
        ['an inner unit', (u: Unit) => u.run((inner) => inner.accounts.count())],
        [
          'another stream',
          async (u: Unit) => {
            for await (const _ of u.session.stream(entities[0] as never)) {
              return;
            }
          },
        ],
      ] as const) {
        for (const chunkSize of [1, 100])
          it(`is refused: ${name}, in pages of ${chunkSize}`, async () => {
            await uow.run(async (u) => {
              let read = 0;
              for await (const _ of u.session.stream(entities[0] as never, { chunkSize })) {
                read += 1;
                const error = await rejection(Promise.resolve(statement(u)));
                expect(error).to.be.instanceOf(ConfigurationError);
                expect((error as Error).message).to.include('u.accounts.stream()');
              }
              expect(read).to.equal(3);
              expect(await u.accounts.count()).to.equal(3);
            });
          });
      }

      it('waits for a stream whose first page is on its way', async () => {
        await uow.run(async (u) => {
          const read = async () => {
            const found = [];
            for await (const account of u.session.stream(entities[0] as never)) {
              found.push(account);
            }
            return found.length;
          };
          expect(await Promise.all([read(), u.accounts.count()])).to.deep.equal([3, 3]);
        });
      });

      interface Kyselyish {
        selectFrom(table: string): { selectAll(): { execute(): Promise<unknown> } };
      }
      const raw = (u: Unit) => u.session.getConnection() as unknown as RawConnection;
    });
  }
});

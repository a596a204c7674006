import { expect } from 'chai';
import {
  MikroOrmConnectionProxy,
  MikroOrmEngineFactory,
  MikroOrmRepository,
  MikroOrmUnitOfWork,
} from '../../src/index.js';
import { Account } from '../support/bank.js';
import { type Bank, forEachBank } from '../support/bank-database.js';
import { type LeftoverKind, leftoverKinds } from './leftover-kinds.js';

interface Executes {
  execute<T>(sql: string, params?: readonly unknown[]): Promise<T>;
}

class AccountRepository extends MikroOrmRepository<Account> {
  protected readonly entity = Account;

  async leave({ sql, params }: LeftoverKind): Promise<void> {
    await (await this.connection()).execute(sql, params);
  }

  async probe({ probe }: LeftoverKind): Promise<unknown> {
    const [row] = await (await this.connection()).execute<{ value: unknown }[]>(probe);
    return row?.value;
  }

  async backend(): Promise<number> {
    const [row] = await (await this.connection()).execute<{ pid: number }[]>('select pg_backend_pid() as pid');
    return row?.pid as number;
  }

  async connection(): Promise<Executes> {
    return (await this.connectionProxy.connect()) as unknown as Executes;
  }
}

class Bookkeeping extends MikroOrmUnitOfWork.of({ accounts: AccountRepository }) {}

interface Ending {
  readonly name: string;
  /** Leaves something, and tells what showed of it before the end. */
  run(uow: Bookkeeping, kind: LeftoverKind, standalone: AccountRepository): Promise<unknown>;
  readonly owners: readonly string[];
}

const failure = new Error('on purpose');

const endings: readonly Ending[] = [
  {
    name: 'commit',
    run: (uow, kind) =>
      uow.run(async (u) => {
        await u.accounts.create({ owner: 'Ada' });
        await u.flush();
        await u.accounts.leave(kind);
        return u.accounts.probe(kind);
      }),
    owners: ['Ada'],
  },
  {
    name: 'rollback',
    run: (uow, kind) =>
      uow.run(async (u) => {
        await u.accounts.create({ owner: 'Ada' });
        await u.flush();
        await u.accounts.leave(kind);
        const seen = await u.accounts.probe(kind);
        await u.rollback();
        return seen;
      }),
    owners: [],
  },
  {
    name: 'an error',
    async run(uow, kind) {
      let seen: unknown;
      const failed = uow.run(async (u) => {
        await u.accounts.create({ owner: 'Ada' });
        await u.flush();
        await u.accounts.leave(kind);
        seen = await u.accounts.probe(kind);
        throw failure;
      });
      expect(await failed.catch((error: unknown) => error)).to.equal(failure);
      return seen;
    },
    owners: [],
  },
  {
    name: 'a first run that is repeated',
    run: (uow, kind) => {
      let seen: unknown;
      return uow.run(
        async (u) => {
          await u.accounts.create({ owner: `run ${u.attempt}` });
          await u.flush();
          if (u.attempt === 2) {
            if (!kind.fromCommit) {
              expect(await u.accounts.probe(kind), 'in the second run').not.to.deep.equal(seen);
            }
            return seen;
          }
          await u.accounts.leave(kind);
          seen = await u.accounts.probe(kind);
          throw failure;
        },
        { retry: { attempts: 2, minDelay: 0, maxDelay: 0, when: (error) => error === failure } },
      );
    },
    owners: ['run 2'],
  },
  {
    name: 'an inner unit',
    run: (uow, kind) =>
      uow.run(async (u) => {
        await u.accounts.create({ owner: 'outer' });
        return u.run(async (inner) => {
          await inner.accounts.create({ owner: 'inner' });
          await inner.flush();
          await inner.accounts.leave(kind);
          return inner.accounts.probe(kind);
        });
      }),
    owners: ['outer', 'inner'],
  },
  {
    name: 'a standalone repository',
    async run(_uow, kind, standalone) {
      await standalone.create({ owner: 'alone' });
      await standalone.leave(kind);
      return standalone.probe(kind);
    },
    owners: ['alone'],
  },
];

/** On one connection, so that whoever comes next has it. */
async function onOneConnection(bank: Bank, work: (uow: Bookkeeping, alone: AccountRepository) => Promise<void>) {
  await using engineFactory = new MikroOrmEngineFactory(bank.options({}, 1));
  await work(new Bookkeeping(engineFactory), new AccountRepository(new MikroOrmConnectionProxy(engineFactory)));
}

describe('promise 31: what SQL of the caller leaves on a connection is gone before the next unit', () => {
  forEachBank((bank, engine) => {
    before(() =>
      bank.rows(
        `create or replace procedure leave_something() language plpgsql as $$ begin perform set_config('app.procedure', '1', false); end $$`,
      ),
    );

    for (const ending of endings) {
      describe(`after ${ending.name}`, () => {
        for (const kind of leftoverKinds.filter((one) => engine === 'postgresql' || one.severalStatements !== true)) {
          it(kind.name, () =>
            onOneConnection(bank, async (uow, standalone) => {
              const [clean, backend] = await uow.run(async (u) => [
                await u.accounts.probe(kind),
                await u.accounts.backend(),
              ]);
              const seen = await ending.run(uow, kind, standalone);
              if (!kind.fromCommit) {
                expect(seen, 'it was left').not.to.deep.equal(clean);
              }
              const [after, backendAfter] = await uow.run(async (u) => [
                await u.accounts.probe(kind),
                await u.accounts.backend(),
              ]);
              expect(after).to.deep.equal(clean);
              expect(backendAfter, 'the same connection').to.equal(backend);
              const rows = await bank.rows<{ owner: string }>('select owner from account order by id');
              expect(rows.map(({ owner }) => owner)).to.deep.equal(ending.owners);
            }),
          );
        }
      });
    }
  });
});

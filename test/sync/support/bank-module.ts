import { PGlite } from '@electric-sql/pglite';
import {
  engineOptions,
  MikroOrmConnectionProxy,
  MikroOrmEngineFactory,
  MikroOrmRepository,
  MikroOrmUnitOfWork,
} from '../../../src/index.js';
import {
  Account,
  CustomerRepository,
  entities,
  RateRepository,
  TradeRepository,
  Transfer,
} from '../../support/bank.js';
import { query } from '../../support/database.js';

// What a consumer's module looks like. The test says in the environment which database it is on.
const dsn = process.env.SYNC_TEST_DSN ?? 'pglite://memory';
const pglite = dsn.startsWith('pglite:') ? await PGlite.create() : undefined;

export const engineFactory = new MikroOrmEngineFactory(
  engineOptions({ dsn, poolSize: 4 }, { entities, ...(pglite && { driverOptions: { pglite } }) }),
);
if (pglite !== undefined) {
  const orm = await engineFactory.create();
  await orm.schema.create();
}

/** Not known to the calling thread, which has the types of this module only. */
export class Overdraft extends Error {
  override name = 'Overdraft';

  constructor(readonly missing: bigint) {
    super(`${missing} are missing`);
  }
}

export class AccountRepository extends MikroOrmRepository<Account> {
  protected readonly entity = Account;

  async overdrawn(): Promise<Account[]> {
    return this.list({ balance: { $lt: 0 } }, { orderBy: { id: 'asc' } });
  }

  async withdraw(account: Account, amount: number): Promise<Account> {
    if (account.balance < amount) {
      throw new Overdraft(BigInt(amount - account.balance));
    }
    account.balance -= amount;
    return account;
  }

  async report(): Promise<{ total: bigint; at: Date; richest: Account | null; byOwner: Map<string, number> }> {
    const accounts = await this.list({}, { orderBy: { balance: 'desc' } });
    return {
      total: accounts.reduce((sum, { balance }) => sum + BigInt(balance), 0n),
      at: new Date(0),
      richest: accounts[0] ?? null,
      byOwner: new Map(accounts.map(({ owner, balance }) => [owner, balance])),
    };
  }

  async *owners(): AsyncGenerator<string> {
    for await (const { owner } of this.stream({}, { orderBy: { id: 'asc' }, chunkSize: 3 })) {
      yield owner;
    }
  }

  async sessionItself(): Promise<object> {
    return { session: await this.connectionProxy.connect(), close: () => undefined };
  }

  async killOwnBackend(): Promise<void> {
    const session = await this.connectionProxy.connect();
    await session
      .getConnection()
      .execute('select pg_terminate_backend(pg_backend_pid())', [], 'all', session.getTransactionContext());
  }

  async hang(): Promise<void> {
    await new Promise(() => undefined);
  }

  async spin(): Promise<void> {
    for (;;) {}
  }

  async exit(): Promise<void> {
    process.exit(7);
  }

  /** Ends this thread once the server is at a COMMIT. */
  async exitDuringCommit(): Promise<void> {
    const look = setInterval(async () => {
      const committing =
        "select 1 from pg_stat_activity where datname = current_database() and query ilike 'commit%' and state = 'active'";
      const rows = await query(dsn, committing);
      if (rows.length > 0) {
        clearInterval(look);
        process.exit(8);
      }
    }, 50);
  }

  async fail(): Promise<void> {
    setImmediate(() => {
      throw new Error('nobody catches this');
    });
    await this.hang();
  }

  async eatMemory(): Promise<void> {
    const eaten: unknown[] = [];
    for (;;) {
      eaten.push(new Array(100_000).fill(Math.random()));
    }
  }
}

export class TransferRepository extends MikroOrmRepository<Transfer> {
  protected readonly entity = Transfer;
}

export class BankUnitOfWork extends MikroOrmUnitOfWork.of({
  accounts: AccountRepository,
  transfers: TransferRepository,
  rates: RateRepository,
  trades: TradeRepository,
  customers: CustomerRepository,
}) {}

export { CustomerRepository, RateRepository, TradeRepository };

/** Neither a repository nor a unit of work. */
export class Clerk {}

export const proxies = { make: () => new MikroOrmConnectionProxy(engineFactory) };

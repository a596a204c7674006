import { MikroOrmEngineFactory } from 'mikro-orm-uow';
import { bankOptions } from '../../mikro-orm.config.js';
import { migrations } from './migrations.js';

// What `sync.ts` opens: the engine, on the database of DATABASE_URL or, because this is an example, on one in memory.
const options = await bankOptions({ DATABASE_URL: 'pglite://memory', ...process.env });

export const engineFactory = new MikroOrmEngineFactory({
  ...options,
  migrations: { ...options.migrations, migrationsList: migrations, silent: true },
});
const orm = await engineFactory.create();
await orm.migrator.up();

export { BankUnitOfWork } from './bank-unit-of-work.js';
export { AccountRepository } from './repositories/account-repository.js';
export { TransferRepository } from './repositories/transfer-repository.js';

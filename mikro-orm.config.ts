import type { Options } from '@mikro-orm/core';
import { engineOptions, postgresConfig } from 'mikro-orm-uow';
import { Account } from './examples/bank/entities/account.js';
import { Transfer } from './examples/bank/entities/transfer.js';

/** MikroORM's options for the example, on the database that `env` names. */
export async function bankOptions(env: NodeJS.ProcessEnv = process.env): Promise<Partial<Options>> {
  return engineOptions(postgresConfig(env), {
    entities: [Account, Transfer],
    migrations: {
      path: 'dist/migrations',
      pathTs: 'migrations',
      // `migration:create` and `migration:check` compare with the database itself, and so with what the migrations did
      snapshot: false,
    },
  });
}

/**
 * What MikroORM's CLI calls: `npx mikro-orm migration:create`, `up`, `down`, `check`. It loads this file and `migrations/`
 * as TypeScript, through `tsx` (package.json, "mikro-orm"), but the library from `dist`: build it first.
 */
export default () => bankOptions();

import { Migration20261122202047_Bank } from '../../migrations/Migration20261122202047_Bank.js';

/**
 * The migrations in their order, for the script to run by itself. MikroORM's CLI does not need this list: it looks into
 * the folder, but for that it needs Node 22.
 */
export const migrations = [Migration20261122202047_Bank];

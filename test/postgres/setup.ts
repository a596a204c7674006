import { EntitySchema, type Options } from '@mikro-orm/core';
import { MikroORM, PostgreSqlDriver } from '@mikro-orm/postgresql';
import { expect } from 'chai';
import { UnitOfWorkPostgreSqlDriver } from '../../src/postgres/index.js';
import { createDatabase, query, type TestDatabase } from '../support/database.js';
import { poolOf } from '../support/impatience.js';
import { otherSessions } from '../support/other-sessions.js';

export interface Account {
  id: number;
  owner: string;
  balance: number;
}

export const Account = new EntitySchema<Account>({
  name: 'Account',
  tableName: 'account',
  properties: {
    id: { type: 'integer', primary: true, autoincrement: true },
    owner: { type: 'string' },
    balance: { type: 'integer', default: 0 },
  },
});

export const schema = `create table account (id serial primary key, owner text not null, balance int not null default 0)`;

/** A database with the table of `Account`, empty. */
export async function accountDatabase(): Promise<TestDatabase> {
  const database = await createDatabase();
  await query(database.url, schema);
  return database;
}

/** The owners in the table, in the order in which they came. */
export async function owners(url: string): Promise<string[]> {
  const rows = await query<{ owner: string }>(url, 'select owner from account order by id');
  return rows.map(({ owner }) => owner);
}

export type Engine = MikroORM;
export type Session = Engine['em'];

const options = (url: string, more: Partial<Options>): Options =>
  ({
    clientUrl: url,
    entities: [Account],
    pool: { min: 0, max: 3 },
    ensureDatabase: false,
    logger: () => {},
    ...more,
  }) as Options;

export { poolOf };

/** An engine on the driver under test. */
export const ours = (url: string, more: Partial<Options> = {}): Engine =>
  new MikroORM({ ...options(url, more), driver: UnitOfWorkPostgreSqlDriver } as never);

/** An engine on MikroORM's own driver, to show what is different. */
export const stock = (url: string, more: Partial<Options> = {}): Engine =>
  new MikroORM({ ...options(url, more), driver: PostgreSqlDriver } as never);

/** All connections of the pool are free. */
export async function expectNothingHeld(engine: Engine): Promise<void> {
  const pool = await poolOf(engine);
  expect({ idle: pool.idleCount, waiting: pool.waitingCount }).to.deep.equal({ idle: pool.totalCount, waiting: 0 });
}

/** The process of the server's that a session talks to. */
export async function backendOf(session: Session): Promise<number> {
  const [row] = await session.execute<{ pid: number }[]>('select pg_backend_pid() as pid');
  return row?.pid ?? expect.fail('no backend');
}

/** Ends a backend, and waits until it's gone. */
export async function terminate(url: string, pid: number): Promise<void> {
  await query(url, `select pg_terminate_backend(pid, 5000) from ${otherSessions} where pid = $1`, [pid]);
}

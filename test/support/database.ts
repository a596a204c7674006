import { randomBytes } from 'node:crypto';
import pg from 'pg';
import { serverUrl } from './server-url.js';

/** A database that belongs to one test file. */
export interface TestDatabase extends AsyncDisposable {
  readonly url: string;
  readonly name: string;
  /** Drops the database, whoever is still connected to it. */
  drop(): Promise<void>;
}

/** Mocha's workers have it from the process that started them, which drops what they leave. */
process.env.TEST_RUN ??= String(process.pid);
const prefix = `uow_${process.env.TEST_RUN}_`;

/** A new, empty database on the test server, or on the server of `url`. */
export async function createDatabase(url = serverUrl()): Promise<TestDatabase> {
  const name = prefix + randomBytes(6).toString('hex');
  await query(url, `create database ${name} template template0`);
  const own = new URL(url);
  own.pathname = `/${name}`;
  const drop = async (): Promise<void> => {
    await query(url, `drop database if exists ${name} with (force)`);
  };
  return { url: own.href, name, drop, [Symbol.asyncDispose]: drop };
}

/** Drops what tests of this run have created and not dropped. */
export async function dropOwnDatabases(url = serverUrl()): Promise<void> {
  const left = await query<{ datname: string }>(url, 'select datname from pg_database where starts_with(datname, $1)', [
    prefix,
  ]);
  for (const { datname } of left) {
    await query(url, `drop database if exists ${datname} with (force)`);
  }
}

/** Runs one statement on a connection of its own, beside whatever the code under test does. Returns the rows. */
export async function query<Row extends object = Record<string, unknown>>(
  url: string,
  sql: string,
  params?: readonly unknown[],
): Promise<Row[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    const result = await client.query<Row>(sql, params === undefined ? undefined : [...params]);
    return result.rows;
  } finally {
    await client.end();
  }
}

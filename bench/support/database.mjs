import pg from 'pg';
import { createDatabase } from '../../dist/test/support/database.js';
import { OwnServer } from '../../dist/test/support/own-server.js';

/** Runs `work` with the URL of a new database: on the server of DATABASE_URL, or else on one of its own. */
export async function withDatabase(work) {
  const server = process.env.DATABASE_URL ? undefined : await OwnServer.start();
  try {
    const database = await createDatabase(server?.url ?? process.env.DATABASE_URL);
    try {
      return await work(database.url);
    } finally {
      await database.drop();
    }
  } finally {
    await server?.stop();
  }
}

/** Sends SQL on a connection of its own. */
export async function query(url, sql) {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query(sql)).rows;
  } finally {
    await client.end();
  }
}

import { dropOwnDatabases } from './database.js';
import { OwnServer } from './own-server.js';

process.setSourceMapsEnabled(true);

/** What mocha's global fixtures share: the server that this run has started, if it has. */
interface Run {
  server?: OwnServer;
}

/** Before all tests: the server of `DATABASE_URL`, or else a new one in a temporary folder. */
export async function mochaGlobalSetup(this: Run): Promise<void> {
  if (!process.env.DATABASE_URL) {
    this.server = await OwnServer.start();
  }
  process.env.TEST_DATABASE_URL = process.env.DATABASE_URL || this.server?.url;
}

/** After all tests: nothing of this run stays behind. */
export async function mochaGlobalTeardown(this: Run): Promise<void> {
  if (this.server === undefined) {
    await dropOwnDatabases();
  }
  await this.server?.stop();
}

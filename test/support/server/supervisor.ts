import { Bouncer } from './bouncer.js';
import { Cluster } from './cluster.js';
import type { Kept, Reply, Request } from './protocol.js';

// A process of its own that keeps one PostgreSQL server, or one pooler. It outlives the tests by the moment that it takes to stop the
// server and to remove its folder: their end, however violent, closes the channel between the two.

const kept = JSON.parse(process.argv[2] ?? '') as Kept;
const server = kept.kind === 'pgbouncer' ? new Bouncer(kept.options) : new Cluster(kept.options);
let last: Promise<unknown> = Promise.resolve();

const obey = async ({ id, command }: Request): Promise<void> => {
  let failure: string | undefined;
  try {
    await server[command]();
  } catch (error) {
    failure = error instanceof Error ? error.message : String(error);
  }
  const { url, folder, pid } = server;
  const reply: Reply = { id, url, folder, pid, ...(failure !== undefined && { failure }) };
  if (process.connected) {
    process.send?.(reply);
  }
};

const end = (): void => {
  last = last.then(() => server.remove()).finally(() => process.exit());
};

process.on('message', (request: Request) => {
  last = last.then(() => obey(request));
});
process.once('disconnect', end);
// Ctrl-C and the like are for the tests; their end is what ends the server.
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.on(name, () => undefined);
}

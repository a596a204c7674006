import { parseArgs } from 'node:util';
import { query } from '../support/database.js';
import { startProxy } from '../support/wire-proxy.js';
import { calm, type FaultName, rage } from '../torture/agent/agent.js';
import { Outages } from '../torture/agent/outages.js';
import type { Scene } from '../torture/agent/scene.js';
import { Random } from '../torture/random.js';
import { Site } from '../torture/site.js';
import { compare, heading, row } from './compare.js';
import type { Sample } from './protocol.js';
import { Subject } from './subject.js';

// Runs units with a fault a second, and compares what the process is like with what it was like after the first thousand.
// Ends with 1 when something has grown.

process.setSourceMapsEnabled(true);
const { values } = parseArgs({
  options: {
    units: { type: 'string', default: '20000' },
    /** No further step is begun when so much time is over. */
    minutes: { type: 'string', default: '600' },
    seed: { type: 'string', default: '1' },
  },
});
const total = Number(values.units);
const longest = Number(values.minutes) * 60_000;
if (!Number.isInteger(total) || total < 2_000 || !(longest > 0)) {
  throw new Error('--units must be a whole number of 2000 or more, and --minutes a number above 0');
}
const faults: FaultName[] = ['loseMessage', 'terminate', 'dropAll'];
const interruption = new AbortController();
for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(name, () => interruption.abort());
}

await using site = await Site.start();
const { server, url } = site;
await using proxy = await startProxy(url);
const subject = new Subject(proxy.url, values.seed);
interruption.signal.addEventListener('abort', () => subject.kill());
const scene: Scene = {
  site,
  server,
  proxy,
  address: proxy,
  url,
  clients: [],
  random: new Random(values.seed).fork('agent'),
  outages: new Outages(),
  figures: {},
  atTheEnd: new Set(),
};

try {
  const problems = await run();
  console.log(problems.length === 0 ? 'Nothing has grown.' : `GROWN\n${problems.join('\n')}`);
  process.exitCode = problems.length === 0 ? 0 : 1;
} catch (error) {
  if (!interruption.signal.aborted) {
    throw error;
  }
  console.log('Interrupted.');
  process.exitCode = 130;
} finally {
  subject.kill();
}

/** Runs the units and prints what the process is like in between. Resolves to what has grown. */
async function run(): Promise<string[]> {
  const started = performance.now();
  const steps = Array.from({ length: 10 }, (_, step) => Math.round((total * (step + 1)) / 10));
  let first: Sample | undefined;
  let grown: string[] = [];
  console.log(heading);
  for (const until of [1_000, ...steps.filter((units) => units > 1_000)]) {
    if (performance.now() - started > longest) {
      console.log(`Stopped: ${values.minutes} minutes are over.`);
      break;
    }
    await runUntil(until);
    await calm(scene);
    const sample = await subject.sample();
    first ??= sample;
    grown = compare(first, sample);
    const struck = Object.values(scene.figures).reduce((sum, count) => sum + count, 0);
    console.log(row(sample, await backends(), struck, performance.now() - started));
  }
  await subject.end();
  const left = await backends();
  return left === 0 ? grown : [...grown, `${left} backends are left though the process has ended`];
}

/** Has the units run while faults happen. */
async function runUntil(until: number): Promise<void> {
  const quiet = new AbortController();
  const raging = rage(scene, { faults, milliseconds: 36_000_000, pace: [1_000, 1_000], signal: quiet.signal });
  try {
    await Promise.race([subject.run(until), raging]);
  } finally {
    quiet.abort();
    await raging;
  }
}

async function backends(): Promise<number> {
  const [found] = await query<{ count: number }>(
    url,
    "select count(*)::int as count from pg_stat_activity where datname = 'bank' and pid <> pg_backend_pid() and backend_type = 'client backend'",
  );
  return found?.count ?? 0;
}

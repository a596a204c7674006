// `npm run bench` measures all peers and writes RESULTS.md, results/*.svg and results/sql.md; `npm run bench -- --quick` takes a few
// peers and rounds, writes nothing, and fails where this library needs more round trips or connections than it should.
// `--picture` counts a few workloads of all peers, and writes the chart in README and the SQL that each sends.
// `--rounds <n>`, `--only <workload,...>`, `--peers <peer,...>` and `--counts` (no times) narrow a run.
import { parseArgs } from 'node:util';
import { createDatabase } from '../dist/test/support/database.js';
import { OwnServer } from '../dist/test/support/own-server.js';
import { peers as allPeers } from './peers.mjs';
import { checkCounts } from './report/check-counts.mjs';
import { pictured, printTables, writePicture, writeResults } from './report/results.mjs';
import { count } from './run/count.mjs';
import { time, timeAt } from './run/time.mjs';
import { workloads as allWorkloads, endurance, growth } from './workloads.mjs';

const { values: flags } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    counts: { type: 'boolean', default: false },
    picture: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    only: { type: 'string' },
    peers: { type: 'string' },
  },
});
const chosen = (all, names) => all.filter(({ name }) => names === undefined || names.split(',').includes(name));
const isOwn = ({ name }) => name.startsWith('mikro-orm-uow');
const peers = chosen(allPeers, flags.peers)
  .filter(({ quick }) => !flags.quick || quick)
  // only this library's counts are checked
  .filter((peer) => !(flags.quick && flags.counts) || isOwn(peer));
const workloads = chosen(allWorkloads, flags.picture ? pictured.join() : flags.only).filter(
  ({ quick }) => !flags.quick || quick,
);
const rounds = Number(flags.rounds ?? (flags.quick ? 2 : 9));
const operations = (workload) => (flags.quick ? workload.quick : workload.operations);

const server = await OwnServer.start();
try {
  await measure();
} finally {
  await server.stop();
}

async function measure() {
  const database = await createDatabase(server.url);
  const results = { counts: {}, next: {}, far: {}, node: process.version, rounds };
  for (const peer of peers) {
    console.log(`counting ${peer.name}`);
    results.counts[peer.name] = await count(peer, workloads, database.url, { keepsSql: !flags.quick });
  }
  if (flags.picture) {
    await writePicture(peers, workloads, results.counts);
    return;
  }
  if (!flags.counts) {
    console.log(`${rounds} rounds of ${workloads.length} workloads, next door`);
    results.next = await time(peers, workloads, database.url, {
      rounds,
      operations,
      serverPid: server.pid,
      reuses: flags.quick,
      ...(flags.quick && { warmUps: 2 }),
    });
    const distant = workloads.filter(({ setup, loops }) => setup === 1000 && loops === 1);
    console.log(`${rounds} rounds of ${distant.length} workloads at 1 ms each way`);
    results.far = await timeAt(1, peers, distant, database.url, {
      rounds,
      reuses: true,
      warmUps: 2,
      operations: (workload) => Math.ceil(operations(workload) / 4),
      serverPid: server.pid,
    });
  }
  if (!flags.quick && !flags.counts && flags.only === undefined) {
    const growing = peers.filter(({ name }) => name === 'mikro-orm-uow' || name === 'mikro-orm');
    console.log('Growth');
    const options = { rounds: 3, operations: (workload) => workload.operations, serverPid: server.pid };
    results.growth = await time(growing, growth, database.url, options);
    results.endurance = await time(growing, [endurance], database.url, { ...options, rounds: 1, warmUps: 0 });
  }
  printTables(peers, workloads, results);
  if (!flags.quick && !flags.counts && flags.only === undefined && flags.peers === undefined) {
    await writeResults(peers, workloads, results);
  }
  checkCounts(workloads, results.counts);
}

import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { engineOptions, MikroOrmEngineFactory } from '../../src/index.js';
import { entities } from '../support/bank.js';
import { query } from '../support/database.js';
import { OwnServer, PgBouncer } from '../support/own-server.js';
import { waitFor } from '../support/wait-for.js';
import { chart, type Line } from './chart.js';
import type { Order, Service } from './protocol.js';

// Runs processes of a transfer service against a primary, PgBouncer, and a primary with a replica, and tells what grows with their
// number. Ends with 1 where a balance or the number of transfers is wrong.

process.setSourceMapsEnabled(true);
const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '6' },
    processes: { type: 'string', default: '1,2,4,8' },
    /** A file for the chart. */
    chart: { type: 'string' },
  },
});
const counts = values.processes.split(',').map(Number);
const seconds = Number(values.seconds);
const accounts = 1_000;
/** Connections of each process, requests at a time, milliseconds that each waits for something else. */
const service = { poolSize: 4, loops: 16, elsewhere: 50, seconds, accounts };
/** PgBouncer's connections to the server. */
const poolerSize = 8;

const program = fileURLToPath(new URL('./service.js', import.meta.url));
await using primary = await OwnServer.start();
await createAccounts();
await using standby = await OwnServer.start({ standbyOf: primary });
await using pooler = await PgBouncer.start({ target: primary.url, poolSize: poolerSize });

const places = [
  { name: 'primary', url: primary.url },
  { name: `PgBouncer, ${poolerSize} connections`, url: pooler.url },
  { name: 'primary and replica', url: primary.url, replica: standby.url },
];
const lines: Line[] = [];
let isRight = true;
console.log(
  `${cpus().length} cores, Node ${process.versions.node}; each process: a pool of ${service.poolSize}, ${service.loops} requests at a time, ` +
    `${service.elsewhere} ms elsewhere in each transfer, every second request a read`,
);
console.log(
  '| place | connection held | processes | units/s | wait for a connection, ms | held, ms | retries | reads of the replica | balances |',
);
console.log('|---|---|---:|---:|---:|---:|---:|---:|---|');
for (const [colour, { name, url, replica }] of places.entries()) {
  for (const holdsFromStart of [false, true]) {
    const rates: number[] = [];
    const held = holdsFromStart ? 'from the start' : 'from the first statement';
    for (const count of counts) {
      const order: Order = { url, replica, holdsFromStart, ...service };
      const results = await runProcesses(order, count);
      const sum = (what: keyof Service): number => results.reduce((total, one) => total + one[what], 0);
      const units = sum('transfers') + sum('reads');
      const right = await checkBalances(sum('transfers'));
      isRight &&= right && sum('failures') === 0;
      rates.push(units / seconds);
      const cells = [
        name,
        held,
        count,
        Math.round(units / seconds),
        (sum('waited') / units).toFixed(1),
        (sum('held') / units).toFixed(1),
        sum('retries'),
        `${Math.round((100 * sum('readsOfReplica')) / sum('reads'))} %`,
        right ? 'right' : 'WRONG',
      ];
      console.log(`| ${cells.join(' | ')} |`);
    }
    lines.push({ name: `${name}, ${held}`, values: rates, isDashed: holdsFromStart, colour });
  }
}
if (values.chart !== undefined) {
  writeFileSync(values.chart, chart('A transfer service in several processes', counts, lines));
}
process.exitCode = isRight ? 0 : 1;

async function createAccounts(): Promise<void> {
  await using engineFactory = new MikroOrmEngineFactory(engineOptions({ dsn: primary.url, poolSize: 1 }, { entities }));
  await (await engineFactory.create()).schema.create();
  await query(
    primary.url,
    `insert into account (owner, balance) select 'owner ' || n, 1000 from generate_series(1, ${accounts}) n`,
  );
}

/** So many processes at once, which begin together. */
async function runProcesses(order: Order, count: number): Promise<Service[]> {
  await query(primary.url, 'truncate transfer');
  const processes = Array.from({ length: count }, () => fork(program, [JSON.stringify(order)]));
  await Promise.all(processes.map((one) => message(one)));
  const results = processes.map((one) => message(one) as Promise<Service>);
  for (const one of processes) {
    one.send('go');
  }
  const done = await Promise.all(results);
  await Promise.all(processes.map((one) => (one.exitCode === null ? once(one, 'exit') : undefined)));
  return done;
}

async function message(one: ChildProcess): Promise<unknown> {
  const [said] = await Promise.race([
    once(one, 'message'),
    once(one, 'exit').then(([code]) => {
      throw new Error(`A process of the service ended with ${code}`);
    }),
  ]);
  return said;
}

/** Whether there is as much money as before, and a row for each transfer that was told; on the replica as well, once it has it all. */
async function checkBalances(told: number): Promise<boolean> {
  const sql =
    'select (select sum(balance)::int from account) as money, (select count(*)::int from transfer) as transfers';
  const isRightAt = async (url: string): Promise<boolean> => {
    const [row] = await query<{ money: number; transfers: number }>(url, sql);
    return row?.money === accounts * 1_000 && row.transfers === told;
  };
  if (!(await isRightAt(primary.url))) {
    return false;
  }
  await waitFor(() => isRightAt(standby.url), { timeout: 30_000, message: 'the replica to have what the primary has' });
  return true;
}

import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { PeerProcesses } from './peer-process.mjs';
import { serverCpu } from './server-cpu.mjs';
import { checkSums, fillAccounts, sumsOf } from './table.mjs';

/**
 * Runs rounds of each workload, in which the peers take turns in an order that moves on each round: what the machine does
 * meanwhile falls on all of them. Each peer has a process of its own, a new one for each workload unless `reuses`. Returns
 * peer -> workload -> one sample a round, for one operation.
 */
export async function time(
  peers,
  workloads,
  url,
  { rounds, operations, serverPid, through = url, reuses = false, warmUps = Infinity },
) {
  const samples = Object.fromEntries(peers.map(({ name }) => [name, {}]));
  const processes = new PeerProcesses(through);
  for (const workload of workloads) {
    const started = await Promise.all(peers.map((peer) => processes.for(peer, workload)));
    const runners = started.filter((process) => process !== undefined);
    const times = operations(workload);
    const measure = async (process, start) => {
      await fillAccounts(url, workload.setup);
      const before = await sumsOf(url);
      const serverBefore = await serverCpu(serverPid);
      const { wall, cpu, heap, peak } = await process.run(workload, start, times);
      const serverAfter = await serverCpu(serverPid);
      await checkSums(url, process.name, workload, before, times);
      const server = serverAfter === undefined ? undefined : (serverAfter - serverBefore) / times;
      return { wall: wall / times, cpu: cpu / times, server, peak: peak / 1024, heap: heap / 1024 };
    };
    // the first rounds warm up, and count for nothing
    const first = Math.min(warmUps, workload.warmUps);
    for (let round = 0; round < first + rounds; round += 1) {
      for (let turn = 0; turn < runners.length; turn += 1) {
        const process = runners[(turn + round) % runners.length];
        const sample = await measure(process, round * times);
        if (round >= first) {
          samples[process.name][workload.name] ??= [];
          samples[process.name][workload.name].push(sample);
        }
      }
    }
    if (!reuses) {
      await processes.closeAll();
    }
  }
  await processes.closeAll();
  return samples;
}

/** The same, at `delay` milliseconds each way. */
export async function timeAt(delay, peers, workloads, url, options) {
  const { hostname, port } = new URL(url);
  const proxy = fork(fileURLToPath(new URL('./delay-proxy.mjs', import.meta.url)), [hostname, port, String(delay)]);
  const [proxyPort] = await once(proxy, 'message');
  const through = new URL(url);
  through.hostname = '127.0.0.1';
  through.port = String(proxyPort);
  try {
    return await time(peers, workloads, url, { ...options, through: through.href });
  } finally {
    proxy.disconnect();
  }
}

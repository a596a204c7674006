import { startProxy } from '../../dist/test/support/wire-proxy.js';
import { PeerProcesses } from './peer-process.mjs';
import { checkSums, fillAccounts, sumsOf } from './table.mjs';

const IDLE = 'I'.charCodeAt(0);

/** Milliseconds for which connections were in use: from what the client asks of an idle one to the server's "idle" again. */
function watchHolding(proxy) {
  const since = new Map();
  const held = { milliseconds: 0, most: 0 };
  proxy.onFrontend(({ type }, connection) => {
    if (type !== 'startup' && type !== 'X' && type !== 'p' && !since.has(connection)) {
      since.set(connection, performance.now());
      held.most = Math.max(held.most, since.size);
    }
  });
  proxy.onBackend(({ type, bytes }, connection) => {
    if (type === 'Z' && bytes[5] === IDLE && since.has(connection)) {
      held.milliseconds += performance.now() - since.get(connection);
      since.delete(connection);
    }
  });
  return held;
}

/**
 * One peer, workload by workload, through a proxy that reads the protocol: round trips and statements an operation, connections, how
 * long they are held, and the SQL of one operation. Nothing here depends on the machine's speed but what is held.
 */
export async function count(peer, workloads, url, { keepsSql }) {
  const proxy = await startProxy(url);
  const held = watchHolding(proxy);
  const processes = new PeerProcesses(proxy.url);
  const counted = {};
  for (const workload of workloads) {
    const process = await processes.for(peer, workload);
    if (process === undefined) {
      continue;
    }
    await fillAccounts(url, workload.setup);
    const operations = workload.loops > 1 ? workload.loops * 2 : workload.setup === 1000 ? 4 : 1;
    // what a connection is asked once is no part of a unit
    await process.run(workload, 0, operations);
    const before = await sumsOf(url);
    proxy.reset();
    Object.assign(held, { milliseconds: 0, most: 0 });
    await process.run(workload, operations, operations);
    await checkSums(url, peer.name, workload, before, operations);
    const sql = proxy.sql();
    counted[workload.name] = {
      roundTrips: proxy.roundTrips() / operations,
      held: held.milliseconds / operations,
      connections: held.most,
      sql: keepsSql && workload.loops === 1 ? sql.slice(0, Math.ceil(sql.length / operations)) : undefined,
    };
  }
  await processes.closeAll();
  await proxy.close();
  return counted;
}

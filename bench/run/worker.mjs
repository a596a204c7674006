// A process of one peer on one address: runs the workload that it is told, and answers with what it took.
const [file, url, poolSize, options] = process.argv.slice(2);
const { open } = await import(file);
const { endurance, growth, workloads } = await import('../workloads.mjs');
const known = [...workloads, ...growth, endurance];
const peer = await open({ url, poolSize: Number(poolSize), options: JSON.parse(options) });

const milliseconds = ({ user, system }) => (user + system) / 1000;

async function run({ workload: name, first, operations }) {
  const workload = known.find((one) => one.name === name);
  const work = peer.workloads[workload.runs ?? name];
  // made before, that only the work is measured; but not 100,000 of them, which would count as heap
  const isLong = operations > 10_000;
  const inputs = isLong ? [] : Array.from({ length: operations }, (_, i) => workload.input(first + i));
  globalThis.gc();
  const heap = process.memoryUsage().heapUsed;
  const cpu = process.cpuUsage();
  const started = performance.now();
  let next = 0;
  const loop = async () => {
    while (next < operations) {
      const input = inputs[next] ?? workload.input(first + next);
      next += 1;
      await work(...input);
    }
  };
  await Promise.all(Array.from({ length: Math.min(workload.loops, operations) }, loop));
  const wall = performance.now() - started;
  const used = milliseconds(process.cpuUsage(cpu));
  globalThis.gc();
  return { wall, cpu: used, heap: process.memoryUsage().heapUsed - heap, peak: process.resourceUsage().maxRSS };
}

process.on('message', async (request) => {
  if (request === 'close') {
    await peer.close();
    process.disconnect();
    return;
  }
  try {
    process.send({ result: await run(request) });
  } catch (error) {
    process.send({ failure: String(error?.stack ?? error) });
  }
});
process.send({ result: Object.keys(peer.workloads) });

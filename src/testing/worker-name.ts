/** What test runners number the workers of a run by. */
const variables = ['MOCHA_WORKER_ID', 'JEST_WORKER_ID', 'VITEST_POOL_ID'] as const;

/** A name for this process among those of the same run. Where the runner gives its workers none, each file is one. */
export function workerName(env: NodeJS.ProcessEnv = process.env): string {
  for (const variable of variables) {
    const id = env[variable];
    if (id !== undefined && /^\w+$/.test(id)) {
      return `worker_${id.toLowerCase()}`;
    }
  }
  return `process_${process.pid}`;
}

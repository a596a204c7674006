import { type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

/** How a suite has ended that was run as a process of its own. */
export interface SuiteResult {
  /** mocha's exit code: how many tests and hooks have failed. */
  readonly code: number | null;
  readonly output: string;
  /** What the suite has told. */
  readonly told: Record<string, unknown>[];
}

const mocha = fileURLToPath(import.meta.resolve('mocha/bin/mocha.js'));

/** The path of a compiled fixture. */
export const fixture = (name: string): string => fileURLToPath(new URL(`./fixtures/${name}.js`, import.meta.url));

/** Starts mocha on a fixture, without this project's configuration. */
export const startMocha = (
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  options: Pick<SpawnOptions, 'detached'> = {},
) => startNode([mocha, '--no-config', '--timeout', '60000', ...args], env, options);

/** Starts a suite of node:test. A detached one has a process group of its own, as a terminal's programs have. */
export const startNode = (
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  options: Pick<SpawnOptions, 'detached'> = {},
) => spawn(process.execPath, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'], ...options });

/** Waits for a process that was started to run a suite. */
export async function finish(suite: ReturnType<typeof startMocha>): Promise<SuiteResult> {
  let output = '';
  const collect = (chunk: Buffer) => {
    output += chunk;
  };
  suite.stdout.on('data', collect);
  suite.stderr.on('data', collect);
  const [code] = (await once(suite, 'close')) as [number | null];
  const told = output
    .split('\n')
    .filter((line) => line.startsWith('{'))
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  return { code, output, told };
}

export const runMocha = (args: readonly string[], env: NodeJS.ProcessEnv): Promise<SuiteResult> =>
  finish(startMocha(args, env));

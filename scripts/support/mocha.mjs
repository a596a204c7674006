import { spawnSync } from 'node:child_process';

/** Runs mocha in a folder; returns whether all passed, how many did, and otherwise what it said of the others. */
export function mocha(flags, { program = process.execPath, cwd, env }) {
  const { status, stdout, stderr } = spawnSync(
    program,
    ['node_modules/mocha/bin/mocha.js', '--reporter', 'dot', ...flags],
    { cwd, env, encoding: 'utf8', maxBuffer: 1e9 },
  );
  const [, passing] = /^ *(\d+) passing/m.exec(stdout) ?? [];
  const passed = status === 0 && passing !== undefined;
  const report = `${stdout.slice(Math.max(0, stdout.search(/^ *\d+ passing/m)))}\n${stderr}`;
  return { passed, passing: passing ?? '0', report: passed ? '' : report.slice(0, 60_000) };
}

import { type ChildProcess, execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { promisify } from 'node:util';

/** Resolves when `child` has ended. */
export function exit(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) {
      resolve();
    } else {
      child.once('exit', () => resolve());
    }
  });
}

/** The processes that `pid` has started and that still run. */
export async function childrenOf(pid: number): Promise<number[]> {
  const list = `/proc/${pid}/task/${pid}/children`;
  if (existsSync(list)) {
    return readFileSync(list, 'utf8').split(' ').filter(Boolean).map(Number);
  }
  const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'ppid=,pid=']);
  const rows = stdout.split('\n').map((line) => line.trim().split(/\s+/).map(Number));
  return rows.flatMap(([parent, child]) => (parent === pid && child !== undefined ? [child] : []));
}

/** Sends a signal to a process that may have ended already. Returns whether it was there. */
export function signal(pid: number, name: NodeJS.Signals | 0): boolean {
  try {
    return process.kill(pid, name);
  } catch {
    return false;
  }
}

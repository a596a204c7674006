import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';

/** Where a Node of this version or newer is: the one that runs this, or one of the npm registry. */
export function nodeOf(major) {
  if (Number(process.versions.node.split('.')[0]) >= major) {
    return process.execPath;
  }
  const find = ['exec', '--yes', '--loglevel=error', '--package=node@24.21.0', '--call', 'node -p process.execPath'];
  return execFileSync('npm', find, { cwd: tmpdir(), encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim();
}

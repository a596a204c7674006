import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';

/** Where a Node of this version or newer is: the one that runs this, or one of the npm registry. */
export function nodeOf(major) {
  if (Number(process.versions.node.split('.')[0]) >= major) {
    return process.execPath;
  }
  return nodeOfRelease('24.21.0');
}

/** Where the Node of a release is ("22", "latest"): the registry's. */
export function nodeOfRelease(release) {
  const find = ['exec', '--yes', '--loglevel=error', `--package=node@${release}`, '--call', 'node -p process.execPath'];
  return execFileSync('npm', find, { cwd: tmpdir(), encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }).trim();
}

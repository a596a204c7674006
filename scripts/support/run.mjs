import { spawnSync } from 'node:child_process';

/** Runs a program to its end, and gives what it printed. Throws with all of that where it fails. */
export function run(command, args, cwd, options = {}) {
  const result = spawnSync(command, args, {
    cwd,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: 180_000,
    ...options,
  });
  if (result.status !== 0) {
    const reason = result.error?.message ?? result.signal ?? `exit code ${result.status}`;
    throw new Error(`${command} ${args.join(' ')}: ${reason}\n${result.stdout}${result.stderr}`);
  }
  return result.stdout.trim();
}

export const npm = (args, cwd) => run('npm', [...args, '--no-audit', '--no-fund', '--loglevel=error'], cwd);

/** Packs the package into the folder; gives the tarball's name, and the files in it. */
export function pack(root, folder) {
  const [packed] = JSON.parse(npm(['pack', '--json', '--ignore-scripts', '--pack-destination', folder], root));
  return packed;
}
